"""Webhooks: registered after a check, signed, batched, told again, delayed, doubled and replayed."""

import socket
from pathlib import Path
from typing import Any

import pytest
from urllib3.exceptions import ReadTimeoutError

from sandbox.mandrill.events import EVENTS, STATES
from sandbox.mandrill.signature import signature
from tests.sandbox.mandrill.conftest import Sandbox
from tests.sandbox.mandrill.receiver import Receiver

ICS = {"type": "text/calendar", "name": "a.ics", "content": "QkVHSU46VkNBTEVOREFS"}


def register(sandbox: Sandbox, receiver: Receiver, **facts: Any) -> Any:
    answer = sandbox.call("webhooks/add", url=receiver.url, **facts)
    assert answer.status == 200, answer.data
    return answer.json()


def names(events: list[dict[str, Any]]) -> list[str]:
    return [each["event"] for each in events]


def test_the_signature_is_mandrills() -> None:
    events = '[{"event":"reject","ts":1767225600,"_id":"abc","msg":{"_id":"abc","email":"b@x.test"}}]'
    url = "https://app.example.test/hooks/mandrill"
    assert (
        signature("sandbox-webhook-key", url, {"mandrill_events": events}) == "q43bozYAeHm/+YTI7DewCKrMKXU="
    )


def test_several_fields_are_signed_by_name() -> None:
    assert signature("k", "u", {"b": "2", "a": "1"}) == signature("k", "u", {"a": "1", "b": "2"})
    assert signature("k", "u", {"a": "1", "b": "2"}) == signature("k", "ua1b2", {})


# Registration


def test_a_receiver_that_answers_head_is_registered(sandbox: Sandbox, receiver: Receiver) -> None:
    added = register(sandbox, receiver, description="ours", events=["reject", "send"])
    assert (added["url"], added["description"], added["events"]) == (receiver.url, "ours", ["reject", "send"])
    assert len(added["auth_key"]) == 22
    assert receiver.posts == []
    assert sandbox.call("webhooks/list").json() == [added]
    assert sandbox.call("webhooks/info", id=added["id"]).json() == added
    assert sandbox.call("webhooks/delete", id=added["id"]).json() == added
    assert sandbox.call("webhooks/list").json() == []
    assert sandbox.call("webhooks/delete", id=added["id"]).json()["name"] == "Unknown_Webhook"


def test_a_receiver_without_head_is_asked_with_a_signed_empty_list(
    sandbox: Sandbox, receiver: Receiver
) -> None:
    receiver.head = 405
    assert register(sandbox, receiver)["events"] == list(EVENTS)
    (post,) = receiver.posts
    assert post.form == {"mandrill_events": "[]"}
    assert post.signed_with(receiver.url, "test-webhook")


def test_a_receiver_that_answers_neither_is_refused(sandbox: Sandbox, receiver: Receiver) -> None:
    receiver.head, receiver.statuses = 405, [403]
    answer = sandbox.call("webhooks/add", url=receiver.url)
    assert (answer.status, answer.json()["name"]) == (400, "ValidationError")
    assert "HEAD with 405" in answer.json()["message"]
    assert sandbox.call("webhooks/list").json() == []


@pytest.mark.parametrize(
    "facts",
    [{}, {"url": "ftp://127.0.0.1/"}, {"url": "nowhere"}, {"url": "http://127.0.0.1:99999/"},
     {"url": "http://127.0.0.1/ a"}, {"url": 5}, {"url": "http://127.0.0.1:1/", "events": ["sent"]}],
)  # fmt: skip
def test_what_is_no_webhook_is_refused(sandbox: Sandbox, facts: dict[str, Any]) -> None:
    answer = sandbox.call("webhooks/add", **facts)
    assert (answer.status, answer.json()["name"]) == (400, "ValidationError")


# Events


