"""Section 1: the snapshot of what was supplied, and section 10: the form of a result."""

from __future__ import annotations

import json

import pytest

from models.clock import InvalidParams, Supplied, read_params, settle_end_of_day
from models.clock.frames import DATE_FIELDS, TIME_FIELDS
from models.clock.spellings import END_OF_DAY
from tests.models.clock.cases import STAMP, local, run

EVERYTHING = {
    "updated_at_mt": STAMP,
    "updated_at": "2026-11-20T17:00:00.5Z",
    "allday": False,
    **dict.fromkeys((*DATE_FIELDS, "requested_date", "window_date_start", "window_date_end"), "2026-07-04"),
    **dict.fromkeys((*TIME_FIELDS, "requested_time"), "9:30 PM"),
    "time_duration": "1.5 hours",
    "time_duration_s": 5400,
    "window_time_start": 0,
    "window_time_end": 86400,
}


@pytest.mark.parametrize("params", [{"updated_at_mt": STAMP}, EVERYTHING])
def test_a_snapshot_is_read_back_as_it_was_written(params: dict[str, object]) -> None:
    supplied = read_params(params)
    assert Supplied.from_json(json.loads(json.dumps(supplied.to_json()))) == supplied


def test_a_snapshot_is_in_canonical_spelling() -> None:
    snapshot = read_params(EVERYTHING).to_json()
    assert snapshot["time_start_local"] == "21:30:00"
    assert snapshot["updated_at_mt"] == "2026-11-20T17:00:00Z"
    assert snapshot["time_duration"] == "1.5 hours"
    assert snapshot["time_duration_read"] == 5400


def test_absent_values_are_absent_from_the_snapshot() -> None:
    assert read_params({"updated_at_mt": STAMP, "date_start_utc": "", "time_duration": None}).to_json() == {
        "updated_at_mt": "2026-11-20T17:00:00Z"
    }


def test_a_foreign_snapshot_is_refused() -> None:
    with pytest.raises(ValueError, match="colour"):
        Supplied.from_json({"colour": "red"})


def test_parameters_of_other_rooms_are_left_alone() -> None:
    assert read_params({"updated_at_mt": STAMP, "summary": 5, "order_id": "x"}) == read_params(
        {"updated_at_mt": STAMP}
    )


def test_faults_carry_sentences() -> None:
    with pytest.raises(InvalidParams) as caught:
        read_params({"updated_at_mt": STAMP, "date_start_local": "7/4/2026"})
    (fault,) = caught.value.invalid
    assert fault.message == "Without month_first, dates have the form YYYY-MM-DD."
    assert "month_first" in fault.hint


def test_the_end_of_a_day_is_settled_in_place() -> None:
    values: dict[str, object] = {"time_stop_utc": END_OF_DAY, "time_stop_local": END_OF_DAY}
    values["date_stop_utc"] = read_params(
        {"updated_at_mt": STAMP, "date_stop_utc": "2026-12-31"}
    ).date_stop_utc
    faults = settle_end_of_day(values)
    assert [fault.param for fault in faults] == ["time_stop_local"]
    assert str(values["date_stop_utc"]) == "2027-01-01"
    assert "time_stop_local" not in values


def test_an_unreadable_stop_date_is_blamed_once() -> None:
    with pytest.raises(InvalidParams) as caught:
        read_params({"updated_at_mt": STAMP, "date_stop_local": "soon", "time_stop_local": "24:00"})
    assert [fault.param for fault in caught.value.invalid] == ["date_stop_local"]


def test_a_result_is_plain_json() -> None:
    result = run(**local("start", "2026-07-04 10:00"), time_duration="1h")
    assert json.loads(json.dumps(result)) == result
    assert set(result) == {"status", "values", "resolution", "zone", "discrepancies"}
    assert {*DATE_FIELDS, *TIME_FIELDS, "time_duration_s", "updated_at"} <= set(result["values"])
