"""Cases 20 to 22 of mail.md section 6, by number; case 23 is about the tables, too: `test_told_mails.py`."""

import json
from datetime import timedelta

import pytest
from pydantic import SecretStr

from tasks.mail.addresses import Mailbox
from tasks.mail.mandrill import MandrillClient
from tasks.mail.transport import Limits
from tests.tasks.mail.letters import CASES, DENVER, FIRST_HALF_PAST_ONE, a_mail, at
from tests.tasks.mail.rfc5545 import read_event
from tests.tasks.mail.wire_server import answer, wire_server

HOUR = timedelta(hours=1)
KINDS = ("confirmed", "request", "assignment", "changed-place", "cancelled")


def sent(mail):
    """The `message` that goes over the wire for a mail."""
    entries = [{"email": box.email, "status": "sent", "_id": "id"} for box in (mail.to, *mail.cc)]
    with wire_server(answer(entries)) as server:
        client = MandrillClient(server.url, SecretStr("sandbox-key"), limits=Limits(total_s=5))
        client.send(mail, send_id="send-1")
        return server.last_body["message"]


@pytest.mark.parametrize("kind", KINDS)
def test_case_20_a_name_that_is_markup_is_escaped_and_one_that_is_a_merge_tag_stays_text(kind):
    markup, tag = "<script>alert(1)</script>", "*|UNSUB:x|*"
    facts = {**CASES[kind], "to": Mailbox("client@example.com", markup), "summary": tag}
    message = sent(a_mail(**facts))
    assert "<script" not in message["html"]
    assert "&lt;script&gt;" in message["html"]
    assert markup in message["text"]
    assert tag in message["html"]
    assert tag in message["text"]
    assert message["merge"] is False
    assert not {"merge_vars", "global_merge_vars", "merge_language"} & message.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_case_21_line_breaks_in_a_name_or_a_subject_start_no_header(kind):
    evil = "1 Main\r\nBcc: thief@example.com\nX-Evil: 1"
    facts = {**CASES[kind], "address": evil, "to": Mailbox("client@example.com", evil)}
    message = sent(a_mail(**facts))
    named = [recipient["name"] for recipient in message["to"]] + [message["from_name"]]
    for value in (message["subject"], *named, *(each["name"] for each in message.get("attachments", ()))):
        assert not {"\r", "\n"} & set(value)
    assert "thief@example.com" not in [recipient["email"] for recipient in message["to"]]
    assert "headers" not in message
    assert "Bcc: thief" in message["to"][0]["name"]
    json.dumps(message)


@pytest.mark.parametrize("kind", ["send-confirmation", "send-change", "send-cancellation"])
def test_case_22_both_half_past_ones_in_denver_differ_by_an_hour_and_by_the_zones_name(kind):
    mails = [
        a_mail(kind=kind, **at(DENVER, "America/Denver", start, None))
        for start in (FIRST_HALF_PAST_ONE, FIRST_HALF_PAST_ONE + HOUR)
    ]
    starts = [read_event(mail.attachments[0].content)[1]["DTSTART"].value for mail in mails]
    assert starts == ["20261101T073000Z", "20261101T083000Z"]
    for mail, abbreviation in zip(mails, ("MDT", "MST"), strict=True):
        assert f"1:30 AM {abbreviation} –" in mail.subject
        for body in (mail.text, mail.html):
            assert f"1:30 AM ({abbreviation}, Denver)" in body
