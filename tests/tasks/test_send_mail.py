"""The mail commands against a scripted Mandrill: each outcome, both tables of retries, and every doubt."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from models import database
from models.command_claims import expire_leases
from models.command_ledger import resend
from models.command_publishing import take_due
from models.command_states import State
from models.commands import NewCommand
from models.notification_list import read_notification
from settings import get_settings
from tasks import claims
from tasks.catalogue import (
    ASKED_FOR_S,
    CRASH_DELAYS_S,
    DOUBTFUL_SENDS_LIMIT,
    INQUIRY_PATIENCE,
    JITTER,
    MAIL_DELAYS_S,
    MISS_PAUSES,
    SEND_ASSIGNMENT,
    SEND_CONFIRMATION,
)
from tasks.send_mail import mandrill, send_mail
from tests.models.put import handed_over
from tests.statements import before_each_statement
from tests.tasks.mail.wire_server import answer, reset, truncated, unused_port
from tests.tasks.planned import REQUEST_ID, command_row, let_lease_expire, mail_due, make_due

GRACE_S = 60
KEY_ERROR = {"status": "error", "code": -1, "name": "Invalid_Key", "message": "Invalid API key"}
VALIDATION = {"status": "error", "code": -2, "name": "ValidationError", "message": "text is missing"}
GENERAL = {"status": "error", "code": -1, "name": "GeneralError", "message": "Oops"}
BUSY = {"status": "error", "code": -2, "name": "ServiceUnavailable", "message": "Later"}
TOO_MANY = {"status": "error", "code": 429, "name": "RequestLimitExceeded", "message": "Slow down"}
NOTHING_FOUND = (answer([]), answer([{"name": "send_id"}]))
"""The two questions of `find`: the search, and whether the field is registered."""


def says(status, **more):
    """A 200 with this status for the recipient, and `sent` for the copies."""

    def act(server, sock):
        entries = [
            {"email": recipient["email"], "status": "sent", "_id": f"id{number}"}
            for number, recipient in enumerate(server.last_body["message"]["to"], start=1)
        ]
        entries[0] |= {"status": status, **more}
        return answer(entries)(server, sock)

    return act


SENT = says("sent")


def found(planned, state="sent"):
    """The provider's search shows the mail."""
    row = command_row(mail_of(planned))
    return answer(
        [
            {
                "_id": "found1",
                "state": state,
                "email": row["recipient"],
                "metadata": {"send_id": str(row["send_id"])},
            }
        ]
    )


def mail_of(planned):
    return planned.commands["send-confirmation"]


def run(planned):
    send_mail(SEND_CONFIRMATION, mail_of(planned))


def run_when_due(planned):
    make_due(mail_of(planned))
    run(planned)


def state_of(planned):
    return command_row(mail_of(planned))["state"]


def email_of(world, planned):
    return world.row("SELECT * FROM emails WHERE appointment_id = :id", id=planned.id)


def in_doubt(world, provider, **columns):
    """A mail whose first attempt ended without an answer."""
    planned = mail_due(world)
    provider.script.append(reset)
    run(planned)
    assert state_of(planned) == "unknown"
    for name, value in columns.items():
        world.execute(f"UPDATE commands SET {name} = {value} WHERE id = :id", id=mail_of(planned))
    return planned


def open_notifications(world):
    return world.rows("SELECT * FROM notifications WHERE state = 'open' ORDER BY id")


# -- each outcome

