"""docs/security.md tells the truth: each risk has its tests, and what is named exists."""

import re

import pytest

from tests.contracts.source import ROOT, modules

PAGE = (ROOT / "docs" / "security.md").read_text()
RISKS = [f"API{number}" for number in range(1, 11)]


def sections() -> dict[str, str]:
    """The text about each risk."""
    parts = re.split(r"^### (API\d+):2023 ", PAGE, flags=re.MULTILINE)[1:]
    return {risk: text.partition("\n## ")[0] for risk, text in zip(parts[::2], parts[1::2], strict=True)}


def named_tests(text: str) -> set[tuple[str, str]]:
    """Module and function of every test that a text names as `tests/….py::test_…`."""
    found = re.findall(r"`(tests/[\w/]+)\.py::(test_\w+)`", text)
    return {(path.replace("/", "."), name) for path, name in found}


def test_every_risk_has_a_section_and_no_other_has() -> None:
    assert list(sections()) == RISKS


@pytest.mark.parametrize("risk", RISKS)
def test_a_risk_has_what_is_done_where_and_a_test(risk: str) -> None:
    text = sections()[risk]
    assert named_tests(text), "no test is named"
    assert re.search(r"`(api|models|tasks|deploy|settings|telemetry)[\w./-]*`", text), "no place is named"


def test_every_test_that_is_named_exists() -> None:
    for module, name in named_tests(PAGE):
        assert module in modules(), module
        functions = {node.name for node in modules()[module].body if hasattr(node, "name")}
        assert name in functions, f"{module}::{name}"


def test_every_file_that_is_named_exists() -> None:
    for path in re.findall(
        r"`((?:api|models|tasks|deploy|tests|requirements|docs|workers)/[\w./*-]+)`", PAGE
    ):
        assert list(ROOT.glob(path.rstrip("/"))), path
