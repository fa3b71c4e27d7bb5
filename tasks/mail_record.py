"""Writing down what became of a mail: the command's move, the mail's row, and what developers must see.

One function an outcome, each called inside one transaction by the worker that holds the command's lease; a
worker that lost it raises `LeaseLostError` and writes nothing.
"""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

import measures
from models import command_endings as endings
from models.command_claims import TELL, Claim, LeaseLostError
from models.database import after_commit
from models.incidents import close_notifications
from models.mail_events import verdicts
from models.mail_facts import MailFacts
from models.notifications import COMMAND_FAILED, MANDRILL_EMAIL_FAILED
from models.prepared import Prepared
from tasks.catalogue import MAIL_DELAYS_S, MAIL_PROVIDER, RECIPIENT_TRIES, delay_after
from tasks.claims import crash_key
from tasks.mail.compose import Mail, Template
from tasks.mail.hints import hint_for
from tasks.mail.outcomes import Accepted, Held, NotAccepted, Outcome, Refused, Unknown
from tasks.mail_notices import tell_of_failure, tell_of_held_mail, tell_of_refused_copy
from tasks.mail_trouble import subject_key
from tasks.overtaken import close_overtaken

MOST_ATTEMPTS = 100
"""So many of a mail's attempts are kept, the newest: one in doubt is asked about for days."""

_BEGIN = Prepared(f"""
WITH told AS ({TELL})
INSERT INTO emails (send_id, command_id, appointment_id, kind, recipient, copies)
SELECT $5, told.id, $6, $7, $8, $9 FROM told
ON CONFLICT (send_id) DO UPDATE SET outcome = 'sending', copies = excluded.copies, decided_at = NULL
RETURNING id
""")  # noqa: S608 - constants
_NOT_WRITTEN = text(
    "INSERT INTO emails (send_id, command_id, appointment_id, kind, recipient)"
    " VALUES (:send_id, :command_id, :appointment_id, :kind, :recipient)"
    " ON CONFLICT (send_id) DO UPDATE SET outcome = 'sending', copies = excluded.copies, decided_at = NULL"
)


class _Decision(NamedTuple):
    """What is written down of one try. `outcome` is one of `models.emails.OUTCOMES`."""

    outcome: str
    provider_id: str | None = None
    cause: str | None = None
    detail: str | None = None
    http_status: int | None = None
    code: int | None = None
    template: str | None = None
    template_version: str | None = None


def _decision(first: int) -> str:
    """The assignments of a `_Decision` whose values are the parameters from this one on."""
    is_ = _Decision(*(f"${first + place}" for place in range(len(_Decision._fields))))  # type: ignore[arg-type]
    return (
        f"outcome = {is_.outcome}, provider_id = coalesce({is_.provider_id}, provider_id), cause = {is_.cause},"
        f" detail = {is_.detail}, http_status = {is_.http_status}, decided_at = now(),"
        f" attempts = CASE WHEN jsonb_array_length(attempts) < {MOST_ATTEMPTS} THEN attempts ELSE attempts - 0 END"
        f" || jsonb_build_object('at', now(), 'outcome', {is_.outcome}::varchar, 'cause', {is_.cause}::varchar,"
        f" 'http_status', {is_.http_status}::int, 'detail', {is_.detail}::text, 'code', {is_.code}::int,"
        f" 'template', {is_.template}::text, 'template_version', {is_.template_version}::text)"
    )


_DECIDE = Prepared(f"UPDATE emails SET {_decision(2)} WHERE send_id = $1 RETURNING id")  # noqa: S608 - constants
# Nothing else follows when there is no trouble of the appointment's that this mail ends, and no failure of the
# provider's that it makes forgotten.
_ACCEPT = Prepared(f"""
WITH finished AS (
  {endings.FINISH_MAIL}
    AND NOT EXISTS (SELECT FROM notifications n WHERE n.appointment_id = $3 AND n.state IN ('open', 'retrying')
      AND n.status IN ('{MANDRILL_EMAIL_FAILED}', '{COMMAND_FAILED}'))
    AND NOT EXISTS (SELECT FROM provider_gates WHERE name = '{MAIL_PROVIDER}' AND failures > 0)
  RETURNING id
), decided AS (UPDATE emails SET {_decision(5)} FROM finished WHERE emails.send_id = $4)
SELECT id FROM finished
""")  # noqa: S608 - constants
_LATER_MAIL = text(
    "SELECT send_id, recipient FROM emails WHERE id > coalesce((SELECT id FROM emails WHERE send_id = :send_id),"
    # Without a row of its own its moment decides alone; ids are given out in the order of time, near enough.
    " (SELECT id FROM emails WHERE created_at < now() - make_interval(secs => :age_s) ORDER BY id DESC LIMIT 1), 0)"
    # Begun after the doubt began, and so handed over after the mail in doubt, whenever that was.
    " AND created_at > now() - make_interval(secs => :age_s)"
    " AND outcome = 'accepted' AND provider_id IS NOT NULL ORDER BY id LIMIT 1"
)
_SURELY_NOT = text(
    "UPDATE emails SET outcome = 'not-accepted', decided_at = now()"
    " WHERE send_id = :send_id AND outcome IN ('sending', 'unknown')"
)
_FIRST_DOUBT = text("SELECT cause, http_status FROM emails WHERE send_id = :send_id")