ACCEPTED = [
    pytest.param(says("sent"), "sent", id="sent"),
    pytest.param(says("queued", queued_reason="attachments"), "queued: attachments", id="queued"),
    pytest.param(says("scheduled"), "scheduled", id="scheduled"),
]
REFUSED = [
    pytest.param(says("rejected", reject_reason="hard-bounce"), "hard-bounce", 200, "high", id="hard-bounce"),
    pytest.param(says("rejected", reject_reason="new-in-2027"), "new-in-2027", 200, "high", id="new-reason"),
    pytest.param(says("invalid"), "invalid", 200, "high", id="invalid"),
    pytest.param(answer(KEY_ERROR, 401), "Invalid_Key", 401, "critical", id="401"),
    pytest.param(answer(KEY_ERROR, 500), "Invalid_Key", 500, "critical", id="old-500-key"),
    pytest.param(answer(b"Invalid API key", 500), "Invalid_Key", 500, "critical", id="plain-text-key"),
    pytest.param(answer(VALIDATION, 400), "ValidationError", 400, "high", id="400"),
    pytest.param(answer(VALIDATION, 500), "ValidationError", 500, "high", id="old-500-validation"),
    pytest.param(answer(b"", 402), "PaymentRequired", 402, "high", id="402"),
    pytest.param(answer(b"<html>", 418), "http-418", 418, "high", id="other-4xx"),
]
NOT_ACCEPTED = [
    pytest.param(answer(BUSY, 503), "ServiceUnavailable", 503, MAIL_DELAYS_S[0], id="503"),
    pytest.param(answer(TOO_MANY, 429), "RequestLimitExceeded", 429, MAIL_DELAYS_S[0], id="429"),
    pytest.param(
        answer(TOO_MANY, 429, {"Retry-After": "90"}), "RequestLimitExceeded", 429, 90, id="429-retry-after"
    ),
    pytest.param(
        says("rejected", reject_reason="soft-bounce"), "soft-bounce", 200, 4 * 3600, id="soft-bounce"
    ),
    pytest.param(answer(b"", 302, {"Location": "/"}), "redirected", 302, MAIL_DELAYS_S[0], id="redirect"),
]
UNKNOWN = [
    pytest.param(reset, "connection-lost", None, id="reset"),
    pytest.param(truncated, "connection-lost", None, id="truncated"),
    pytest.param(answer(GENERAL, 500), "GeneralError", 500, id="500"),
    pytest.param(answer(b"", 502), "http-502", 502, id="502-empty"),
    pytest.param(answer(b"<html>", 504), "http-504", 504, id="504-html"),
    pytest.param(answer([]), "bad-response", 200, id="200-empty-list"),
    pytest.param(answer(b"<html>"), "bad-response", 200, id="200-html"),
]


@pytest.mark.parametrize(("act", "detail"), ACCEPTED)
def test_an_accepted_mail_is_done(world, provider, act, detail):
    planned = mail_due(world, world.order(assistants=("as@example.com",)))
    provider.script.append(act)
    run(planned)
    row, email = command_row(mail_of(planned)), email_of(world, planned)
    assert (row["state"], row["attempts"], row["last_error"]) == ("done", 1, None)
    assert (email["outcome"], email["detail"], email["provider_id"]) == ("accepted", detail, "id1")
    assert (email["send_id"], email["command_id"]) == (row["send_id"], row["id"])
    assert (email["recipient"], email["copies"]) == (row["recipient"], ["as@example.com"])
    assert email["decided_at"] is not None
    assert open_notifications(world) == []
    assert provider.last_body["message"]["metadata"]["send_id"] == str(row["send_id"])


@pytest.mark.parametrize(("act", "cause", "http_status", "severity"), REFUSED)
def test_a_refused_mail_fails_at_once_and_is_shown(world, provider, act, cause, http_status, severity):
    planned = mail_due(world)
    provider.script.append(act)
    run(planned)
    row, email = command_row(mail_of(planned)), email_of(world, planned)
    assert (row["state"], row["attempts"]) == ("failed", 1)
    assert (email["outcome"], email["cause"], email["http_status"]) == ("refused", cause, http_status)
    (told,) = open_notifications(world)
    assert (told["status"], told["severity"]) == ("mandrill-email-failed", severity)
    assert (told["cause"], told["http_status"]) == (cause, http_status)
    assert (told["recipient"], told["request_id"]) == (row["recipient"], REQUEST_ID)
    assert (told["attempts"], told["may_have_been_sent"]) == (1, False)
    assert told["message"]
    assert told["hint"]
    run_when_due(planned)
    assert provider.calls == ["messages/send.json"]


@pytest.mark.parametrize(("act", "cause", "http_status", "delay_s"), NOT_ACCEPTED)
def test_a_mail_that_was_surely_not_accepted_is_tried_later_without_a_word(
    world, provider, act, cause, http_status, delay_s
):
    planned = mail_due(world)
    provider.script += [act, SENT]
    run(planned)
    row, email = command_row(mail_of(planned)), email_of(world, planned)
    assert (row["state"], row["doubts"]) == ("pending", 0)
    assert delay_s * (1 - JITTER) - 2 <= row["due_in_s"] <= delay_s * (1 + JITTER)
    assert (email["outcome"], email["cause"], email["http_status"]) == ("not-accepted", cause, http_status)
    run_when_due(planned)
    assert (state_of(planned), email_of(world, planned)["outcome"]) == ("done", "accepted")
    assert email_of(world, planned)["cause"] is None
    assert world.notifications(planned.id) == []


