"""What is set at start and changed by an admin call: search cap, search lag, legacy statuses."""

from pathlib import Path
from typing import Any

import pytest

from sandbox.mandrill.options import Behaviour
from sandbox.mandrill.search_cap import SearchCap
from tests.sandbox.mandrill.conftest import Sandbox


def test_twenty_searches_are_admitted_in_any_minute() -> None:
    cap = SearchCap()
    assert all(cap.admits(each / 10) for each in range(20))
    assert not cap.admits(59.9)
    assert cap.admits(60.0)
    assert not cap.admits(60.0)
    assert cap.admits(60.11)


def test_the_cap_is_off_unless_wanted(sandbox: Sandbox) -> None:
    assert {sandbox.call("messages/search").status for _ in range(21)} == {200}
    sandbox.post("/admin/behaviour", search_cap=True)
    statuses = [sandbox.call("messages/search") for _ in range(21)]
    assert {each.status for each in statuses[:20]} == {200}
    assert (statuses[20].status, statuses[20].json()["name"]) == (429, "RequestLimitExceeded")
    assert sandbox.call("messages/info", id="0" * 32).status == 404
    sandbox.clear()
    assert sandbox.call("messages/search").status == 200


def test_a_search_lags_behind_and_info_does_not(sandbox: Sandbox) -> None:
    (entry,) = sandbox.send().json()
    sandbox.post("/admin/behaviour", search_lag_s=600)
    assert sandbox.call("messages/search", query="u_send_id:s-1").json() == []
    assert sandbox.call("messages/info", id=entry["_id"]).status == 200
    sandbox.post("/admin/behaviour", search_lag_s=0)
    assert len(sandbox.call("messages/search", query="u_send_id:s-1").json()) == 1


@pytest.mark.parametrize(
    ("call", "request_", "now", "before"),
    [
        ("users/ping2", {"key": ""}, 401, 500),
        ("messages/info", {"id": "0" * 32}, 404, 500),
        ("messages/send", {}, 400, 500),
        ("messages/send", {"key": "sandbox-401"}, 401, 500),
        ("messages/recall", {}, 404, 500),
    ],
)
def test_errors_have_the_status_of_their_time(
    sandbox: Sandbox, call: str, request_: dict[str, Any], now: int, before: int
) -> None:
    for legacy, status in ((False, now), (True, before)):
        sandbox.post("/admin/behaviour", legacy_status=legacy)
        answer = sandbox.call(call, **request_)
        assert (answer.status, answer.json()["status"]) == (status, "error")
    if call == "messages/send":
        assert [each["http_status"] for each in sandbox.json("/attempts.json")["attempts"]] == [before, now]


@pytest.mark.parametrize(
    ("fault", "status"),
    [("401", 500), ("422", 500), ("404-template", 500), ("402", 402), ("429", 429), ("503", 503)],
)
def test_faults_have_it_too(sandbox: Sandbox, fault: str, status: int) -> None:
    sandbox.post("/admin/behaviour", legacy_status=True)
    sandbox.order(fault)
    assert sandbox.send().status == status
    assert sandbox.json("/attempts.json")["attempts"][0]["http_status"] == status


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"colour": 1},
        {"search_cap": 1},
        {"search_lag_s": True},
        {"search_lag_s": "5"},
        {"search_lag_s": -1},
    ],
)
def test_a_change_that_cannot_be_made_is_refused_with_a_sentence(
    sandbox: Sandbox, change: dict[str, Any]
) -> None:
    answer = sandbox.post("/admin/behaviour", **change)
    assert answer.status == 400
    assert answer.json()["error"].endswith(".")


def test_the_start_decides_and_a_clearing_returns_to_it(tmp_path: Path) -> None:
    sandbox = Sandbox(
        tmp_path / "store.sqlite", "--search-cap", "--search-lag-s", "7", "--legacy-status",
        "--webhook-retry-s", "3",
    )  # fmt: skip
    given = {"search_cap": True, "search_lag_s": 7.0, "legacy_status": True, "webhook_retry_s": 3.0}
    assert sandbox.json("/admin/behaviour") == given
    assert sandbox.post("/admin/behaviour", search_cap=False).json() == {**given, "search_cap": False}
    sandbox.clear()
    assert sandbox.json("/admin/behaviour") == given
    assert sandbox.stop() == (0, "")


def test_a_webhook_is_tried_again_after_15_to_25_minutes_unless_said() -> None:
    assert Behaviour().webhook_retry_s * 0.75 == 15 * 60
    assert Behaviour().webhook_retry_s * 1.25 == 25 * 60