def test_an_accepted_mail_is_followed_by_send_and_delivered(sandbox: Sandbox, receiver: Receiver) -> None:
    key = register(sandbox, receiver)["auth_key"]
    sent = sandbox.send(
        to=[{"email": "a@example.com"}, {"email": "b@example.com", "type": "cc"}],
        metadata={"send_id": "s-1", "unregistered": "x"},
        attachments=[ICS],
    ).json()
    events = receiver.wait_for(4)
    assert [(each["_id"], each["event"]) for each in events] == [
        (entry["_id"], event) for entry in sent for event in ("send", "delivered")
    ]
    first = events[0]
    assert {"event", "ts", "_id", "msg"} <= set(first)
    assert isinstance(first["ts"], int)
    message = first["msg"]
    assert (message["_id"], message["email"], message["state"]) == (sent[0]["_id"], "a@example.com", "sent")
    assert (message["subject"], message["sender"]) == ("Your appointment", "appointments@example.com")
    assert message["metadata"] == {"send_id": "s-1", "unregistered": "x"}
    assert message["tags"] == ["send-confirmation"]
    for post in receiver.posts:
        assert post.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert post.signed_with(receiver.url, key)
    assert sandbox.call("messages/info", id=sent[0]["_id"]).json()["state"] == "sent"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("rejected=recipient-domain-mismatch", [("reject", "recipient-domain-mismatch")]),
        ("late-reject", [("reject", "hard-bounce")]),
        ("late-reject=unsub", [("reject", "unsub")]),
        ("late-reject=recipient-domain-mismatch", [("reject", "recipient-domain-mismatch")]),
        ("late-reject=hard_bounce", [("send", None), ("hard_bounce", None)]),
        ("late-reject=soft_bounce", [("send", None), ("soft_bounce", None)]),
        ("timeout-after", [("send", None), ("delivered", None)]),
        ("queued=sending-paused", []),
        ("invalid", []),
        ("503", []),
    ],
)
def test_the_events_follow_from_what_became_of_the_mail(
    sandbox: Sandbox, receiver: Receiver, fault: str, expected: list[tuple[str, str | None]]
) -> None:
    register(sandbox, receiver)
    sandbox.order(fault, match={"to": "client@example.com"})
    if fault == "timeout-after":
        with pytest.raises(ReadTimeoutError):
            sandbox.send(read_s=0.2)
        sandbox.json("/attempts.json", wait_for=1)
    else:
        sandbox.send()
    # The mail to look for comes after all events of the first.
    sandbox.send(to=[{"email": "last@example.com"}])
    events = receiver.wait_for(len(expected) + 2)
    told = [(each["event"], each.get("reject", {}).get("reason")) for each in events]
    assert told == [*expected, ("send", None), ("delivered", None)]


def test_a_late_reject_is_queued_and_rejected_without_a_webhook_too(sandbox: Sandbox) -> None:
    (entry,) = sandbox.send(to=[{"email": "fault+late-reject=unsub.7@example.com"}], attachments=[ICS]).json()
    assert (entry["status"], entry["queued_reason"], entry["reject_reason"]) == (
        "queued",
        "attachments",
        None,
    )
    info = sandbox.call("messages/info", id=entry["_id"]).json()
    assert (info["state"], info["reject"]["reason"]) == ("rejected", "unsub")
    (event,) = sandbox.json("/events.json")["events"]
    assert (event["event"], event["deliveries"]) == ("reject", [])
    assert sandbox.json("/inbox.json")["messages"][0]["state"] == "rejected"


def test_without_a_webhook_nothing_else_is_noted(sandbox: Sandbox) -> None:
    sandbox.send()
    assert sandbox.json("/events.json") == {"count": 0, "events": []}


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_can_be_made(sandbox: Sandbox, receiver: Receiver, event: str) -> None:
    sent = sandbox.send().json()
    register(sandbox, receiver)
    made = sandbox.post(
        "/admin/events", event=event, message=sent[0]["_id"], reason="spam", url="https://x.test/"
    )
    assert made.status == 201, made.data
    (told,) = receiver.wait_for(1)
    assert told == made.json()["body"]
    assert (told["event"], told["msg"]["state"]) == (event, STATES[event])
    assert ("url" in told) == (event == "click")
    assert ("diag" in told["msg"]) == (event in ("hard_bounce", "soft_bounce", "deferral"))
    assert told.get("reject", {}).get("reason") == ("spam" if event == "reject" else None)