@pytest.mark.parametrize(("act", "cause", "http_status"), UNKNOWN)
def test_without_an_answer_to_believe_the_mail_is_in_doubt(world, provider, act, cause, http_status):
    planned = mail_due(world)
    provider.script.append(act)
    run(planned)
    row, email = command_row(mail_of(planned)), email_of(world, planned)
    assert (row["state"], row["doubts"], row["attempts"]) == ("unknown", 1, 1)
    assert row["doubt_since"] is not None
    assert row["due_in_s"] == pytest.approx(GRACE_S, abs=5)
    assert (email["outcome"], email["cause"], email["http_status"]) == ("unknown", cause, http_status)
    assert open_notifications(world) == []


def test_where_nobody_listens_nothing_was_accepted(world, provider, monkeypatch):
    monkeypatch.setenv("MANDRILL_URL", f"http://127.0.0.1:{unused_port()}/api/1.0")
    get_settings.cache_clear()
    mandrill.cache_clear()
    planned = mail_due(world)
    run(planned)
    assert (state_of(planned), email_of(world, planned)["cause"]) == ("pending", "refused")


def test_mails_that_mandrill_holds_are_done_and_make_one_notification_together(world, provider):
    for _ in range(5):
        planned = mail_due(world)
        provider.script.append(says("queued", queued_reason="sending-paused"))
        run(planned)
        assert state_of(planned) == "done"
        assert (email_of(world, planned)["outcome"], email_of(world, planned)["provider_id"]) == (
            "held",
            "id1",
        )
    (told,) = open_notifications(world)
    assert (told["status"], told["severity"]) == ("mandrill-email-held", "critical")
    assert (told["cause"], told["appointment_id"]) == ("sending-paused", None)
    assert "resume" in told["hint"]


def test_a_copy_that_is_refused_gets_a_notification_of_its_own(world, provider):
    def act(server, sock):
        to, copy = (recipient["email"] for recipient in server.last_body["message"]["to"])
        return answer(
            [
                {"email": to, "status": "sent", "_id": "id1"},
                {"email": copy, "status": "rejected", "reject_reason": "unsub"},
            ]
        )(server, sock)

    planned = mail_due(world, world.order(assistants=("as@example.com",)))
    provider.script.append(act)
    run(planned)
    assert (state_of(planned), email_of(world, planned)["outcome"]) == ("done", "accepted")
    (told,) = open_notifications(world)
    assert (told["recipient"], told["cause"]) == ("as@example.com", "unsub")


@pytest.mark.parametrize("copy", ["not an address", "as@example.com, other@example.com", "ä" * 500 + "@x"])
def test_a_copy_that_is_no_address_is_shown_and_stops_nothing(world, provider, copy):
    planned = mail_due(world, world.order(assistants=(copy, "as@example.com")))
    provider.script.append(SENT)
    run(planned)
    assert (state_of(planned), email_of(world, planned)["copies"]) == ("done", ["as@example.com"])
    (told,) = open_notifications(world)
    assert (told["recipient"], told["cause"]) == (copy[:320], "invalid")
    assert "cannot be used" in told["message"]


def test_a_recipient_that_is_no_address_is_refused_without_a_call(world, provider):
    planned = mail_due(
        world, commands=(NewCommand("send-confirmation", State.PENDING, "c@example.com, d@example.com"),)
    )
    run(planned)
    assert provider.calls == []
    assert (state_of(planned), email_of(world, planned)["outcome"]) == ("failed", "refused")
    (told,) = open_notifications(world)
    assert (told["cause"], told["may_have_been_sent"]) == ("invalid", False)


def test_a_photographers_mail_goes_the_same_way(world, provider):
    photographer = world.photographer()
    planned = mail_due(
        world,
        photographer_user_id=photographer.id,
        commands=(NewCommand("send-assignment", State.PENDING, photographer.email),),
    )
    provider.script.append(SENT)
    send_mail(SEND_CONFIRMATION, planned.commands["send-assignment"])  # a message of the wrong kind
    assert provider.calls == []
    send_mail(SEND_ASSIGNMENT, planned.commands["send-assignment"])
    (recipient,) = provider.last_body["message"]["to"]
    assert (recipient["email"], recipient["name"]) == (photographer.email, photographer.name)


# -- the tables of retries


