"""Writing down what became of a mail: the command's move, the mail's row, and what developers must see.

One function an outcome, each called inside one transaction by the worker that holds the command's lease; a
worker that lost it raises `LeaseLostError` and writes nothing.
"""

from sqlalchemy import Connection, text

from models import command_ledger as ledger
from models.command_ledger import Claim
from models.incidents import Trouble, close_notification, open_notification
from models.notifications import MANDRILL_EMAIL_FAILED, MANDRILL_EMAIL_HELD
from tasks.catalogue import MAIL_DELAYS_S, delay_after
from tasks.claims import crash_key
from tasks.mail.hints import hint_for
from tasks.mail.outcomes import Accepted, Held, NotAccepted, Outcome, Refused, Unknown

LONGEST_ADDRESS = 320
"""Characters of an address that the tables hold: 64 before the @, 255 after it."""

_BEGIN = text(
    "INSERT INTO emails (send_id, command_id, appointment_id, kind, recipient, copies)"
    " VALUES (:send_id, :command_id, :appointment_id, :kind, :recipient, :copies)"
    " ON CONFLICT (send_id) DO UPDATE SET outcome = 'sending', copies = excluded.copies, decided_at = NULL"
)
_DECIDE = text(
    "UPDATE emails SET outcome = :outcome, provider_id = coalesce(:provider_id, provider_id), cause = :cause,"
    " detail = :detail, http_status = :http_status, decided_at = now() WHERE send_id = :send_id"
)


def subject_key(claimed: Claim, recipient: str | None = None) -> str:
    """What a mail's notification is about: one row for each appointment, kind, sequence and recipient."""
    who = claimed.recipient if recipient is None else recipient
    return f"mail:{claimed.appointment_id}:{claimed.kind}:{claimed.sequence}:{who.casefold()}"


def begin(connection: Connection, claimed: Claim, copies: tuple[str, ...]) -> None:
    """A mail is about to be handed over. Its row exists before the first byte goes out."""
    connection.execute(
        _BEGIN,
        {
            "send_id": claimed.send_id,
            "command_id": claimed.id,
            "appointment_id": claimed.appointment_id,
            "kind": claimed.kind,
            "recipient": claimed.recipient,
            "copies": list(copies),
        },
    )


def record(connection: Connection, claimed: Claim, outcome: Outcome, grace_s: float) -> None:
    """Write down an outcome of sending, whichever it is; a doubt is asked about after `grace_s` seconds.

    Raises `LeaseLostError`.
    """
    match outcome:
        case Accepted():
            accepted(connection, claimed, outcome.provider_id, outcome.detail, outcome.refused_copies)
        case Held():
            accepted(connection, claimed, outcome.provider_id, outcome.reason, outcome.refused_copies, "held")
            _tell_of_held_mail(connection, outcome)
        case Refused():
            refused(connection, claimed, outcome)
        case NotAccepted():
            _not_accepted(connection, claimed, outcome)
        case Unknown():
            _unknown(connection, claimed, outcome, grace_s)


def accepted(
    connection: Connection,
    claimed: Claim,
    provider_id: str | None,
    detail: str,
    refused_copies: tuple[tuple[str, str], ...] = (),
    outcome: str = "accepted",
) -> None:
    """The provider has it. An open notification about this mail is over; refused copies get their own."""
    ledger.finish(connection, claimed)
    _decide(connection, claimed, outcome, provider_id=provider_id, detail=detail)
    for key in (subject_key(claimed), crash_key(claimed)):
        close_notification(connection, key, "success")
    for email, reason in refused_copies:
        _tell_of_refused_copy(connection, claimed, email, reason)


def refused(connection: Connection, claimed: Claim, outcome: Refused) -> None:
    """The provider will never take it as it is: no retry, one notification."""
    ledger.fail(connection, claimed, outcome.message)
    cause = outcome.reject_reason or outcome.cause
    _decide(
        connection, claimed, "refused", cause=cause, detail=outcome.message, http_status=outcome.http_status
    )
    severity = "critical" if outcome.cause == "Invalid_Key" else "high"
    _open(
        connection,
        claimed,
        cause,
        outcome.message,
        outcome.hint,
        http_status=outcome.http_status,
        severity=severity,
    )