def test_an_event_happens_to_the_newest_mail_of_a_send_id_and_to_one_recipient(sandbox: Sandbox) -> None:
    sandbox.send()
    sent = sandbox.send(to=[{"email": "a@example.com"}, {"email": "b@example.com"}]).json()
    made = sandbox.post("/admin/events", event="spam", send_id="s-1", email="B@example.com").json()
    assert made["message_id"] == sent[1]["_id"]


@pytest.mark.parametrize(
    "fields",
    [{}, {"event": "sent"}, {"event": "open"}, {"event": "open", "message": "0" * 32},
     {"event": "open", "send_id": "s-1", "email": "nobody@example.com"},
     {"event": "open", "send_id": "s-1", "times": 0}, {"event": "open", "send_id": "s-1", "times": True},
     {"event": "open", "send_id": "s-1", "delay_s": -1}, {"event": "open", "send_id": "s-1", "reason": 5}],
)  # fmt: skip
def test_an_event_that_cannot_be_is_refused_with_a_sentence(sandbox: Sandbox, fields: dict[str, Any]) -> None:
    sandbox.send()
    answer = sandbox.post("/admin/events", **fields)
    assert answer.status == 400
    assert answer.json()["error"].endswith(".")


def test_only_the_events_asked_for_are_told(sandbox: Sandbox, receiver: Receiver) -> None:
    register(sandbox, receiver, events=["delivered"])
    sandbox.send()
    sandbox.send()
    assert names(receiver.wait_for(2)) == ["delivered", "delivered"]


# Delivery


def test_events_are_told_in_batches_of_a_thousand_at_most(sandbox: Sandbox, receiver: Receiver) -> None:
    webhook = register(sandbox, receiver, events=["open"])
    sandbox.send()
    sandbox.post(f"/admin/webhooks/{webhook['id']}", paused=True)
    for _ in range(11):
        sandbox.post("/admin/events", event="open", send_id="s-1", times=100)
    assert sandbox.json("/webhooks.json")["webhooks"][0]["waiting"] == 1100
    assert receiver.posts == []
    sandbox.post(f"/admin/webhooks/{webhook['id']}", paused=False)
    receiver.wait_for(1100)
    assert [len(post.events) for post in receiver.posts] == [1000, 100]


def test_a_batch_is_told_again_until_it_is_answered_with_200(sandbox: Sandbox, receiver: Receiver) -> None:
    register(sandbox, receiver)
    receiver.statuses = [500, 302, 204]
    sandbox.send()
    posts = receiver.wait_for_posts(4)
    assert len({post.form["mandrill_events"] for post in posts}) == 1
    events = sandbox.json("/events.json", state="delivered", wait_for=2)["events"]
    assert [(each["deliveries"][0]["tries"], each["deliveries"][0]["outcome"]) for each in events] == [
        (4, "200")
    ] * 2
    (webhook,) = sandbox.call("webhooks/list").json()
    assert (webhook["batches_sent"], webhook["events_sent"], webhook["last_error"]) == (1, 2, None)


def test_after_twenty_tries_the_webhook_is_disabled_until_somebody_enables_it(
    sandbox: Sandbox, receiver: Receiver
) -> None:
    webhook = register(sandbox, receiver, events=["send"])
    sandbox.post("/admin/behaviour", webhook_retry_s=0)
    receiver.statuses = [503] * 25
    sandbox.send()
    sandbox.json("/events.json", state="given-up", wait_for=1)
    assert len(receiver.posts) == 20
    (state,) = sandbox.json("/webhooks.json")["webhooks"]
    assert (state["disabled"], state["last_error"]) == (True, "20 tries failed, the last with 503.")
    sandbox.send()
    receiver.statuses.clear()
    sandbox.post(f"/admin/webhooks/{webhook['id']}", disabled=False)
    receiver.wait_for_posts(21)
    assert sandbox.json("/events.json", state="delivered", wait_for=1)["count"] == 1