@pytest.mark.parametrize("tries", [1, 2, 5, 10, 11, len(MAIL_DELAYS_S)])
def test_a_mail_waits_by_its_table(world, provider, tries):
    planned = mail_due(world)
    handed_over(mail_of(planned))
    world.execute("UPDATE commands SET attempts = :n WHERE id = :id", n=tries - 1, id=mail_of(planned))
    provider.script.append(answer(BUSY, 503))
    run(planned)
    row, delay_s = command_row(mail_of(planned)), MAIL_DELAYS_S[tries - 1]
    assert (row["state"], row["attempts"]) == ("pending", tries)
    assert delay_s * (1 - JITTER) - 2 <= row["due_in_s"] <= delay_s * (1 + JITTER)


def test_a_mail_that_nobody_took_for_two_days_fails_and_is_shown(world, provider):
    planned = mail_due(world)
    assert sum(MAIL_DELAYS_S) > 46 * 3600
    handed_over(mail_of(planned))
    world.execute(
        "UPDATE commands SET attempts = :n WHERE id = :id", n=len(MAIL_DELAYS_S), id=mail_of(planned)
    )
    provider.script.append(answer(BUSY, 503))
    run(planned)
    assert state_of(planned) == "failed"
    (told,) = open_notifications(world)
    assert (told["cause"], told["attempts"]) == ("ServiceUnavailable", len(MAIL_DELAYS_S) + 1)
    assert told["may_have_been_sent"] is False


def test_a_crash_before_the_mail_is_made_is_given_back_by_its_table_and_then_shown(world, provider):
    planned = mail_due(world)
    world.execute("UPDATE appointments SET zone_name = 'Nowhere/Atlantis' WHERE id = :id", id=planned.id)
    for tries, delay_s in enumerate(CRASH_DELAYS_S, start=1):
        with pytest.raises(ValueError, match="Atlantis"):
            run_when_due(planned)
        row = command_row(mail_of(planned))
        assert (row["state"], row["attempts"], row["last_error"]) == ("pending", tries, "ValueError")
        assert delay_s * (1 - JITTER) - 2 <= row["due_in_s"] <= delay_s * (1 + JITTER)
    with pytest.raises(ValueError, match="Atlantis"):
        run_when_due(planned)
    assert (provider.calls, state_of(planned)) == ([], "failed")
    assert world.rows("SELECT * FROM emails") == []
    (told,) = open_notifications(world)
    assert (told["status"], told["cause"]) == ("command-failed", "send-confirmation:ValueError")


def test_a_mail_whose_database_goes_away_before_it_is_written_is_tried_a_second_later(
    world, provider, monkeypatch
):
    monkeypatch.setattr(claims, "DATABASE_PAUSES_S", (0.0,) * 5)
    planned = mail_due(world)

    away = [OperationalError("BEGIN", {}, Exception("the server is starting up")) for _ in range(3)]
    transaction = database.transaction

    def refused_for_a_while():
        if away:
            raise away.pop()
        return transaction()

    with monkeypatch.context() as restarting, pytest.raises(OperationalError):
        restarting.setattr(database, "transaction", refused_for_a_while)
        run(planned)
    assert away == []
    row = command_row(mail_of(planned))
    assert (row["state"], row["attempts"], row["last_error"]) == ("pending", 1, "OperationalError")
    assert row["due_in_s"] <= CRASH_DELAYS_S[0] * (1 + JITTER)
    provider.script.append(SENT)
    run_when_due(planned)
    assert (state_of(planned), provider.calls) == ("done", ["messages/send.json"])


def dies(world, planned):
    """A worker takes the mail and is killed before it has written it down; the sweep comes by after the lease."""
    make_due(mail_of(planned))
    assert claims.take(SEND_CONFIRMATION, mail_of(planned)) is not None
    let_lease_expire(mail_of(planned))
    with database.transaction() as connection:
        expire_leases(connection, GRACE_S)


def test_a_mail_that_kills_its_workers_before_it_is_written_is_given_up_and_shown(world, provider):
    planned = mail_due(world)
    for tries in range(1, len(CRASH_DELAYS_S) + 2):
        dies(world, planned)
        row = command_row(mail_of(planned))
        assert (row["state"], row["attempts"], row["doubts"]) == ("pending", tries, 0)
    run_when_due(planned)
    assert (provider.calls, state_of(planned)) == ([], "failed")
    (told,) = open_notifications(world)
    assert (told["status"], told["cause"]) == ("command-failed", "send-confirmation:WorkerDied")
    assert told["may_have_been_sent"] is False


