"""Cases for the clocks, one JSON object a line: reading them, checking them, explaining them. No I/O.

A case is `{"id": …, "input": {"params": …, "property": …, "office_zone": …}, "expect": …}`. A line that is no
case, or a case that makes no sense, becomes a result with an `error`; it never ends the run.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from models.clock import InvalidParams, Supplied, explain, read_params, reconcile, supersede
from models.clock.check import DEFAULT_OFFICE_ZONE, check, compare, find_zone

Result = dict[str, Any]
_OBJECTS = ("params", "property", "previous")


class CaseError(ValueError):
    """The line cannot be used as a case; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case and the line it stands on, from 1."""

    line: int
    id: Any
    input: dict[str, Any]
    expect: dict[str, Any] | None


@dataclass
class Score:
    """How a comparison goes."""

    cases: int = 0
    as_expected: int = 0
    errors: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether every line was a case, and as expected if that was asked."""
        return self.errors == 0 and self.as_expected == self.cases


def check_lines(lines: Iterable[bytes], score: Score, *, comparing: bool) -> Iterator[Result]:
    """The results to be shown, in the order of the lines.

    Without comparing, all of them. Comparing, those that are not as their case expects, with the differences.
    """

    def shown(case: Case) -> Iterator[Result]:
        result = check(case.input)
        if not comparing:
            score.as_expected += 1
            yield {"id": case.id, **result}
            return
        if case.expect is None:
            raise CaseError("The case has no expect to compare with.")
        differences = compare(result, case.expect)
        if differences:
            yield {"id": case.id, "differences": differences, "result": result}
        else:
            score.as_expected += 1

    return _for_each(lines, score, shown)


def explain_lines(lines: Iterable[bytes], score: Score) -> Iterator[Result]:
    """For each case the sentences that explain its result."""

    def shown(case: Case) -> Iterator[Result]:
        sentences = _explained(case.input)
        score.as_expected += 1
        yield {"id": case.id, "sentences": sentences}

    return _for_each(lines, score, shown)


def _for_each(
    lines: Iterable[bytes], score: Score, shown: Callable[[Case], Iterator[Result]]
) -> Iterator[Result]:
    for number, raw in enumerate(lines, start=1):
        stripped = raw.removeprefix(b"\xef\xbb\xbf").strip()
        if not stripped:
            continue
        score.cases += 1
        case_id = None
        try:
            value = _read(stripped)
            case_id = value.get("id")
            yield from shown(_case_of(number, value))
        except CaseError as error:
            score.errors += 1
            yield {"id": case_id, "line": number, "error": str(error)}
        except Exception as error:  # noqa: BLE001 - one bad case must not end the run
            score.errors += 1
            yield {"id": case_id, "line": number, "error": f"The case makes no sense: {_reason(error)}"}


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"


def _read(raw: bytes) -> dict[str, Any]:
    try:
        value = from_json(raw, allow_inf_nan=False)
    except ValueError as unreadable:
        raise CaseError(f"This is not JSON: {unreadable}.".replace("at line 1 column", "at column")) from None
    if not isinstance(value, dict):
        raise CaseError("This is not a JSON object.")
    return value


def _case_of(number: int, value: dict[str, Any]) -> Case:
    given = value.get("input")
    if not isinstance(given, dict):
        raise CaseError("The case has no input, which must be an object with params.")
    for name in _OBJECTS:
        if given.get(name) is not None and not isinstance(given[name], dict):
            raise CaseError(f"The input's {name} must be an object.")
    expect = value.get("expect")
    if expect is not None and not isinstance(expect, dict):
        raise CaseError("The case's expect must be an object.")
    return Case(number, value.get("id"), given, expect)


def _explained(given: dict[str, Any]) -> list[str]:
    if given.get("trigger") == "tzdata_changed":
        raise CaseError(
            "A change of time zone rules has no explanation of its own; `check` shows its result."
        )
    try:
        supplied = _supplied(given)
    except InvalidParams as invalid:
        return [f"{name} is required." for name in invalid.missing] + [
            " ".join(filter(None, (f"{fault.param}: {fault.message}", fault.hint)))
            for fault in invalid.invalid
        ]
    office = given.get("office_zone") or DEFAULT_OFFICE_ZONE
    return explain(supplied, reconcile(supplied, find_zone(given.get("property") or {}), office))


def _supplied(given: dict[str, Any]) -> Supplied:
    sent = read_params(given.get("params") or {})
    older = (given.get("previous") or {}).get("params")
    if given.get("trigger") == "update" and older:
        return supersede(read_params(older), sent)
    return sent
