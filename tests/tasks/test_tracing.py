"""Traces are derived from the request id alone; monitors hear of what beat starts, once a minute."""

from typing import Any

import pytest

import tracing
from tracing import Trace, checked_in


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Sentry's monitors are told."""
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(tracing, "is_reporting", lambda: True)
    monkeypatch.setattr(tracing, "capture_checkin", lambda **facts: told.append(facts))
    monkeypatch.setattr(tracing, "_checked_in_at", {})
    return told


def test_every_process_derives_the_same_trace_from_a_request_id() -> None:
    here, there, other = Trace("request-1", 1.0), Trace("request-1", 1.0), Trace("request-2", 1.0)
    assert (here.trace_id, here.root) == (there.trace_id, there.root)
    assert other.trace_id != here.trace_id
    assert (len(here.trace_id), len(here.root)) == (32, 16)


@pytest.mark.parametrize("rate", [0.0, 0.25, 1.0])
def test_the_share_of_kept_traces_is_the_configured_one(rate: float) -> None:
    kept = sum(Trace(f"request-{number}", rate).sampled for number in range(2_000))
    assert kept == pytest.approx(2_000 * rate, abs=100)


def test_a_run_tells_its_monitor_that_it_went_well_and_how_often_it_is_due(
    told: list[dict[str, Any]],
) -> None:
    with checked_in("archive", 3600):
        pass
    (said,) = told
    assert (said["monitor_slug"], said["status"]) == ("archive", "ok")
    assert said["monitor_config"]["schedule"] == {"type": "interval", "value": 60, "unit": "minute"}


def test_what_runs_every_few_seconds_is_told_once_a_minute(told: list[dict[str, Any]]) -> None:
    for _ in range(3):
        with checked_in("sweep", 5):
            pass
    assert [said["monitor_slug"] for said in told] == ["sweep"]


def test_a_failed_run_is_told_as_one_and_still_fails(told: list[dict[str, Any]]) -> None:
    with pytest.raises(ZeroDivisionError), checked_in("sweep", 5):
        raise ZeroDivisionError
    assert [said["status"] for said in told] == ["error"]