def begin(connection: Connection, claimed: Claim, facts: MailFacts, mail: Mail, lease_s: float) -> None:
    """A mail is about to be handed over: its row and what it says are written down before the first byte goes out.

    The command is this worker's for `lease_s` seconds from now. Raises `LeaseLostError`.
    """
    copies = [copy.email for copy in mail.cc]
    begun = _BEGIN.row(
        connection,
        claimed.id,
        claimed.lease_token,
        facts.model_dump_json(exclude_none=True),
        float(lease_s),
        claimed.send_id,
        claimed.appointment_id,
        claimed.kind,
        claimed.recipient,
        copies,
    )
    if begun is None:
        raise LeaseLostError(claimed.id)


def not_now(connection: Connection, claimed: Claim) -> None:
    """It is not handed over after all; an earlier try that was in doubt is known not to have arrived by now."""
    connection.execute(_SURELY_NOT, {"send_id": claimed.send_id})


def superfluous(connection: Connection, claimed: Claim) -> None:
    """Nothing is left to be told, so that nobody has to care about it any more. Raises `LeaseLostError`."""
    endings.drop_claimed(connection, claimed)
    not_now(connection, claimed)
    close_notifications(connection, [subject_key(claimed), crash_key(claimed)], "superfluous")


def record(
    connection: Connection, claimed: Claim, outcome: Outcome, grace_s: float, template: Template | None = None
) -> None:
    """Write down an outcome of sending, whichever it is; a doubt is asked about after `grace_s` seconds.

    `template` is what the mail was written with. Raises `LeaseLostError`.
    """
    match outcome:
        case Accepted(provider_id, detail):
            accepted(connection, claimed, provider_id, detail, outcome.refused_copies, template=template)
        case Held(provider_id, reason):
            accepted(
                connection, claimed, provider_id, reason, outcome.refused_copies, "held", template=template
            )
            tell_of_held_mail(connection, outcome)
        case Refused():
            refused(connection, claimed, outcome, template)
        case NotAccepted():
            _not_accepted(connection, claimed, outcome, template)
        case Unknown():
            if not decided_by_events(connection, claimed):
                _unknown(connection, claimed, outcome, grace_s, template)


def later_mail(connection: Connection, claimed: Claim) -> tuple[UUID, str] | None:
    """`send_id` and recipient of a mail that the provider took after the one in doubt; None when there is none.

    The oldest of them: it has had the most time to come into the provider's index.
    """
    row = connection.execute(
        _LATER_MAIL, {"send_id": claimed.send_id, "age_s": claimed.doubt_age_s}
    ).one_or_none()
    return None if row is None else (row.send_id, row.recipient)


def decided_by_events(connection: Connection, claimed: Claim) -> bool:
    """Whether the provider's events have told by now what became of the mail; then that is written down.

    Asked for before the provider is asked and again after it, so that a worker never overwrites what came in
    while it held the lease. Raises `LeaseLostError`.
    """
    told = verdicts(connection, [claimed.send_id]).get(claimed.send_id)
    if told is None:
        return False
    if told.is_refused:
        reason = told.reason or told.event
        message = f"Mandrill took the mail and then told of a {told.event.replace('_', ' ')}: {reason}."
        hint = hint_for(reason, told.event)
        refused(
            connection,
            claimed,
            Refused("rejected", message, hint, reject_reason=reason, provider_id=told.provider_id),
        )
    else:
        accepted(connection, claimed, told.provider_id, f"told: {told.event}")
    return True


def accepted_and_all_is_well(
    connection: Connection, claimed: Claim, outcome: Accepted, template: Template | None
) -> bool:
    """The provider has it, and nothing else follows: that is written down in one statement, a transaction of its own.

    False, and nothing was written, when something does follow, or the lease was lost: then `record` is to decide.
    """
    if outcome.refused_copies:
        return False
    written_with = template or (None, None)
    decision = _Decision("accepted", outcome.provider_id, None, outcome.detail, None, None, *written_with)
    finished = _ACCEPT.row(
        connection, claimed.id, claimed.lease_token, claimed.appointment_id, claimed.send_id, *decision
    )
    if finished is None:
        return False
    measures.MAILS.labels(claimed.kind, "accepted").inc()
    return True


def accepted(
    connection: Connection,
    claimed: Claim,
    provider_id: str | None,
    detail: str,
    refused_copies: tuple[tuple[str, str], ...] = (),
    outcome: str = "accepted",
    *,
    template: Template | None = None,
) -> None:
    """The provider has it. An open notification about this mail is over; refused copies get their own."""
    endings.finish(connection, claimed)
    _decide(connection, claimed, outcome, provider_id=provider_id, detail=detail, template=template)
    close_notifications(connection, [subject_key(claimed), crash_key(claimed)], "success")
    if outcome == "accepted":
        close_overtaken(connection, [claimed.id])
    for email, reason in refused_copies:
        tell_of_refused_copy(connection, claimed, email, reason)


