"""Outcomes to the last field: what stands in the record, in notifications and on the console."""

import json

import pytest

from tasks.mail.answers import (
    LARGEST_CODE,
    SOFT_BOUNCE_RETRY_S,
    outcome_of_failure,
    outcome_of_reply,
    retry_after_seconds,
)
from tasks.mail.hints import HINTS
from tasks.mail.outcomes import Accepted, Held, NotAccepted, Outcome, Refused, Unknown
from tasks.mail.transport import Failure, Reply
from tests.tasks.mail.test_answers import COPY, NOW, TO, entry, error

NOT_ONE_EACH = "Mandrill answered with success, but not with one result for each recipient."


def unexplained(status: int) -> str:
    return f"HTTP status {status} without an explanation."


def look_up(name: str) -> str:
    return f"Look up '{name}' in Mandrill's documentation and the account's activity log."


def outcome(status: int, body: object, *sent_to: str) -> Outcome:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return outcome_of_reply(Reply(status, content, None), sent_to or (TO,), now=NOW)


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (
            Failure("tls-verification", "m", written=False, permanent=True),
            Refused("tls-verification", "m", HINTS["tls-verification"]),
        ),
        (
            Failure("read-timeout", "m", written=True),
            Unknown("read-timeout", "m", hint=HINTS["read-timeout"]),
        ),
        (Failure("dns", "m", written=False), NotAccepted("dns", "m", hint=HINTS["dns"])),
    ],
)
def test_a_failure_of_the_network(failure: Failure, expected: Outcome) -> None:
    assert outcome_of_failure(failure) == expected


def bad_response(status: int, message: str = NOT_ONE_EACH) -> Unknown:
    return Unknown("bad-response", message, status, HINTS["bad-response"])


def invalid_key(status: int, message: str) -> Refused:
    return Refused("Invalid_Key", message, HINTS["Invalid_Key"], status)


NAMED = {"name": "Invalid_Key", "message": "No."}
NEW = {"status": "error", "name": "Something_New", "message": "No."}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        # Success is 200 to 299, and there only `"status": "error"` makes an error of an object.
        (200, NAMED, bad_response(200)),
        (299, NAMED, bad_response(299)),
        (300, NAMED, invalid_key(300, "No.")),
        (500, NAMED, invalid_key(500, "No.")),
        (200, {**NAMED, "status": "error"}, invalid_key(200, "No.")),
        (200, b"Invalid API key", bad_response(200)),
        (299, b"Invalid API key", bad_response(299)),
        (300, b"Invalid API key", invalid_key(300, "Invalid API key")),
        (500, b"Invalid API key.", invalid_key(500, "Invalid API key")),
        (200, NEW, bad_response(200, "No.")),
        (299, NEW, bad_response(299, "No.")),
        # What bare statuses mean.
        (300, b"", NotAccepted("redirected", unexplained(300), None, 300, HINTS["redirected"])),
        (399, b"", NotAccepted("redirected", unexplained(399), None, 399, HINTS["redirected"])),
        (400, b"", Refused("http-400", unexplained(400), look_up("http-400"), 400)),
        (499, b"", Refused("http-499", unexplained(499), look_up("http-499"), 499)),
        (500, b"", Unknown("http-500", unexplained(500), 500, HINTS["GeneralError"])),
        (500, b".Invalid API key", Unknown("http-500", unexplained(500), 500, HINTS["GeneralError"])),
        (401, b"", invalid_key(401, unexplained(401))),
        # Messages that are none.
        (401, {**NAMED, "message": 5}, invalid_key(401, unexplained(401))),
        (401, {"name": "Invalid_Key"}, invalid_key(401, unexplained(401))),
    ],
)
def test_an_answer_that_is_an_error(status: int, body: object, expected: Outcome) -> None:
    assert outcome(status, body) == expected


def test_names_and_messages_of_strangers_are_cut_to_a_line() -> None:
    result = outcome(500, {"name": "N" * 200, "message": "m" * 2000})
    assert isinstance(result, Unknown)
    assert (len(result.cause), len(result.message)) == (80, 500)
    result = outcome(200, [entry("rejected", reject_reason="r" * 500)])
    assert isinstance(result, Refused)
    assert len(result.reject_reason or "") == 100


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        *((12, 12), (-1, -1), (0, 0), (LARGEST_CODE, LARGEST_CODE), (-LARGEST_CODE, -LARGEST_CODE)),
        *((LARGEST_CODE + 1, None), (True, None), ("12", None), (1.5, None), (None, None)),
    ],
)
def test_the_number_of_an_error_is_kept_if_it_can_be_one(code: object, kept: int | None) -> None:
    result = outcome(500, error("GeneralError", code=code))
    assert result == Unknown("GeneralError", "Something.", 500, HINTS["GeneralError"], kept)


def test_a_number_that_json_does_not_know_makes_the_whole_answer_unreadable() -> None:
    assert outcome(200, b'[{"email": "client@example.com", "status": "sent", "_id": NaN}]') == bad_response(
        200
    )


def test_a_date_that_hides_its_zone_is_in_utc() -> None:
    assert retry_after_seconds("Sun, 22 Nov 2026 12:01:00 -0000", NOW) == 60


def test_a_reason_to_wait_counts_for_a_mail_that_waits() -> None:
    assert outcome(200, [entry("sent", queued_reason="sending-paused")]) == Accepted(
        f"id-{TO}", "sent", (TO,)
    )
    assert isinstance(outcome(200, [entry("queued", queued_reason="sending-paused")]), Held)


NO_MAIL = "Mandrill says that the address cannot receive mail."


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (entry("invalid"), Refused("invalid", NO_MAIL, HINTS["invalid"], 200, "invalid", f"id-{TO}")),
        (
            entry("rejected", reject_reason="hard-bounce"),
            Refused(
                "rejected",
                "Mandrill rejects mail to this address: hard-bounce.",
                HINTS["hard-bounce"],
                200,
                "hard-bounce",
                f"id-{TO}",
            ),
        ),
        (
            entry("rejected", reject_reason=5, _id=None),
            Refused(
                "rejected", "Mandrill rejects this mail: rejected.", HINTS["rejected"], 200, "rejected", None
            ),
        ),
        (
            entry("rejected", reject_reason="soft-bounce"),
            NotAccepted(
                "soft-bounce",
                "Mandrill rejects mail to this address: soft-bounce.",
                SOFT_BOUNCE_RETRY_S,
                200,
                HINTS["soft-bounce"],
                about_recipient=True,
            ),
        ),
    ],
)
def test_a_recipient_that_is_turned_down(answer: dict[str, object], expected: Outcome) -> None:
    assert outcome(200, [answer]) == expected


def test_that_copies_went_out_all_the_same_is_said_too() -> None:
    result = outcome(200, [entry("invalid"), entry("sent", COPY)], TO, COPY)
    assert isinstance(result, Refused)
    assert result.message == f"{NO_MAIL} Copies were sent."