def test_an_unreachable_receiver_is_told_later(sandbox: Sandbox, receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
    answer = sandbox.post("/admin/webhooks", url=url, check=False)
    assert answer.status == 201
    sandbox.post("/admin/behaviour", webhook_retry_s=600)
    sandbox.send()
    identifier = answer.json()["id"]

    def error() -> str | None:
        (webhook,) = sandbox.json("/webhooks.json")["webhooks"]
        return webhook["last_error"]

    sandbox.json("/events.json", wait_for=2)
    for _ in range(100):
        if error():
            break
        sandbox.json("/events.json", wait_for=9, timeout=0.05)
    assert error() == "Try 1 of 20 ended with connection refused."
    assert sandbox.post(f"/admin/webhooks/{identifier}", action="hurry").json()["waiting"] == 2


@pytest.mark.parametrize(
    "answer", [b"nonsense\r\n\r\n", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b""]
)
def test_an_answer_that_is_none_is_a_failed_try(sandbox: Sandbox, receiver: Receiver, answer: bytes) -> None:
    sandbox.post("/admin/behaviour", webhook_retry_s=600)
    with socket.create_server(("127.0.0.1", 0)) as odd:
        url = f"http://127.0.0.1:{odd.getsockname()[1]}/"
        assert sandbox.post("/admin/webhooks", url=url, check=False, events=["send"]).status == 201
        sandbox.send()
        connection, _ = odd.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)
    for _ in range(100):
        (event,) = sandbox.json("/events.json", event="send")["events"]
        if event["deliveries"][0]["tries"]:
            break
        sandbox.json("/events.json", wait_for=9, timeout=0.05)
    assert (event["deliveries"][0]["tries"], event["deliveries"][0]["state"]) == (1, "waiting")
    assert event["deliveries"][0]["outcome"] != "200"


def test_events_can_be_delayed_and_doubled(sandbox: Sandbox, receiver: Receiver) -> None:
    webhook = register(sandbox, receiver, events=["send"])
    sandbox.post(f"/admin/webhooks/{webhook['id']}", delay_s=60, copies=3)
    sandbox.send()
    (event,) = sandbox.json("/events.json", event="send")["events"]
    assert event["deliveries"][0]["due"] > event["at"]
    assert receiver.posts == []
    sandbox.post(f"/admin/webhooks/{webhook['id']}", action="hurry")
    posts = receiver.wait_for_posts(3)
    assert len({post.form["mandrill_events"] for post in posts}) == 1


def test_events_are_replayed_as_they_were(sandbox: Sandbox, receiver: Receiver) -> None:
    register(sandbox, receiver)
    sent = sandbox.send().json()
    first = receiver.wait_for(2)
    assert len(sandbox.post("/admin/events/replay", message=sent[0]["_id"], times=2).json()["events"]) == 2
    again = receiver.wait_for(6)[2:]
    assert sorted(map(str, again)) == sorted(map(str, first * 2))
    identifier = sandbox.json("/events.json", event="send")["events"][0]["id"]
    assert sandbox.post("/admin/events/replay", events=[identifier]).json() == {"events": [identifier]}
    assert receiver.wait_for(7)[6] == first[0]


@pytest.mark.parametrize("fields", [{}, {"events": ["x"]}, {"message": 5}, {"events": [1], "times": 1000}])
def test_a_replay_of_nothing_is_refused(sandbox: Sandbox, fields: dict[str, Any]) -> None:
    assert sandbox.post("/admin/events/replay", **fields).status == 400


def test_clearing_forgets_events_and_keeps_webhooks(sandbox: Sandbox, receiver: Receiver) -> None:
    webhook = register(sandbox, receiver)
    sandbox.post(f"/admin/webhooks/{webhook['id']}", paused=True)
    sandbox.send()
    sandbox.clear()
    assert sandbox.json("/events.json")["count"] == 0
    (kept,) = sandbox.json("/webhooks.json")["webhooks"]
    assert (kept["id"], kept["waiting"]) == (webhook["id"], 0)


# At start


