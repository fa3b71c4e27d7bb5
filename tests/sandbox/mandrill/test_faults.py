"""Faults by address, by key and by order: what the client sees, and whether the mail was recorded."""

import itertools
import time
from typing import Any

import pytest
import urllib3
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError

from sandbox.mandrill.faults import (
    KINDS,
    Fault,
    UnknownFaultError,
    fault_in_address,
    fault_in_key,
    parse_fault,
)
from tests.sandbox.mandrill.conftest import Sandbox, mail

_serial = itertools.count()
BODIES = {
    "500-html": b"<html>",
    "502-empty": b"",
    "500-text": b"Invalid API key",
    "500-broken": b'{"status":"error"',
    "504-untyped": b"upstream",
    "200-html": b"<html>",
    "200-empty": b"[]",
}


def to(fault: str) -> list[dict[str, str]]:
    return [{"email": f"fault+{fault}.order-{next(_serial)}@example.com"}]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("503", Fault("503")),
        ("429", Fault("429", "1")),
        ("429=3", Fault("429", "3")),
        ("429-3", Fault("429", "3")),
        ("rejected", Fault("rejected", "hard-bounce")),
        ("rejected=unsub", Fault("rejected", "unsub")),
        ("rejected-hard-bounce", Fault("rejected", "hard-bounce")),
        ("Queued=Sending-Paused", Fault("queued", "sending-paused")),
        ("slow=250", Fault("slow", "250")),
        ("timeout-after", Fault("timeout-after")),
        ("500-json-after", Fault("500-json-after")),
    ],
)
def test_a_fault_is_read(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    "text", ["", "504", "503=2", "429=soon", "429=²", "slow=999999", "timeout", "invalid-x"]
)
def test_a_fault_that_is_none_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(UnknownFaultError, match=r"\.$"):
        parse_fault(text)


@pytest.mark.parametrize(
    ("email", "asked"),
    [
        ("fault+503@example.com", (Fault("503"), None)),
        ("fault+rejected=unsub.order.7@example.com", (Fault("rejected", "unsub"), None)),
        ("FAULT+503*2.a@Example.com", (Fault("503"), 2)),
        ("client+503@example.com", None),
        ("fault@example.com", None),
    ],
)
def test_an_address_asks_for_a_fault(email: str, asked: tuple[Fault, int | None] | None) -> None:
    assert fault_in_address(email) == asked


@pytest.mark.parametrize(
    ("key", "fault"),
    [("sandbox-503", Fault("503")), ("sandbox-key", None), ("md-503", None), ("sandbox-", None)],
)
def test_a_key_asks_for_a_fault(key: str, fault: Fault | None) -> None:
    assert fault_in_key(key) == fault


@pytest.mark.parametrize(
    ("fault", "status", "name"),
    [
        ("401", 401, "Invalid_Key"),
        ("402", 402, "PaymentRequired"),
        ("404-template", 404, "Unknown_Template"),
        ("422", 422, "ValidationError"),
        ("429", 429, "RequestLimitExceeded"),
        ("503", 503, "ServiceUnavailable"),
        ("500-json", 500, "GeneralError"),
        ("500-json-after", 500, "GeneralError"),
        ("500-html", 500, None),
        ("500-html-after", 500, None),
        ("502-empty", 502, None),
        ("502-empty-after", 502, None),
        ("500-text", 500, None),
        ("500-broken", 500, None),
        ("504-untyped", 504, None),
        ("200-html", 200, None),
        ("200-empty", 200, None),
    ],
)
def test_a_fault_that_is_a_status_is_answered(
    sandbox: Sandbox, fault: str, status: int, name: str | None
) -> None:
    answer = sandbox.send(to=to(fault))
    assert answer.status == status
    if name is not None:
        assert answer.json()["name"] == name
    else:
        assert answer.data.startswith(BODIES[fault.removesuffix("-after")])
    if fault in ("500-broken", "200-html"):
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            answer.json()
    assert ("Content-Type" in answer.headers) == (fault != "504-untyped")
    assert_recorded(sandbox, fault, status)


def test_an_answer_may_lack_a_recipient(sandbox: Sandbox) -> None:
    answer = sandbox.send(to=[*to("200-short"), {"email": "other@example.com", "type": "cc"}])
    assert (answer.status, len(answer.json())) == (200, 1)
    assert_recorded(sandbox, "200-short", 200)


def test_429_says_when_to_come_back(sandbox: Sandbox) -> None:
    assert sandbox.send(to=to("429")).headers["Retry-After"] == "1"
    assert sandbox.send(to=to("429=3")).headers["Retry-After"] == "3"


