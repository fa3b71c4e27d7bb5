"""The inbox for people and for tests: what was accepted is shown, found and counted, and the key never is."""

import re
import threading
import time
from typing import Any

import pytest

from tests.sandbox.mandrill.conftest import Sandbox, mail

ICS = {"type": "text/calendar; method=REQUEST", "name": "appointment.ics", "content": "QkVHSU46VkNBTEVOREFS"}


def test_a_mail_is_given_with_everything_a_test_may_ask(sandbox: Sandbox) -> None:
    to = [
        {"email": "Client@example.com", "name": "A Client", "type": "to"},
        {"email": "liaison@example.com", "type": "cc"},
    ]
    sent = sandbox.send(to=to, attachments=[ICS], headers={"Reply-To": "office@example.com"}).json()
    answer = sandbox.json("/inbox.json")
    assert answer["count"] == 1
    (message,) = answer["messages"]
    assert message["id"] == sent[0]["_id"]
    assert (message["to"], message["cc"], message["bcc"]) == (
        ["Client@example.com"],
        ["liaison@example.com"],
        [],
    )
    assert (message["subject"], message["text"], message["html"]) == (
        "Your appointment",
        "We come on Monday.",
        "<p>We come on Monday.</p>",
    )
    assert (message["tags"], message["metadata"]) == (
        ["send-confirmation"],
        {"send_id": "s-1", "appointment_id": 7},
    )
    assert (message["send_id"], message["appointment_id"], message["status"]) == ("s-1", "7", "queued")
    assert message["headers"] == {"Reply-To": "office@example.com"}
    assert message["from"] == "appointments@example.com"
    (file,) = message["attachments"]
    assert (file["name"], file["type"], file["size"], file["text"]) == (
        "appointment.ics",
        ICS["type"],
        15,
        "BEGIN:VCALENDAR",
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", message["accepted_at"])


@pytest.mark.parametrize(
    ("wanted", "subjects"),
    [
        ({}, ["Third", "Second", "First"]),
        ({"limit": 1}, ["Third"]),
        ({"to": "b@example.com"}, ["Second"]),
        ({"to": "B@EXAMPLE.com"}, ["Second"]),
        ({"to": "example.com"}, ["Third", "Second", "First"]),
        ({"to": "@example.com"}, ["Third", "Second", "First"]),
        ({"subject": "IR"}, ["Third", "First"]),
        ({"send_id": "s-1"}, ["Second", "First"]),
        ({"send_id": "s-1", "subject": "first"}, ["First"]),
        ({"appointment_id": 9}, ["Third"]),
        ({"status": "invalid"}, []),
        ({"duplicates": 1}, ["Second", "First"]),
        ({"to": "nobody@example.com"}, []),
    ],
)
def test_mails_are_filtered(sandbox: Sandbox, wanted: dict[str, Any], subjects: list[str]) -> None:
    sandbox.send(subject="First", to=[{"email": "a@example.com"}], metadata={"send_id": "s-1"})
    sandbox.send(subject="Second", to=[{"email": "b@example.com", "type": "cc"}], metadata={"send_id": "s-1"})
    sandbox.send(subject="Third", to=[{"email": "ab@example.com"}], metadata={"appointment_id": 9})
    answer = sandbox.json("/inbox.json", **wanted)
    assert [each["subject"] for each in answer["messages"]] == subjects
    assert answer["count"] == (3 if "limit" in wanted else len(subjects))


def test_a_test_can_wait_for_mails(sandbox: Sandbox) -> None:
    answers: list[Any] = []
    waiting = threading.Thread(
        target=lambda: answers.append(sandbox.json("/inbox.json", send_id="s-1", wait_for=2, timeout=10))
    )
    waiting.start()
    sandbox.send()
    sandbox.send(metadata={"send_id": "s-2"})
    assert not answers
    sandbox.send()
    waiting.join(timeout=5)
    assert answers[0]["count"] == 2


def test_waiting_ends_with_what_there_is(sandbox: Sandbox) -> None:
    sandbox.send()
    began = time.monotonic()
    answer = sandbox.json("/inbox.json", wait_for=2, timeout=0.3)
    assert answer["count"] == 1
    assert 0.25 < time.monotonic() - began < 3


def test_attempts_are_counted_whether_accepted_or_not(sandbox: Sandbox) -> None:
    sandbox.order("503", count=2)
    for _ in range(3):
        sandbox.send()
    sandbox.send(subject="A\nB")
    answer = sandbox.json("/attempts.json", send_id="s-1", wait_for=4)
    assert answer["count"] == 4
    assert [(each["outcome"], each["http_status"], each["stored"]) for each in answer["attempts"]] == [
        ("refused: ValidationError", 400, False),
        ("answered: sent", 200, True),
        ("fault: 503", 503, False),
        ("fault: 503", 503, False),
    ]
    assert answer["attempts"][1]["message_id"] == sandbox.json("/inbox.json")["messages"][0]["id"]


def test_clearing_forgets_mails_and_attempts(sandbox: Sandbox) -> None:
    sandbox.send()
    answer = sandbox.http.request("DELETE", sandbox.url + "/inbox.json")
    assert answer.json() == {"messages": 1, "attempts": 1, "events": 0}
    assert sandbox.json("/inbox.json") == {"count": 0, "messages": []}
    assert sandbox.json("/attempts.json") == {"count": 0, "attempts": []}


def test_the_page_shows_the_newest_first_and_marks_duplicates(sandbox: Sandbox) -> None:
    sandbox.send(subject="Older & twice")
    sandbox.send(subject="Newer, twice")
    sandbox.send(subject="Newest", metadata={"send_id": "s-9", "appointment_id": 41})
    page = text_of(sandbox, "/")
    assert page.index("Newest") < page.index("Newer, twice") < page.index("Older &amp; twice")
    assert page.count("2 times") == 2
    assert "1 sent more than once" in page
    assert ">41</a>" in page
    assert "send-confirmation" in page


def test_the_page_is_filtered_and_turned(sandbox: Sandbox) -> None:
    for each in range(53):
        sandbox.send(subject=f"Mail number {each:03}", metadata={"send_id": f"s-{each}"})
    first, second = text_of(sandbox, "/"), text_of(sandbox, "/", page=2)
    assert "Page 1 of 2" in first
    assert "Mail number 052" in first
    assert "Mail number 002" not in first
    assert "Mail number 002" in second
    only = text_of(sandbox, "/", subject="number 002")
    assert "<b>1</b> mail found" in only
    assert "No mail fits" in text_of(sandbox, "/", to="nobody@example.com")


def test_an_empty_inbox_says_so(sandbox: Sandbox) -> None:
    assert "No mail has come yet" in text_of(sandbox, "/")


def test_a_mail_has_a_page_of_its_own(sandbox: Sandbox) -> None:
    sent = sandbox.send(
        subject="<script>alert(1)</script>", attachments=[ICS], headers={"Reply-To": "office@example.com"}
    ).json()
    sandbox.send()
    page = text_of(sandbox, f"/messages/{sent[0]['_id']}")
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "BEGIN:VCALENDAR" in page
    assert "office@example.com" in page
    assert "accepted 2 times" in page
    assert f'<iframe class="mail" sandbox src="/messages/{sent[0]["_id"]}/html"' in page


def test_every_recipients_id_leads_to_the_mail(sandbox: Sandbox) -> None:
    entries = sandbox.send(to=[{"email": "a@example.com"}, {"email": "b@example.com", "type": "cc"}]).json()
    for entry in entries:
        assert "b@example.com" in text_of(sandbox, f"/messages/{entry['_id']}")


def test_the_html_of_a_mail_can_do_nothing(sandbox: Sandbox) -> None:
    html = '<script>fetch("//example.org")</script><img src="http://example.org/a.png">'
    sent = sandbox.send(html=html).json()
    answer = sandbox.get(f"/messages/{sent[0]['_id']}/html")
    assert answer.data.decode() == html
    policy = answer.headers["Content-Security-Policy"]
    assert "sandbox;" in policy
    assert "default-src 'none'" in policy
    assert "script" not in policy


def test_pages_ask_nothing_from_outside(sandbox: Sandbox) -> None:
    sent = sandbox.send().json()
    for path in ("/", f"/messages/{sent[0]['_id']}"):
        answer = sandbox.get(path)
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', answer.data.decode())
    assert sandbox.get("/inbox.css").headers["Content-Type"].startswith("text/css")


def test_an_attachment_is_a_download(sandbox: Sandbox) -> None:
    sent = sandbox.send(attachments=[{**ICS, "name": 'a"b\u00e9.ics'}]).json()
    answer = sandbox.get(f"/messages/{sent[0]['_id']}/attachments/0")
    assert answer.data == b"BEGIN:VCALENDAR"
    assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''a%22b%C3%A9.ics"
    assert sandbox.get(f"/messages/{sent[0]['_id']}/attachments/1").status == 404


def test_what_is_not_there_is_404(sandbox: Sandbox) -> None:
    for path in ("/nowhere", f"/messages/{'0' * 32}", f"/messages/{'0' * 32}/html"):
        answer = sandbox.get(path)
        assert answer.status == 404
        assert b"no page or mail" in answer.data


@pytest.mark.parametrize(
    "path", ["/?page=x&refresh=y", "/inbox.json?limit=x&wait_for=nan&timeout=", "/?page=999"]
)
def test_odd_numbers_in_an_address_do_no_harm(sandbox: Sandbox, path: str) -> None:
    assert sandbox.get(path).status == 200


def test_a_mail_with_little_in_it_can_be_shown(sandbox: Sandbox) -> None:
    body = {"key": "k", "message": {"from_email": "a@example.com", "to": [{"email": "b@example.com"}]}}
    sent = sandbox.http.request("POST", sandbox.url + "/api/1.0/messages/send", json=body).json()
    assert "(no subject)" in text_of(sandbox, "/")
    assert "(no subject)" in text_of(sandbox, f"/messages/{sent[0]['_id']}")
    assert sandbox.json("/inbox.json")["messages"][0]["send_id"] is None


def test_the_key_is_shown_nowhere(sandbox: Sandbox) -> None:
    key = "md-very-secret-key"
    sent = sandbox.send(key=key).json()
    for path in ("/", f"/messages/{sent[0]['_id']}", f"/messages/{sent[0]['_id']}/raw.json", "/inbox.json"):
        assert key not in text_of(sandbox, path)
    raw = sandbox.json(f"/messages/{sent[0]['_id']}/raw.json")
    assert raw == {"key": "(redacted)", "message": mail()}


def text_of(sandbox: Sandbox, path: str, **fields: Any) -> str:
    answer = sandbox.get(path, **fields)
    assert answer.status == 200, answer.data
    return answer.data.decode()
