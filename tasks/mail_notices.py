"""What developers are told of a mail by the worker that sends it: what failed, what is in doubt, what is held."""

from dataclasses import asdict

from sqlalchemy import Connection, text

from models.command_claims import Claim
from models.incidents import Trouble, open_notification
from models.notifications import MANDRILL_EMAIL_FAILED, MANDRILL_EMAIL_HELD
from tasks.circumstances import circumstances
from tasks.mail.hints import hint_for
from tasks.mail.outcomes import Held
from tasks.mail_trouble import cause_key, subject_key, tell

LONGEST_ADDRESS = 320
"""Characters of an address that the tables hold: 64 before the @, 255 after it."""

_BEGAN = text("SELECT created_at FROM emails WHERE send_id = :send_id")


def tell_of_failure(
    connection: Connection,
    claimed: Claim,
    cause: str,
    message: str,
    hint: str,
    failure_class: str,
    *,
    name: str | None = None,
    reason: str | None = None,
    provider_id: str | None = None,
    recipient: str | None = None,
    http_status: int | None = None,
    severity: str = "high",
) -> None:
    """The mail needs a person: one notification for each address.

    `cause` is the most telling word; `name` is the provider's own for the failure, where that is another.
    """
    trouble = Trouble(
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
        may_have_been_sent=failure_class == "unknown",
        request_id=claimed.request_id,
        cause_key=cause_key(name or cause, claimed.kind, reason or cause),
        failure_class=failure_class,
        mail_kind=claimed.kind,
        sequence=claimed.sequence,
        send_id=claimed.send_id,
        provider_id=provider_id,
        reason=reason,
        first_at=connection.execute(_BEGAN, {"send_id": claimed.send_id}).scalar_one_or_none(),
        **asdict(circumstances()),
    )
    tell(connection, [trouble])


def tell_of_refused_copy(connection: Connection, claimed: Claim, email: str, reason: str) -> None:
    """The mail went out, but not to this address.

    `reason` is the provider's word, or a sentence when we did not even try the address.
    """
    cause, message = reason, "The copy to this address was refused."
    if " " in reason:
        cause, message = "invalid", f"No copy was sent to this address. {reason}"
    # What somebody typed as an address may be of any length.
    email = email[:LONGEST_ADDRESS]
    tell_of_failure(
        connection, claimed, cause, message, hint_for(cause), "permanent", name="copy", recipient=email
    )


def tell_of_held_mail(connection: Connection, outcome: Held) -> None:
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
            failure_class="held",
        ),
    )