def test_a_mail_that_was_handed_over_often_is_not_taken_for_one_that_kills_its_workers(world, provider):
    planned = mail_due(world)
    provider.script += [answer(b"", 503), SENT]
    run(planned)
    world.execute("UPDATE commands SET attempts = 20 WHERE id = :id", id=mail_of(planned))
    run_when_due(planned)
    row = command_row(mail_of(planned))
    assert (row["state"], row["attempts"]) == ("done", 21)

    world.execute("UPDATE appointments SET zone_name = 'America/Denver' WHERE id = :id", id=planned.id)
    with database.transaction() as connection:
        assert resend(connection, mail_of(planned))
    provider.script.append(SENT)
    run(planned)
    assert (state_of(planned), open_notifications(world)) == ("done", [])


# -- doubt


def test_a_mail_in_doubt_that_mandrill_has_is_done_without_a_second_one(world, provider):
    planned = in_doubt(world, provider)
    provider.script.append(found(planned))
    run_when_due(planned)
    assert provider.calls == ["messages/send.json", "messages/search.json"]
    email = email_of(world, planned)
    assert (state_of(planned), email["outcome"]) == ("done", "accepted")
    assert (email["provider_id"], email["detail"]) == ("found1", "found: sent")
    assert world.notifications(planned.id) == []


def test_a_mail_in_doubt_that_mandrill_rejected_afterwards_is_shown(world, provider):
    planned = in_doubt(world, provider)
    provider.script.append(found(planned, "rejected"))
    run_when_due(planned)
    assert (state_of(planned), email_of(world, planned)["outcome"]) == ("failed", "refused")
    (told,) = open_notifications(world)
    assert told["cause"] == "rejected"


def test_a_mail_that_no_later_one_bears_witness_to_is_sent_again_after_ever_longer_pauses(world, provider):
    planned = in_doubt(world, provider)
    for misses, pause in enumerate(MISS_PAUSES, start=1):
        provider.script += NOTHING_FOUND
        run_when_due(planned)
        row = command_row(mail_of(planned))
        assert (row["state"], row["misses"], row["attempts"]) == ("unknown", misses, 1)
        assert row["due_in_s"] == pytest.approx(pause * GRACE_S, abs=5)
        assert provider.calls.count("messages/send.json") == 1

    provider.script += [*NOTHING_FOUND, SENT]
    run_when_due(planned)
    row = command_row(mail_of(planned))
    assert (row["state"], row["attempts"], row["doubt_since"]) == ("done", 2, None)
    assert provider.calls.count("messages/send.json") == 2
    first, second = (
        body["message"]["metadata"]["send_id"] for path, _, body in provider.requests if "send.json" in path
    )
    assert first == second
    assert email_of(world, planned)["outcome"] == "accepted"
    assert world.notifications(planned.id) == []


def sent_later(world, provider):
    """A mail that Mandrill took after the one in doubt."""
    later = mail_due(world)
    provider.script.append(SENT)
    run(later)
    assert state_of(later) == "done"
    return later


def test_once_the_search_shows_a_later_mail_of_ours_the_second_miss_is_proof(world, provider):
    planned = in_doubt(world, provider)
    later = sent_later(world, provider)
    provider.script += NOTHING_FOUND
    run_when_due(planned)
    assert provider.calls.count("messages/search.json") == 1
    provider.script += [*NOTHING_FOUND, found(later), SENT]
    run_when_due(planned)
    assert provider.script == []
    assert (state_of(planned), provider.calls.count("messages/send.json")) == ("done", 3)


@pytest.mark.parametrize("misses", [1, 2], ids=["second", "third"])
@pytest.mark.parametrize(
    "witness", [NOTHING_FOUND, (answer(TOO_MANY, 429),), (reset,)], ids=["not shown", "429", "reset"]
)
def test_a_search_that_does_not_show_a_later_mail_proves_nothing(world, provider, witness, misses):
    planned = in_doubt(world, provider, misses=misses)
    sent_later(world, provider)
    provider.script += [*NOTHING_FOUND, *witness]
    run_when_due(planned)
    row = command_row(mail_of(planned))
    assert (row["state"], row["misses"]) == ("unknown", misses)
    assert provider.calls.count("messages/send.json") == 2
    provider.script.append(found(planned))
    run_when_due(planned)
    assert (state_of(planned), provider.calls.count("messages/send.json")) == ("done", 2)


