"""The worked cases of the specification."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from models.clock.check import check, compare

CASES = [
    json.loads(line)
    for line in Path(__file__).with_name("vectors.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_worked_case(case: dict[str, Any]) -> None:
    assert compare(check(case["input"]), case["expect"]) == []


def test_all_forty_cases_are_there() -> None:
    assert len(CASES) == 40


def test_compare_looks_only_at_the_keys_that_a_case_lists() -> None:
    result = {"status": "action-successful", "values": {"a": 1, "b": 2}, "discrepancies": []}
    assert compare(result, {"values": {"a": 1}}) == []


@pytest.mark.parametrize(
    ("expect", "difference"),
    [
        ({"status": "invalid-param"}, "status: expected 'invalid-param', got 'action-successful'"),
        ({"values": {"a": 2}}, "values.a: expected 2, got 1"),
        ({"values": {"z": None}}, "values.z: expected None, got None"),
        ({"discrepancies": ["x"]}, "discrepancies: did not expect 'y'"),
    ],
)
def test_compare_names_each_difference(expect: dict[str, Any], difference: str) -> None:
    result = {"status": "action-successful", "values": {"a": 1}, "discrepancies": ["x", "y"]}
    assert compare(result, expect) == [difference]


def test_compare_ignores_the_order_of_discrepancies() -> None:
    assert compare({"discrepancies": ["x", "y"]}, {"discrepancies": ["y", "x"]}) == []