def test_a_webhook_given_at_start_outlives_restarts_and_what_waits_is_told(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    with Receiver() as receiver:
        at_start = ("--webhook", receiver.url, "--webhook-key", "the-key")
        first = Sandbox(store, *at_start)
        (webhook,) = first.json("/webhooks.json")["webhooks"]
        assert webhook["key"] == "the-key"
        first.post(f"/admin/webhooks/{webhook['id']}", paused=True)
        first.send()
        assert first.stop() == (0, "")
        environment = {"SANDBOX_WEBHOOK_URL": receiver.url, "MANDRILL_WEBHOOK_KEY": "the-key"}
        second = Sandbox(store, environment=environment)
        assert [each["id"] for each in second.json("/webhooks.json")["webhooks"]] == [webhook["id"]]
        second.post(f"/admin/webhooks/{webhook['id']}", paused=False)
        assert names(receiver.wait_for(2)) == ["send", "delivered"]
        assert receiver.posts[0].signed_with(receiver.url, "the-key")
        assert second.stop() == (0, "")
        third = Sandbox(store)
        assert third.json("/webhooks.json")["webhooks"] == []
        assert third.stop() == (0, "")


# Pages


def test_the_pages_work_without_script(sandbox: Sandbox, receiver: Receiver) -> None:
    made = sandbox.submit("/admin/webhooks", url=receiver.url, key="shown-key", check="1", back="/webhooks")
    assert (made.status, made.headers["Location"]) == (303, "/webhooks")
    page = sandbox.get("/webhooks").data.decode()
    assert "shown-key" in page
    assert receiver.url in page
    sent = sandbox.send().json()
    receiver.wait_for(2)
    here = f"/messages/{sent[0]['_id']}"
    answer = sandbox.submit("/admin/events", event="hard_bounce", message=sent[0]["_id"], back=here)
    assert (answer.status, answer.headers["Location"]) == (303, here)
    receiver.wait_for(3)
    page = sandbox.get(here).data.decode()
    assert "now bounced" in page
    assert page.count("Tell again") == 3
    identifier = sandbox.json("/events.json")["events"][0]["id"]
    answer = sandbox.submit("/admin/events/replay", events=str(identifier), back="/events")
    assert answer.headers["Location"] == "/events"
    assert names(receiver.wait_for(4))[3] == "hard_bounce"
    assert "hard_bounce" in sandbox.get("/events?event=hard_bounce").data.decode()
    assert "No event fits" in sandbox.get("/events?event=click").data.decode()
    webhook = sandbox.json("/webhooks.json")["webhooks"][0]["id"]
    sandbox.submit(f"/admin/webhooks/{webhook}", paused="1", delay_s="1.5", copies="2")
    (changed,) = sandbox.json("/webhooks.json")["webhooks"]
    assert (changed["paused"], changed["delay_s"], changed["copies"]) == (True, 1.5, 2)
    sandbox.submit(f"/admin/webhooks/{webhook}", action="delete")
    assert "None is registered" in sandbox.get("/webhooks").data.decode()


def test_a_form_with_a_mistake_is_answered_with_a_page(sandbox: Sandbox) -> None:
    answer = sandbox.submit("/admin/webhooks", url="nowhere", check="0")
    assert answer.status == 400
    assert "whole URL" in answer.data.decode()


@pytest.mark.parametrize("back", ["//evil.test/", "https://evil.test/", "/\\evil.test", "evil"])
def test_a_form_leads_nowhere_else(sandbox: Sandbox, back: str) -> None:
    sandbox.send()
    answer = sandbox.submit("/admin/events", event="open", send_id="s-1", back=back)
    assert (answer.status, answer.headers["Location"]) == (303, "/")


def test_a_form_of_another_site_is_refused(sandbox: Sandbox) -> None:
    for origin in ("https://evil.test", "null"):
        answer = sandbox.http.request("POST", sandbox.url + "/admin/clear", headers={"Origin": origin})
        assert answer.status == 403
    answer = sandbox.http.request("POST", sandbox.url + "/admin/clear", headers={"Origin": sandbox.url})
    assert answer.status == 200