def test_a_later_mail_bears_witness_to_one_whose_row_is_missing_and_an_earlier_one_does_not(world, provider):
    early = mail_due(world)
    provider.script.append(SENT)
    run(early)
    planned = in_doubt(world, provider, misses=1)
    world.execute("DELETE FROM emails WHERE appointment_id = :id", id=planned.id)
    provider.script += NOTHING_FOUND
    run_when_due(planned)
    assert command_row(mail_of(planned))["misses"] == 2
    later = sent_later(world, provider)
    world.execute("UPDATE commands SET misses = 1 WHERE id = :id", id=mail_of(planned))
    provider.script += [*NOTHING_FOUND, found(later), SENT]
    run_when_due(planned)
    assert provider.script == []
    assert (state_of(planned), provider.calls.count("messages/send.json")) == ("done", 4)


def test_a_mail_that_was_sent_before_or_not_taken_bears_no_witness(world, provider):
    early = mail_due(world)
    provider.script.append(SENT)
    run(early)
    planned = in_doubt(world, provider)
    refused = mail_due(world)
    provider.script.append(says("rejected", reject_reason="unsub"))
    run(refused)
    world.execute("UPDATE commands SET misses = 1 WHERE id = :id", id=mail_of(planned))
    provider.script += NOTHING_FOUND
    run_when_due(planned)
    assert provider.calls.count("messages/search.json") == 1
    assert command_row(mail_of(planned))["misses"] == 2


def test_a_crash_in_a_second_attempt_counts_as_the_second(world, provider):
    planned = in_doubt(world, provider, misses=len(MISS_PAUSES))
    world.execute("UPDATE appointments SET zone_name = 'Nowhere/Atlantis' WHERE id = :id", id=planned.id)
    provider.script += NOTHING_FOUND
    with pytest.raises(ValueError, match="Atlantis"):
        run_when_due(planned)
    row = command_row(mail_of(planned))
    assert (row["state"], row["attempts"], row["doubt_since"]) == ("pending", 2, None)
    assert CRASH_DELAYS_S[1] * (1 - JITTER) - 2 <= row["due_in_s"] <= CRASH_DELAYS_S[1] * (1 + JITTER)


@pytest.mark.parametrize(
    "acts",
    [
        (answer(BUSY, 503),),
        (reset,),
        (answer(TOO_MANY, 429),),
        (answer([{"_id": "x", "email": "c@example.com"}]),),
    ],
    ids=["503", "reset", "429", "no-metadata-shown"],
)
def test_while_mandrill_cannot_tell_it_is_asked_again_ever_later_and_nothing_is_sent(world, provider, acts):
    age_s = 200
    planned = in_doubt(world, provider, doubt_since=f"now() - interval '{age_s} s'")
    provider.script += acts
    run_when_due(planned)
    row = command_row(mail_of(planned))
    assert (row["state"], row["misses"], row["doubts"]) == ("unknown", 0, 1)
    assert row["due_in_s"] == pytest.approx(age_s, abs=5)
    assert provider.calls.count("messages/send.json") == 1
    assert open_notifications(world) == []


def test_every_attempt_is_kept_with_what_became_of_it(world, provider):
    planned = mail_due(world)
    provider.script += [answer(TOO_MANY, 429), reset, *NOTHING_FOUND * len(MISS_PAUSES)]
    for _ in range(2 + len(MISS_PAUSES)):
        run_when_due(planned)
    provider.script += [*NOTHING_FOUND, SENT]
    run_when_due(planned)
    attempts = email_of(world, planned)["attempts"]
    assert [(one["outcome"], one["http_status"]) for one in attempts] == [
        ("not-accepted", 429),
        ("unknown", None),
        ("accepted", None),
    ]


def test_a_failure_is_told_with_mandrills_code_the_template_and_links(world, provider, monkeypatch):
    monkeypatch.setenv("PUBLIC_URL", "https://appointments.example.com/")
    monkeypatch.setenv("SENTRY_URL", "https://planomatic.sentry.io")
    get_settings.cache_clear()
    planned = mail_due(world)
    provider.script.append(answer(VALIDATION, 400))
    run(planned)
    (told,) = open_notifications(world)
    world.execute("UPDATE notifications SET sentry_event_id = 'abc123'")
    with database.transaction() as connection:
        shown = read_notification(connection, told["id"])
    ((attempt,),) = [mail["attempts"] for mail in shown["mails"]]
    assert (attempt["code"], attempt["template"]) == (-2, "request")
    assert re.fullmatch("[0-9a-f]{12}", attempt["template_version"])
    for name in ("code", "template", "template_version"):
        assert shown[name] == attempt[name]
    assert (shown["locale"], shown["endpoint_host"]) == ("en", "127.0.0.1")
    assert shown["appointment_link"] == f"https://appointments.example.com/console/appointments/{planned.id}"
    assert shown["sentry_link"] == "https://planomatic.sentry.io/issues/?query=abc123"
    assert shown["cause_key"] == "ValidationError@send-confirmation", "the code and the version group nothing"