@pytest.mark.parametrize(
    ("fault", "status", "reject_reason", "queued_reason"),
    [
        ("invalid", "invalid", None, None),
        ("rejected", "rejected", "hard-bounce", None),
        ("rejected=unsub", "rejected", "unsub", None),
        ("rejected-hard-bounce", "rejected", "hard-bounce", None),
        ("rejected=never-heard-of", "rejected", "never-heard-of", None),
        ("queued", "queued", None, "sending-paused"),
        ("queued=account-suspended", "queued", None, "account-suspended"),
    ],
)
def test_a_fault_of_one_recipient_leaves_the_others_alone(
    sandbox: Sandbox, fault: str, status: str, reject_reason: str | None, queued_reason: str | None
) -> None:
    answer = sandbox.send(to=[*to(fault), {"email": "other@example.com", "type": "cc"}])
    first, second = answer.json()
    assert (first["status"], first["reject_reason"], first["queued_reason"]) == (
        status,
        reject_reason,
        queued_reason,
    )
    assert second["status"] == "sent"
    assert_recorded(sandbox, str(parse_fault(fault)), 200)


@pytest.mark.parametrize("fault", ["refuse", "reset-after"])
def test_a_connection_ends_without_an_answer(sandbox: Sandbox, fault: str) -> None:
    with pytest.raises(ProtocolError):
        sandbox.send(to=to(fault))
    assert_recorded(sandbox, fault, None)


@pytest.mark.parametrize("fault", ["timeout-before", "timeout-after"])
def test_a_silence_outlasts_the_client(sandbox: Sandbox, fault: str) -> None:
    with pytest.raises(ReadTimeoutError):
        sandbox.send(to=to(fault), read_s=0.2)
    assert_recorded(sandbox, fault, None)


def test_a_silence_is_bounded(sandbox: Sandbox) -> None:
    began = time.monotonic()
    with pytest.raises(ProtocolError):
        sandbox.send(to=to("timeout-after"), read_s=5)
    assert 0.8 < time.monotonic() - began < 4


def test_half_an_answer_is_cut_off(sandbox: Sandbox) -> None:
    with pytest.raises(ProtocolError, match="IncompleteRead"):
        sandbox.send(to=to("partial"))
    assert_recorded(sandbox, "partial", None)


def test_a_dripping_answer_takes_longer_than_any_single_read(sandbox: Sandbox) -> None:
    began = time.monotonic()
    with pytest.raises(HTTPError):
        sandbox.send(to=to("drip=50"), read_s=0.5)
    assert time.monotonic() - began > 0.8
    assert_recorded(sandbox, "drip=50", None)


def test_a_dripping_answer_is_whole_if_there_is_time(sandbox: Sandbox) -> None:
    assert sandbox.send(to=to("drip=0")).json()[0]["status"] == "sent"


def test_a_slow_answer_is_recorded_at_once(sandbox: Sandbox) -> None:
    with pytest.raises(ReadTimeoutError):
        sandbox.send(to=to("slow=600"), read_s=0.1)
    assert_recorded(sandbox, "slow=600", 200)
    began = time.monotonic()
    assert sandbox.send(to=to("slow=200")).status == 200
    assert time.monotonic() - began >= 0.2


def test_every_fault_can_be_met(sandbox: Sandbox) -> None:
    for name in KINDS:
        try:
            sandbox.send(to=to(name), read_s=0.05)
        except HTTPError:
            continue
    attempts = sandbox.json("/attempts.json")["attempts"]
    assert {each["fault"].partition("=")[0] for each in attempts} == set(KINDS)
    assert {each["fault"].partition("=")[0]: each["stored"] for each in attempts} == {
        name: kind.recorded for name, kind in KINDS.items()
    }


def test_a_fault_misspelt_in_an_address_is_not_a_success(sandbox: Sandbox) -> None:
    answer = sandbox.send(to=to("tiemout"))
    assert (answer.status, answer.json()["name"]) == (400, "ValidationError")
    assert "timeout-after" in answer.json()["message"]


def test_a_fault_of_the_first_attempts_passes(sandbox: Sandbox) -> None:
    recipient = to("503*2")
    assert [sandbox.send(to=recipient).status for _ in range(4)] == [503, 503, 200, 200]
    other = {"send_id": "s-2"}
    assert sandbox.send(to=recipient, metadata=other).status == 503


def test_a_key_brings_its_fault_to_every_mail(sandbox: Sandbox) -> None:
    assert sandbox.send(key="sandbox-503").status == 503
    assert sandbox.send(key="sandbox-rejected=unsub").json()[0]["reject_reason"] == "unsub"
    assert sandbox.send(key="sandbox-401").json()["name"] == "Invalid_Key"
    assert sandbox.call("users/ping2", key="sandbox-401").status == 401
    assert sandbox.call("users/ping2", key="sandbox-503").status == 200


