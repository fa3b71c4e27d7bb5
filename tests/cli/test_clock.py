"""`flask clock`: cases in, results out, line by line."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as st

from api.app import create_app as create_api
from cli.clock_cases import Score, check_lines, explain_lines
from tests.client import ApiClient
from tests.world import World

Run = Callable[..., Result]

VECTORS = Path(__file__).parents[1] / "models" / "clock" / "vectors.jsonl"
STAMP = {"updated_at_mt": "2026-11-20 10:00:00"}


def results(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_worked_case_is_as_expected(run: Run) -> None:
    result = run("clock", "check", VECTORS, "--compare")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == "40 of 40 as expected.\n"


def test_each_case_gives_one_result_with_its_id(run: Run) -> None:
    result = run("clock", "check", VECTORS)
    cases = [json.loads(line) for line in VECTORS.read_text().splitlines()]
    assert result.exit_code == 0
    assert [found["id"] for found in results(result)] == [case["id"] for case in cases]
    assert [found["status"] for found in results(result)] == [case["expect"]["status"] for case in cases]
    assert result.stderr == ""


def test_a_difference_is_shown_and_is_a_failure(run: Run) -> None:
    right = {"id": "right", "input": {"params": STAMP}, "expect": {"status": "action-successful"}}
    wrong = {"id": "wrong", "input": {"params": {}}, "expect": {"status": "action-successful"}}
    result = run("clock", "check", "-", "--compare", input=f"{json.dumps(right)}\n\n{json.dumps(wrong)}\n")
    assert result.exit_code == 1
    assert results(result) == [
        {
            "id": "wrong",
            "differences": ["status: expected 'action-successful', got 'missing-param'"],
            "result": {"status": "missing-param", "params": ["updated_at_mt"]},
        }
    ]
    assert result.stderr == "1 of 2 as expected.\n"


@pytest.mark.parametrize(
    ("line", "case_id", "error"),
    [
        ("nope", None, "This is not JSON"),
        ("[" * 10_000, None, "This is not JSON"),
        ("[]", None, "This is not a JSON object."),
        ('{"id": 1}', 1, "The case has no input"),
        ('{"id": 1, "input": {"params": []}}', 1, "The input's params must be an object."),
        ('{"id": 1, "input": {"params": {}}, "expect": 5}', 1, "The case's expect must be an object."),
        (
            json.dumps({"id": 1, "input": {"params": STAMP, "office_zone": "Mars"}}),
            1,
            "The case makes no sense",
        ),
    ],
)
def test_a_line_that_is_no_case_is_told_and_does_not_end_the_run(
    run: Run, line: str, case_id: int | None, error: str
) -> None:
    good = json.dumps({"id": "good", "input": {"params": STAMP}})
    result = run("clock", "check", "-", input=f"{good}\n{line}\n{good}\n")
    assert result.exit_code == 1
    first, bad, last = results(result)
    assert first["id"] == last["id"] == "good"
    assert (bad["id"], bad["line"]) == (case_id, 2)
    assert error in bad["error"]


def test_thousands_of_cases_a_second() -> None:
    """By this process's own time, so that other tests beside it do not count."""
    lines = VECTORS.read_bytes().splitlines() * 50
    list(check_lines(lines[:40], Score(), comparing=True))  # loads the atlas
    score = Score()
    began = time.process_time()
    assert list(check_lines(lines, score, comparing=True)) == []
    assert score.as_expected == len(lines)
    assert len(lines) / (time.process_time() - began) > 2_000


def test_cases_are_explained(run: Run) -> None:
    case = {
        "id": "one",
        "input": {
            "params": {**STAMP, "date_start_utc": "2027-01-04", "time_start_utc": "17:00"},
            "property": {"iana": "America/Denver"},
        },
    }
    words = run("clock", "explain", "-", input=json.dumps(case))
    assert words.exit_code == 0
    assert "America/Denver" in words.stdout
    [shown] = results(run("clock", "explain", "-", "--json", input=json.dumps(case)))
    assert shown["id"] == "one"
    assert all(sentence in words.stdout for sentence in shown["sentences"])


def test_faults_of_a_case_are_its_explanation(run: Run) -> None:
    case = json.dumps({"id": 1, "input": {"params": {"time_start_local": "25:00"}}})
    [shown] = results(run("clock", "explain", "-", "--json", input=case))
    assert shown["sentences"][0] == "updated_at_mt is required."
    assert shown["sentences"][1].startswith("time_start_local: ")


def test_a_stored_appointment_is_explained_from_its_snapshot(run: Run, world: World) -> None:
    api = ApiClient.in_process(create_api(), world.application_token())
    order = world.order(zone="America/New_York")
    made = api.create(order_id=order.id, date_start_local="2027-01-04", time_start_local="10:00").appointment
    result = run("clock", "explain", "--appointment", made["id"])
    assert result.exit_code == 0
    assert "America/New_York" in result.stdout
    assert "not reconciled yet" in result.stderr

    world.execute(
        "UPDATE appointments SET reconciled_at = now(), zone_name = 'America/New_York', zone_source = 'property',"
        " office_zone = 'America/Denver'"
    )
    stored = run("clock", "explain", "--appointment", made["id"])
    assert stored.stdout == result.stdout
    assert stored.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ((), 2),
        (("--appointment", "5", str(VECTORS)), 2),
        (("--appointment", "x"), 2),
        (("--appointment", "999"), 1),
        (("/no/such/file",), 2),
    ],
)
def test_bad_usage_and_unknown_appointments_are_told(
    run: Run, arguments: tuple[str, ...], status: int
) -> None:
    result = run("clock", "explain", *arguments)
    assert result.exit_code == status
    assert result.stdout == ""


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(), max_size=3))
def test_bytes_never_raise(lines: list[bytes]) -> None:
    list(check_lines(lines, Score(), comparing=False))
    list(explain_lines(lines, Score()))