def test_that_the_account_cannot_be_searched_is_told_at_the_first_doubt(world, provider):
    planned = in_doubt(world, provider)
    provider.script += [answer([]), answer([{"name": "other"}])]
    run_when_due(planned)
    (told,) = open_notifications(world)
    assert (told["cause"], told["may_have_been_sent"]) == ("undecided", True)
    assert "register it as a metadata field" in told["message"]
    assert told["reason"] == "connection-lost", "how the doubt arose stays with it"
    assert (state_of(planned), provider.calls.count("messages/send.json")) == ("unknown", 1)


def test_what_mandrill_cannot_tell_for_long_is_shown_to_people_and_settled_when_it_can(world, provider):
    planned = in_doubt(
        world, provider, doubt_since=f"now() - make_interval(secs => {INQUIRY_PATIENCE * GRACE_S + 1})"
    )
    provider.script.append(answer(BUSY, 503))
    run_when_due(planned)
    row = command_row(mail_of(planned))
    assert (row["state"], row["due_in_s"]) == ("unknown", pytest.approx(INQUIRY_PATIENCE * GRACE_S, abs=5))
    (told,) = open_notifications(world)
    assert (told["cause"], told["may_have_been_sent"]) == ("undecided", True)

    for _ in MISS_PAUSES:
        provider.script += NOTHING_FOUND
        run_when_due(planned)
    provider.script += [*NOTHING_FOUND, SENT]
    run_when_due(planned)
    assert state_of(planned) == "done"
    assert open_notifications(world) == []
    assert provider.calls.count("messages/send.json") == 2


def test_what_mandrills_search_no_longer_reaches_is_left_to_people(world, provider):
    planned = in_doubt(world, provider, doubt_since=f"now() - make_interval(secs => {ASKED_FOR_S + 1})")
    provider.script.append(answer(BUSY, 503))
    run_when_due(planned)
    assert_left_to_people(world, provider, planned, sends=1)


def test_after_three_attempts_in_doubt_nothing_more_is_sent_without_a_person(world, provider):
    planned = mail_due(world)
    for _ in range(DOUBTFUL_SENDS_LIMIT):
        provider.script.append(reset)
        run_when_due(planned)
        for _ in MISS_PAUSES:
            provider.script += NOTHING_FOUND
            run_when_due(planned)
        provider.script += NOTHING_FOUND
    run_when_due(planned)
    assert provider.script == []
    assert_left_to_people(world, provider, planned, sends=DOUBTFUL_SENDS_LIMIT)


def assert_left_to_people(world, provider, planned, *, sends):
    row = command_row(mail_of(planned))
    assert (row["state"], row["available_at"].year) == ("unknown", 9000)
    assert email_of(world, planned)["outcome"] == "unknown"
    (told,) = open_notifications(world)
    assert (told["status"], told["may_have_been_sent"]) == ("mandrill-email-failed", True)
    assert (told["cause"], told["recipient"]) == ("undecided", row["recipient"])
    assert provider.calls.count("messages/send.json") == sends
    with database.transaction() as connection:
        assert take_due(connection, 10, room=2_000) == []

    with database.transaction() as connection:
        assert resend(connection, row["id"])
    provider.script.append(SENT)
    run(planned)
    assert state_of(planned) == "done"
    assert open_notifications(world) == []


def test_a_resend_is_a_new_mail_and_its_success_ends_the_notification(world, provider):
    planned = mail_due(world)
    provider.script += [says("rejected", reject_reason="unsub"), SENT]
    run(planned)
    old = command_row(mail_of(planned))["send_id"]
    (told,) = open_notifications(world)
    with database.transaction() as connection:
        assert resend(connection, mail_of(planned))
    run(planned)
    emails = world.rows("SELECT send_id, outcome FROM emails ORDER BY id")
    assert [email["outcome"] for email in emails] == ["refused", "accepted"]
    assert emails[0]["send_id"] == old != emails[1]["send_id"]
    (again,) = world.notifications(planned.id)
    assert (again["id"], again["state"], again["closed_by"]) == (told["id"], "resolved", "success")


