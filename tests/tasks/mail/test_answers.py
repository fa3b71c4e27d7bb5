"""The tables of mail.md section 1: what each answer of Mandrill means for the mail."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.notifications import ABOUT_ONE_RECIPIENT
from tasks.mail.answers import (
    HOLDING_REASONS,
    PERMANENT_NAMES,
    REASONS_OF_RECIPIENTS,
    SOFT_BOUNCE_RETRY_S,
    outcome_of_failure,
    outcome_of_reply,
    retry_after_seconds,
)
from tasks.mail.hints import HINTS, hint_for
from tasks.mail.outcomes import Accepted, Held, NotAccepted, Refused, Unknown
from tasks.mail.transport import Failure, Reply

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TO, COPY = "client@example.com", "assistant@example.com"


def error(name, message="Something.", code=-1):
    return json.dumps({"status": "error", "code": code, "name": name, "message": message}).encode()


def entry(status, email=TO, **more):
    return {"email": email, "status": status, "_id": f"id-{email}", **more}


def outcome(status, body, sent_to=(TO,), retry_after=None):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return outcome_of_reply(Reply(status, content, retry_after), sent_to, now=NOW)


# name or body, HTTP status → outcome, cause. The name decides, whatever the status and the code.
ERRORS = [
    (error("Invalid_Key"), 401, Refused, "Invalid_Key"),
    (error("Invalid_Key"), 500, Refused, "Invalid_Key"),
    (error("PaymentRequired"), 402, Refused, "PaymentRequired"),
    (error("PaymentRequired"), 500, Refused, "PaymentRequired"),
    (error("Unknown_Template"), 404, Refused, "Unknown_Template"),
    (error("Unknown_Template"), 500, Refused, "Unknown_Template"),
    (error("Unknown_Subaccount"), 404, Refused, "Unknown_Subaccount"),
    (error("Unknown_Subaccount"), 500, Refused, "Unknown_Subaccount"),
    (error("Unknown_Message"), 404, Refused, "Unknown_Message"),
    (error("ValidationError"), 400, Refused, "ValidationError"),
    (error("ValidationError"), 422, Refused, "ValidationError"),
    (error("ValidationError"), 500, Refused, "ValidationError"),
    (error("ValidationError", code=429), 500, Refused, "ValidationError"),
    (error("ValidationError"), 200, Refused, "ValidationError"),
    (error("Invalid_Tag_Name"), 500, Refused, "Invalid_Tag_Name"),
    (error("RequestLimitExceeded"), 429, NotAccepted, "RequestLimitExceeded"),
    (error("RequestLimitExceeded"), 500, NotAccepted, "RequestLimitExceeded"),
    (error("ServiceUnavailable"), 503, NotAccepted, "ServiceUnavailable"),
    (error("ServiceUnavailable", code=-1), 500, NotAccepted, "ServiceUnavailable"),
    (error("GeneralError"), 500, Unknown, "GeneralError"),
    (error("GeneralError", code=401), 500, Unknown, "GeneralError"),
    (error("GeneralError"), 503, Unknown, "GeneralError"),
    (error("Invalid_Something_New"), 400, Refused, "Invalid_Something_New"),
    (error("Something_New"), 500, Unknown, "Something_New"),
    (error("Something_New"), 429, NotAccepted, "RequestLimitExceeded"),
    (b"Invalid API key", 500, Refused, "Invalid_Key"),
    (b"Invalid API key", 401, Refused, "Invalid_Key"),
    (b'"Invalid API key"', 500, Refused, "Invalid_Key"),
    (b"", 401, Refused, "Invalid_Key"),
    (b"", 402, Refused, "PaymentRequired"),
    (b"<html>not here</html>", 404, Refused, "http-404"),
    (b"too big", 413, Refused, "http-413"),
    (b"slow down", 429, NotAccepted, "RequestLimitExceeded"),
    (b"<html>later</html>", 503, NotAccepted, "ServiceUnavailable"),
    (b"", 502, Unknown, "http-502"),
    (b"<html>bad gateway</html>", 502, Unknown, "http-502"),
    (b"timeout", 504, Unknown, "http-504"),
    (b'{"status": "err', 500, Unknown, "http-500"),
    (b"[]", 500, Unknown, "http-500"),
    (b"", 302, NotAccepted, "redirected"),
]


@pytest.mark.parametrize(("body", "status", "kind", "cause"), ERRORS)
def test_errors_by_name_first_and_status_second(body, status, kind, cause):
    result = outcome(status, body)
    assert isinstance(result, kind)
    assert result.cause == cause
    assert result.http_status == status
    assert result.message
    assert result.hint


BAD_RESPONSES = {
    "html": b"<html>login to the wifi</html>",
    "empty": b"",
    "empty list": [],
    "object": {"email": TO, "status": "sent"},
    "null": None,
    "list of strings": ["sent"],
    "no status": [{"email": TO}],
    "no email": [{"status": "sent"}],
    "status of an unknown kind": [entry("lost")],
    "status of a wrong type": [{"email": TO, "status": ["sent"]}],
    "somebody else": [entry("sent", "other@example.com")],
    "one too many": [entry("sent"), entry("sent", COPY)],
    "the same twice": [entry("sent"), entry("sent")],
    "not JSON after all": b'[{"email": "client@example.com", "status": "sent"}',
    "invalid UTF-8": b'[{"email": "client@example.com", "status": "sent\xff"}]',
}


@pytest.mark.parametrize("body", BAD_RESPONSES.values(), ids=BAD_RESPONSES)
def test_a_success_that_is_not_the_expected_list_leaves_the_outcome_unknown(body):
    result = outcome(200, body)
    assert isinstance(result, Unknown)
    assert result.cause == "bad-response"


def test_a_missing_copy_in_the_answer_leaves_the_outcome_unknown():
    assert isinstance(outcome(200, [entry("sent")], (TO, COPY)), Unknown)


def test_extra_keys_and_another_spelling_of_the_address_do_not_matter():
    body = [{**entry("sent"), "email": "Client@Example.com", "new": {"key": 1}}]
    assert outcome(200, body) == Accepted(f"id-{TO}", "sent", (TO,), ())


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (entry("sent"), "sent"),
        (entry("queued"), "queued"),
        (entry("scheduled"), "scheduled"),
        (entry("queued", queued_reason="attachments"), "queued: attachments"),
        (entry("queued", queued_reason="multiple-recipients"), "queued: multiple-recipients"),
        (entry("queued", queued_reason="hourly-quota-exhausted"), "queued: hourly-quota-exhausted"),
        (entry("queued", queued_reason="sending-backlogged"), "queued: sending-backlogged"),
        (entry("queued", queued_reason="something-new"), "queued: something-new"),
        (entry("sent", reject_reason=None, queued_reason=None), "sent"),
    ],
)
def test_accepted(answer, detail):
    assert outcome(200, [answer]) == Accepted(f"id-{TO}", detail, (TO,), ())


def test_an_accepted_mail_may_come_without_an_id():
    assert outcome(200, [{"email": TO, "status": "sent"}]).provider_id is None


@pytest.mark.parametrize("reason", sorted(HOLDING_REASONS))
def test_accepted_but_held_back(reason):
    assert outcome(200, [entry("queued", queued_reason=reason)]) == Held(
        f"id-{TO}", reason, HINTS[reason], ()
    )


@pytest.mark.parametrize(
    "reason",
    [
        *("hard-bounce", "spam", "unsub", "custom", "invalid-sender", "invalid", "test-mode-limit"),
        *("unsigned", "rule", "recipient-domain-mismatch", "a-reason-of-tomorrow"),
    ],
)
def test_rejected_for_good(reason):
    result = outcome(200, [{"email": TO, "status": "rejected", "reject_reason": reason}])
    assert isinstance(result, Refused)
    assert (result.cause, result.reject_reason) == ("rejected", reason)
    assert result.hint == HINTS.get(reason, HINTS["rejected"])
    assert ("to this address" in result.message) is (reason in ABOUT_ONE_RECIPIENT)
    assert REASONS_OF_RECIPIENTS == ABOUT_ONE_RECIPIENT, "on both sides of the wall the same"


def test_rejected_without_a_reason():
    result = outcome(200, [{"email": TO, "status": "rejected", "reject_reason": None}])
    assert isinstance(result, Refused)


def test_invalid_is_refused():
    result = outcome(200, [{"email": TO, "status": "invalid"}])
    assert isinstance(result, Refused)
    assert result.cause == "invalid"
    assert "address" in result.hint


def test_a_soft_bounce_is_tried_again_after_hours():
    result = outcome(200, [entry("rejected", reject_reason="soft-bounce")])
    assert isinstance(result, NotAccepted)
    assert result.retry_after_s == SOFT_BOUNCE_RETRY_S >= 3600


def test_the_primary_recipient_decides_and_refused_copies_are_listed():
    answer = [entry("rejected", COPY, reject_reason="hard-bounce"), entry("sent")]
    result = outcome(200, answer, (TO, COPY))
    assert result == Accepted(f"id-{TO}", "sent", (TO,), ((COPY, "hard-bounce"),))
    answer = [entry("invalid", COPY), entry("queued", queued_reason="sending-paused")]
    assert outcome(200, answer, (TO, COPY)).refused_copies == ((COPY, "invalid"),)
    answer = [entry("sent", COPY), entry("rejected", reject_reason="hard-bounce")]
    result = outcome(200, answer, (TO, COPY))
    assert isinstance(result, Refused)
    assert "Copies were sent" in result.message


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("3", 3),
        (" 60 ", 60),
        ("0", 0),
        ("999999999999999999999", 3600),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30),
        ("Sun, 22 Nov 2026 11:59:00 GMT", 0),
        ("Mon, 23 Nov 2026 12:00:00 GMT", 3600),
        ("Sun, 99 Nov 2026 12:00:00 GMT", None),
    ],
)
def test_retry_after(header, seconds):
    assert retry_after_seconds(header, NOW) == seconds
    result = outcome(429, error("RequestLimitExceeded"), retry_after=header)
    assert isinstance(result, NotAccepted)
    assert result.retry_after_s == seconds


@given(st.text(max_size=40))
def test_no_retry_after_header_can_do_harm(header):
    seconds = retry_after_seconds(header, NOW)
    assert seconds is None or 0 <= seconds <= 3600


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["email", "status", "_id", "name", "message", "reject_reason"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.integers(200, 599), JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60))
def test_no_answer_can_crash_the_reading_and_none_of_these_is_success(status, body):
    assert not isinstance(outcome(status, body), Accepted | Held)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (Failure("dns", "m", written=False), NotAccepted),
        (Failure("refused", "m", written=False), NotAccepted),
        (Failure("connect-timeout", "m", written=False), NotAccepted),
        (Failure("connection-failed", "m", written=False), NotAccepted),
        (Failure("tls-handshake", "m", written=False), NotAccepted),
        (Failure("tls-verification", "m", written=False, permanent=True), Refused),
        (Failure("read-timeout", "m", written=True), Unknown),
        (Failure("connection-lost", "m", written=True), Unknown),
        (Failure("deadline", "m", written=True), Unknown),
    ],
)
def test_failures_of_the_network_are_judged_by_whether_anything_was_written(failure, kind):
    result = outcome_of_failure(failure)
    assert type(result) is kind
    assert result.hint == HINTS[failure.cause]


def test_whoever_changes_the_key_is_told_to_restart_the_workers():
    assert "Restart the mail workers" in HINTS["Invalid_Key"]


def test_every_name_and_reason_of_the_tables_has_a_hint():
    for name in PERMANENT_NAMES | HOLDING_REASONS:
        assert name in HINTS
    assert hint_for("a-reason-of-tomorrow", "rejected") == HINTS["rejected"]
    assert "nobody" in hint_for("nobody")
    assert all(hint.endswith(".") for hint in HINTS.values())