@pytest.mark.parametrize(
    ("match", "hit", "miss"),
    [
        (
            {"to": "a@example.com"},
            {"to": [{"email": "A@example.com"}]},
            {"to": [{"email": "aa@example.com"}]},
        ),
        ({"to": "@example.org"}, {"to": [{"email": "a@example.org"}]}, {"to": [{"email": "a@example.com"}]}),
        ({"subject": "cancel"}, {"subject": "Cancelled"}, {"subject": "Moved"}),
        ({"tag": "send-assignment"}, {"tags": ["send-assignment"]}, {"tags": ["send-confirmation"]}),
        ({"send_id": "s-5"}, {"metadata": {"send_id": "s-5"}}, {"metadata": {"send_id": "s-55"}}),
        ({"appointment_id": 5}, {"metadata": {"appointment_id": 5}}, {"metadata": {"appointment_id": 55}}),
        ({"from": "a@example.com"}, {"from_email": "a@example.com"}, {"from_email": "b@example.com"}),
    ],
)
def test_an_order_applies_only_to_what_matches(
    sandbox: Sandbox, match: dict[str, Any], hit: dict[str, Any], miss: dict[str, Any]
) -> None:
    sandbox.order("503", match=match)
    assert sandbox.send(**miss).status == 200
    assert sandbox.send(**hit).status == 503
    assert sandbox.send(**hit).status == 200


def test_an_order_is_for_the_next_n_requests(sandbox: Sandbox) -> None:
    made = sandbox.order("500-json", count=2)
    assert (made["left"], made["recorded"]) == (2, False)
    assert [sandbox.send().status for _ in range(3)] == [500, 500, 200]
    assert sandbox.json("/admin/faults")["orders"] == []


def test_an_order_may_come_as_curl_sends_it(sandbox: Sandbox) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = sandbox.http.request(
        "POST", sandbox.url + "/admin/faults", body=b'{"fault": "503"}', headers=headers
    )
    assert (answer.status, answer.json()["left"]) == (201, 1)


def test_an_order_may_be_for_another_call(sandbox: Sandbox) -> None:
    sandbox.order("429=2", match={"call": "messages/search"})
    assert sandbox.send().status == 200
    answer = sandbox.call("messages/search")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "2")
    assert sandbox.call("messages/search").status == 200


def test_orders_are_listed_withdrawn_and_cleared(sandbox: Sandbox) -> None:
    sandbox.order("503", count=5, match={"to": "a@example.com"})
    listed = sandbox.json("/admin/faults")
    assert listed["orders"] == [{"fault": "503", "left": 5, "match": {"to": "a@example.com"}}]
    assert listed["faults"]["timeout-after"]["recorded"] is True
    assert sandbox.http.request("DELETE", sandbox.url + "/admin/faults").json() == {"orders": []}
    sandbox.order("503")
    sandbox.clear()
    assert sandbox.send().status == 200


@pytest.mark.parametrize(
    "order",
    [
        [],
        {},
        {"fault": "504"},
        {"fault": "503", "count": 0},
        {"fault": "503", "count": True},
        {"fault": "503", "match": {"colour": "red"}},
        {"fault": "503", "match": ["to"]},
    ],
)
def test_an_order_that_cannot_be_read_is_refused_with_a_sentence(sandbox: Sandbox, order: object) -> None:
    answer = sandbox.http.request("POST", sandbox.url + "/admin/faults", json=order)
    assert answer.status == 400
    assert answer.json()["error"].endswith(".")


def test_a_fault_spoils_no_other_connection(sandbox: Sandbox) -> None:
    with urllib3.PoolManager(retries=False, num_pools=1, maxsize=1) as own:
        for fault in ("503", "401", "500-html", "502-empty"):
            body = {"key": "k", "message": mail(to=to(fault))}
            own.request("POST", f"{sandbox.url}/api/1.0/messages/send", json=body)
        assert own.connection_from_url(sandbox.url).num_connections == 1


def assert_recorded(sandbox: Sandbox, fault: str, http_status: int | None) -> None:
    """The one attempt says what happened, and the inbox has the mail if the fault says it was accepted."""
    (attempt,) = sandbox.json("/attempts.json")["attempts"]
    recorded = parse_fault(fault).recorded
    assert attempt["fault"].partition("=")[0] == fault.partition("=")[0]
    assert (attempt["http_status"], attempt["stored"]) == (http_status, recorded)
    assert sandbox.json("/inbox.json")["count"] == (1 if recorded else 0)