def test_a_second_failure_opens_the_same_notification_again(world, provider):
    planned = mail_due(world)
    for reason in ("unsub", "spam"):
        provider.script.append(says("rejected", reject_reason=reason))
        run(planned)
        with database.transaction() as connection:
            resend(connection, mail_of(planned))
    (told,) = open_notifications(world)
    assert told["cause"] == "spam"
    assert told["last_at"] > told["first_at"]


def test_the_same_key_error_over_many_mails_is_one_cause(world, provider):
    for _ in range(10):
        provider.script.append(answer(KEY_ERROR, 401))
        run(mail_due(world))
    causes = world.rows("SELECT cause, severity, count(*) AS n FROM notifications GROUP BY 1, 2")
    assert causes == [{"cause": "Invalid_Key", "severity": "critical", "n": 10}]


# -- while the provider is talked to


def test_no_transaction_and_no_connection_is_held_while_mandrill_is_talked_to(world, provider):
    seen = []
    watching = database.engine().connect()
    pid = watching.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    watching.rollback()

    def act(server, sock):
        seen.append(database.engine().pool.checkedout() - 1)  # the watcher's own
        busy = watching.execute(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> :pid"
                " AND state <> 'idle' AND backend_type = 'client backend'"
            ),
            {"pid": pid},
        ).scalar_one()
        watching.rollback()
        seen.append(busy)
        return SENT(server, sock) if "message" in server.last_body else answer([])(server, sock)

    planned = mail_due(world)
    asked = in_doubt(world, provider)
    provider.script += [act, act, answer([{"name": "send_id"}])]
    with watching:
        run(planned)
        run_when_due(asked)
    assert seen == [0, 0, 0, 0]
    assert state_of(planned) == "done"


def test_the_command_is_sending_and_its_row_is_there_before_the_first_byte(world, provider):
    seen = []

    def act(server, sock):
        seen.append((state_of(planned), email_of(world, planned)["outcome"]))
        return SENT(server, sock)

    planned = mail_due(world)
    provider.script.append(act)
    run(planned)
    assert seen == [("sending", "sending")]


def test_a_message_that_comes_twice_at_once_makes_one_mail(world, provider):
    def act(server, sock):
        with ThreadPoolExecutor(8) as others:
            for other in [others.submit(run, planned) for _ in range(8)]:
                other.result(10)
        return SENT(server, sock)

    planned = mail_due(world)
    provider.script.append(act)
    run(planned)
    assert (provider.calls, state_of(planned)) == (["messages/send.json"], "done")


def test_a_worker_that_was_too_slow_leaves_the_decision_to_the_next(world, provider):
    def act(server, sock):
        let_lease_expire(mail_of(planned))
        with database.transaction() as connection:
            expire_leases(connection, 1)
        return SENT(server, sock)

    planned = mail_due(world)
    provider.script.append(act)
    run(planned)
    row = command_row(mail_of(planned))
    assert (row["state"], row["doubts"], email_of(world, planned)["outcome"]) == ("unknown", 1, "sending")
    provider.script.append(found(planned))
    run_when_due(planned)
    assert (state_of(planned), provider.calls.count("messages/send.json")) == ("done", 1)


def test_notes_never_reach_the_provider(world, provider):
    planned = mail_due(world, notes="Gate code 4711", description="Front and back")
    provider.script.append(SENT)
    run(planned)
    sent = json.dumps(provider.last_body)
    assert "4711" not in sent
    assert "Front and back" in sent


# -- what it costs


def test_an_ordinary_mail_takes_six_statements_in_three_transactions(world, provider):
    planned = mail_due(world)
    provider.script.append(SENT)
    sent = []
    with before_each_statement(lambda _connection, statement, _values: sent.append(statement.split()[0:2])):
        run(planned)
    assert state_of(planned) == "done"
    assert sent == [
        ["UPDATE", "commands"],  # the claim
        ["SELECT", "FROM"],  # the appointment's lock
        ["SELECT", "c.id,"],  # what has been written to whom
        ["SELECT", "a.uuid,"],  # how it stands now
        ["WITH", "told"],  # what the mail says, and its row
        ["WITH", "finished"],  # the end
    ]


def test_what_a_mail_ends_is_ended_with_it(world, provider):
    planned = mail_due(world)
    provider.script += [answer(VALIDATION, 400), SENT]
    run(planned)
    assert [row["status"] for row in open_notifications(world)] == ["mandrill-email-failed"]
    with database.transaction() as connection:
        resend(connection, mail_of(planned))
    run(planned)
    assert state_of(planned) == "done"
    assert open_notifications(world) == []
