"""messages/send and its companions answer as Mandrill's contract says."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.mandrill.wire import WireError, read_request, read_send
from tests.sandbox.mandrill.conftest import Sandbox, mail

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ICS = {"type": "text/calendar", "name": "appointment.ics", "content": "QkVHSU46VkNBTEVOREFS"}


def recipients(count: int) -> list[dict[str, str]]:
    return [{"email": f"client{each}@example.com"} for each in range(count)]


def test_a_mail_is_sent_and_answered_with_one_entry_per_recipient(sandbox: Sandbox) -> None:
    to = [
        {"email": "client@example.com", "name": "A Client", "type": "to"},
        {"email": "photographer@example.com", "type": "cc"},
        {"email": "archive@example.com", "type": "bcc"},
    ]
    answer = sandbox.send(to=to)
    assert answer.status == 200
    entries = answer.json()
    assert [(each["email"], each["status"], each["reject_reason"]) for each in entries] == [
        ("client@example.com", "sent", None),
        ("photographer@example.com", "sent", None),
        ("archive@example.com", "sent", None),
    ]
    assert len({each["_id"] for each in entries}) == 3
    assert all(len(each["_id"]) == 32 for each in entries)


@pytest.mark.parametrize(
    ("changes", "status", "queued_reason"),
    [
        ({}, "sent", None),
        ({"attachments": [ICS]}, "queued", "attachments"),
        ({"to": recipients(10)}, "sent", None),
        ({"to": recipients(11)}, "queued", "multiple-recipients"),
        ({"to": recipients(11), "attachments": [ICS]}, "queued", "attachments"),
        ({"to": [{"email": "nobody"}]}, "invalid", None),
        ({"to": [{"email": "a b@example.com"}]}, "invalid", None),
        ({"to": [{"email": "a@example"}]}, "invalid", None),
    ],
)
def test_the_status_follows_from_the_mail(
    sandbox: Sandbox, changes: dict[str, Any], status: str, queued_reason: str | None
) -> None:
    entry = sandbox.send(**changes).json()[0]
    assert (entry["status"], entry["queued_reason"]) == (status, queued_reason)


@pytest.mark.parametrize(
    ("send_at", "expected"),
    [
        ((NOW - timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S"), False),
        ((NOW + timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S"), True),
        ("", False),
    ],
)
def test_a_mail_with_a_time_ahead_is_scheduled(send_at: str, expected: bool) -> None:
    assert read_send({"key": "k", "send_at": send_at, "message": mail()}, now=NOW).scheduled is expected


@pytest.mark.parametrize("send_at", ["tomorrow", "2026-11-22T12:00:00Z", 1, "2028-01-01 00:00:00"])
def test_a_time_that_is_none_or_too_far_ahead_is_refused(send_at: object) -> None:
    with pytest.raises(WireError, match="send_at"):
        read_send({"key": "k", "send_at": send_at, "message": mail()}, now=NOW)


REFUSALS: list[tuple[dict[str, Any], str, str]] = [
    ({"to": []}, "ValidationError", "message.to"),
    ({"to": "client@example.com"}, "ValidationError", "message.to"),
    ({"to": ["client@example.com"]}, "ValidationError", "message.to[0]"),
    ({"to": [{"name": "A Client"}]}, "ValidationError", "message.to[0].email"),
    ({"to": [{"email": " "}]}, "ValidationError", "message.to[0].email"),
    ({"to": [{"email": "a@example.com", "type": "from"}]}, "ValidationError", "message.to[0].type"),
    ({"to": [{"email": "a@example.com\r\nBcc: b@example.com"}]}, "ValidationError", "line breaks"),
    ({"to": [{"email": "a@example.com", "name": "A\nB"}]}, "ValidationError", "line breaks"),
    ({"from_email": None}, "ValidationError", "message.from_email"),
    ({"from_email": "nobody"}, "ValidationError", "message.from_email"),
    ({"from_name": "A\rB"}, "ValidationError", "message.from_name"),
    ({"subject": "A\r\nBcc: b@example.com"}, "ValidationError", "message.subject"),
    ({"subject": "s" * 999}, "ValidationError", "998"),
    ({"subject": 5}, "ValidationError", "message.subject"),
    ({"html": ["<p>"]}, "ValidationError", "message.html"),
    ({"merge": "no"}, "ValidationError", "message.merge"),
    ({"headers": {"X-Any": "a\r\nBcc: b@example.com"}}, "ValidationError", "message.headers"),
    ({"headers": {"X Any": "a"}}, "ValidationError", "message.headers"),
    ({"headers": {"X-Any": None}}, "ValidationError", "message.headers"),
    ({"headers": ["X-Any"]}, "ValidationError", "message.headers"),
    ({"tags": ["t" * 51]}, "Invalid_Tag_Name", "50"),
    ({"tags": ["_reserved"]}, "Invalid_Tag_Name", "underscore"),
    ({"tags": "confirmation"}, "ValidationError", "message.tags"),
    ({"metadata": {"nested": {"a": 1}}}, "ValidationError", "message.metadata"),
    ({"metadata": {"_own": 1}}, "ValidationError", "message.metadata"),
    ({"metadata": {"long": "m" * 250}}, "ValidationError", "250"),
    ({"attachments": [{"type": "text/calendar", "name": "a.ics"}]}, "ValidationError", "content"),
    ({"attachments": [{**ICS, "content": "not base64!"}]}, "ValidationError", "base64"),
    ({"attachments": [{**ICS, "name": "a\r\n.ics"}]}, "ValidationError", "line breaks"),
]


@pytest.mark.parametrize(("changes", "name", "says"), REFUSALS)
def test_what_mandrill_refuses_is_refused_in_its_form(changes: dict[str, Any], name: str, says: str) -> None:
    with pytest.raises(WireError) as refused:
        read_send({"key": "k", "message": mail(**changes)}, now=NOW)
    assert refused.value.http_status == 400
    body = json.loads(refused.value.body())
    assert set(body) == {"status", "code", "name", "message"}
    assert (body["status"], body["name"]) == ("error", name)
    assert says in body["message"]


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "s" * 998},
        {"subject": "Größe \N{SNOWMAN}"},
        {"tags": ["t" * 50]},
        {"metadata": []},
        {"metadata": None},
        {"headers": {"Reply-To": "office@example.com"}},
        {"to": [{"email": "fault+rejected=unsub.7@example.com"}]},
    ],
)
def test_what_is_at_the_limit_is_taken(changes: dict[str, Any]) -> None:
    assert read_send({"key": "k", "message": mail(**changes)}, now=NOW).raw


def test_only_the_first_hundred_tags_are_kept() -> None:
    tags = [f"tag-{each}" for each in range(120)]
    assert list(read_send({"key": "k", "message": mail(tags=tags)}, now=NOW).tags) == tags[:100]


@pytest.mark.parametrize(
    ("body", "status", "name"),
    [
        (b"", 400, "ValidationError"),
        (b"key=abc", 400, "ValidationError"),
        (b'{"key": "k", "message": {"subject": "\xff"}}', 400, "ValidationError"),
        (b"[]", 400, "ValidationError"),
        (b"{}", 401, "Invalid_Key"),
        (b'{"key": ""}', 401, "Invalid_Key"),
        (b'{"key": 5}', 401, "Invalid_Key"),
    ],
)
def test_a_request_without_json_or_key_is_refused(body: bytes, status: int, name: str) -> None:
    with pytest.raises(WireError) as refused:
        read_request(body)
    assert (refused.value.http_status, refused.value.name) == (status, name)


def test_a_request_above_25_megabytes_is_refused(sandbox: Sandbox) -> None:
    answer = sandbox.send(text="x" * (26 * 1024 * 1024))
    assert (answer.status, answer.json()["name"]) == (400, "ValidationError")
    assert "25 MB" in answer.json()["message"]


@pytest.mark.parametrize(
    "path", ["/api/1.0/users/ping2", "/api/1.4/users/ping2.json", "/api/1.13/users/ping2"]
)
def test_every_version_of_the_root_works_with_and_without_json(sandbox: Sandbox, path: str) -> None:
    answer = sandbox.http.request("POST", sandbox.url + path, json={"key": "k"})
    assert (answer.status, answer.json()) == (200, {"PING": "PONG!"})


def test_ping_and_info_need_a_key(sandbox: Sandbox) -> None:
    assert sandbox.call("users/ping").json() == "PONG!"
    assert sandbox.call("users/info").json()["username"] == "sandbox"
    for name in ("users/ping", "users/ping2", "users/info", "messages/search", "messages/info"):
        answer = sandbox.call(name, key="")
        assert (answer.status, answer.json()["name"]) == (401, "Invalid_Key")


def test_an_unknown_call_or_method_is_refused_in_mandrills_form(sandbox: Sandbox) -> None:
    answer = sandbox.call("messages/recall")
    assert (answer.status, answer.json()["status"]) == (404, "error")
    answer = sandbox.get("/api/1.0/users/ping")
    assert (answer.status, answer.json()["name"]) == (400, "ValidationError")


def test_info_knows_every_recipient_by_its_id(sandbox: Sandbox) -> None:
    to = [{"email": "client@example.com"}, {"email": "second@example.com", "type": "cc"}]
    entries = sandbox.send(to=to).json()
    for entry in entries:
        info = sandbox.call("messages/info", id=entry["_id"]).json()
        assert (info["_id"], info["email"], info["state"]) == (entry["_id"], entry["email"], "sent")
    answer = sandbox.call("messages/info", id="0" * 32)
    assert (answer.status, answer.json()["name"]) == (404, "Unknown_Message")