def refused(
    connection: Connection, claimed: Claim, outcome: Refused, template: Template | None = None
) -> None:
    """The provider will never take it as it is: no retry, one notification."""
    endings.fail(connection, claimed, outcome.message)
    after_commit(connection, measures.FAILURES.labels(claimed.kind).inc)
    cause = outcome.reject_reason or outcome.cause
    _decide_against(connection, claimed, "refused", outcome, template, cause)
    tell_of_failure(
        connection,
        claimed,
        cause,
        outcome.message,
        outcome.hint,
        "permanent",
        name=outcome.cause,
        reason=outcome.reject_reason,
        provider_id=outcome.provider_id,
        http_status=outcome.http_status,
        severity="critical" if outcome.cause == "Invalid_Key" else "high",
    )


def refused_unwritten(connection: Connection, claimed: Claim, outcome: Refused) -> None:
    """There is nobody whom it can be written to. Raises `LeaseLostError`."""
    connection.execute(
        _NOT_WRITTEN,
        {
            "send_id": claimed.send_id,
            "command_id": claimed.id,
            "appointment_id": claimed.appointment_id,
            "kind": claimed.kind,
            "recipient": claimed.recipient,
        },
    )
    refused(connection, claimed, outcome)


def left_to_people(connection: Connection, claimed: Claim, message: str, *, missed: bool) -> None:
    """The doubt cannot be settled by asking: it stays, and a person decides."""
    endings.stay_in_doubt(connection, claimed, None, message, missed=missed)
    _tell_of_doubt(connection, claimed, message)


def shown_to_people(connection: Connection, claimed: Claim, message: str, ask_again_s: float) -> None:
    """The doubt has lasted long enough for people to see it; the provider is asked again in `ask_again_s`."""
    endings.stay_in_doubt(connection, claimed, ask_again_s, message, missed=False)
    _tell_of_doubt(connection, claimed, message)


def _tell_of_doubt(connection: Connection, claimed: Claim, message: str) -> None:
    """`message` says why asking did not help; how the doubt arose stays with the mail."""
    doubt = connection.execute(_FIRST_DOUBT, {"send_id": claimed.send_id}).first()
    cause, http_status = (None, None) if doubt is None else (doubt.cause, doubt.http_status)
    _decide(connection, claimed, "unknown", cause=cause, detail=message, http_status=http_status)
    tell_of_failure(
        connection,
        claimed,
        "undecided",
        message,
        "Look the address up in Mandrill's activity log. Send again only if the mail is not there.",
        "unknown",
        reason=cause,
        http_status=http_status,
    )


def _not_accepted(
    connection: Connection, claimed: Claim, outcome: NotAccepted, template: Template | None
) -> None:
    _decide_against(connection, claimed, "not-accepted", outcome, template)
    delay_s = delay_after(MAIL_DELAYS_S, claimed.attempts)
    if outcome.about_recipient and claimed.attempts >= RECIPIENT_TRIES:
        delay_s = None
    if delay_s is not None:
        endings.postpone(connection, claimed, max(delay_s, outcome.retry_after_s or 0), outcome.message)
        after_commit(connection, measures.RETRIES.labels(claimed.kind).inc)
        return
    endings.fail(connection, claimed, outcome.message)
    after_commit(connection, measures.FAILURES.labels(claimed.kind).inc)
    tell_of_failure(
        connection,
        claimed,
        outcome.cause,
        outcome.message,
        outcome.hint,
        "not-sent",
        http_status=outcome.http_status,
    )


def _unknown(
    connection: Connection, claimed: Claim, outcome: Unknown, grace_s: float, template: Template | None
) -> None:
    _decide_against(connection, claimed, "unknown", outcome, template)
    endings.doubt(connection, claimed, grace_s, outcome.message)


def _decide(
    connection: Connection,
    claimed: Claim,
    outcome: str,
    *,
    provider_id: str | None = None,
    cause: str | None = None,
    detail: str | None = None,
    http_status: int | None = None,
    code: int | None = None,
    template: Template | None = None,
) -> None:
    decision = _Decision(outcome, provider_id, cause, detail, http_status, code, *(template or (None, None)))
    _DECIDE.rows(connection, claimed.send_id, *decision)
    after_commit(connection, measures.MAILS.labels(claimed.kind, outcome).inc)


def _decide_against(
    connection: Connection,
    claimed: Claim,
    word: str,
    outcome: Refused | NotAccepted | Unknown,
    template: Template | None,
    cause: str | None = None,
) -> None:
    _decide(
        connection,
        claimed,
        word,
        cause=cause or outcome.cause,
        detail=outcome.message,
        http_status=outcome.http_status,
        code=outcome.code,
        template=template,
    )