def left_to_people(connection: Connection, claimed: Claim, message: str, *, missed: bool) -> None:
    """The doubt could not be settled in the allowed time: it stays, and a person decides."""
    ledger.stay_in_doubt(connection, claimed, None, message, missed=missed)
    _decide(connection, claimed, "unknown", cause="undecided", detail=message)
    _open(
        connection,
        claimed,
        "undecided",
        message,
        "Look the address up in Mandrill's activity log. Send again only if the mail is not there.",
        may_have_been_sent=True,
    )


def _not_accepted(connection: Connection, claimed: Claim, outcome: NotAccepted) -> None:
    _decide(
        connection,
        claimed,
        "not-accepted",
        cause=outcome.cause,
        detail=outcome.message,
        http_status=outcome.http_status,
    )
    delay_s = delay_after(MAIL_DELAYS_S, claimed.attempts)
    if delay_s is not None:
        ledger.postpone(connection, claimed, max(delay_s, outcome.retry_after_s or 0), outcome.message)
        return
    ledger.fail(connection, claimed, outcome.message)
    _open(connection, claimed, outcome.cause, outcome.message, outcome.hint, http_status=outcome.http_status)


def _unknown(connection: Connection, claimed: Claim, outcome: Unknown, grace_s: float) -> None:
    _decide(
        connection,
        claimed,
        "unknown",
        cause=outcome.cause,
        detail=outcome.message,
        http_status=outcome.http_status,
    )
    ledger.doubt(connection, claimed, grace_s, outcome.message)


def _tell_of_refused_copy(connection: Connection, claimed: Claim, email: str, reason: str) -> None:
    """`reason` is the provider's word, or a sentence when we did not even try the address."""
    cause, message = reason, "The copy to this address was refused."
    if " " in reason:
        cause, message = "invalid", f"No copy was sent to this address. {reason}"
    # What somebody typed as an address may be of any length.
    _open(connection, claimed, cause, message, hint_for(cause), recipient=email[:LONGEST_ADDRESS])


def _tell_of_held_mail(connection: Connection, outcome: Held) -> None:
    """Once for all mails that are held for the same reason: the account is to be mended, not the mails."""
    open_notification(
        connection,
        Trouble(
            status=MANDRILL_EMAIL_HELD,
            subject_key=f"held:{outcome.reason}",
            cause=outcome.reason,
            message="Mandrill accepts mails but does not send them on.",
            hint=outcome.hint or hint_for(outcome.reason),
            severity="critical",
        ),
    )


def _decide(
    connection: Connection,
    claimed: Claim,
    outcome: str,
    *,
    provider_id: str | None = None,
    cause: str | None = None,
    detail: str | None = None,
    http_status: int | None = None,
) -> None:
    connection.execute(
        _DECIDE,
        {
            "send_id": claimed.send_id,
            "outcome": outcome,
            "provider_id": provider_id,
            "cause": cause,
            "detail": detail,
            "http_status": http_status,
        },
    )


def _open(
    connection: Connection,
    claimed: Claim,
    cause: str,
    message: str,
    hint: str,
    *,
    recipient: str | None = None,
    http_status: int | None = None,
    severity: str = "high",
    may_have_been_sent: bool = False,
) -> None:
    open_notification(
        connection,
        Trouble(
            status=MANDRILL_EMAIL_FAILED,
            subject_key=subject_key(claimed, recipient),
            cause=cause,
            message=message,
            hint=hint,
            severity=severity,
            appointment_id=claimed.appointment_id,
            command_id=claimed.id,
            recipient=recipient or claimed.recipient,
            http_status=http_status,
            attempts=claimed.attempts,
            may_have_been_sent=may_have_been_sent,
            request_id=claimed.request_id,
        ),
    )
