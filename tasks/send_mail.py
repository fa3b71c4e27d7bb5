"""The mail commands: claim, look the facts up, hand the mail over, write down what became of it.

What a mail says, and whether it is still to be said, is decided right before it goes out, in one transaction
under the lock of its appointment (`tasks/telling.py`). None is held while the provider is talked to.

A mail in doubt is asked about before it is sent again (mail.md section 1): only when the provider has said
several times that it has nothing does a new attempt begin, and only so many of those without a person. Its search
lags, so a mail of ours that was sent later is its witness: while the search does not show that one, it proves
nothing about this one.

When mails queue up, messages are sent for the first of them only (`catalogue.ROOM`). Whoever has done the mail of
its message then goes on with those that have none, for a moment: a message costs a worker more than a mail does.
"""

import time
from functools import lru_cache
from uuid import UUID

import structlog
from celery import Task, shared_task

from models import command_endings as endings
from models import database
from models.appointment_change import lock
from models.command_claims import Claim, LeaseLostError, begin_again
from settings import Settings, get_settings
from tasks import mail_gate, mail_record
from tasks.catalogue import (
    ASKED_FOR_S,
    DOUBTFUL_SENDS_LIMIT,
    INQUIRY_PATIENCE,
    KINDS,
    MISS_PAUSES,
    MISSES_WITH_WITNESS,
    CommandKind,
)
from tasks.claims import belonging_to, give_back, patiently, take, take_next
from tasks.crashes import report, reported
from tasks.letters import letter_of
from tasks.mail.addresses import AddressError
from tasks.mail.compose import Mail, Template, compose
from tasks.mail.destination import DestinationError
from tasks.mail.hints import hint_for
from tasks.mail.mandrill import MandrillClient
from tasks.mail.outcomes import Accepted, CannotTell, Found, NotAccepted, NotFound, Outcome, Refused, Unknown
from tasks.mail.transport import Limits
from tasks.telling import NotYet, Superfluous, Tell, decide
from tracing import span

log = structlog.get_logger(__name__)

STATES_OF_REFUSAL = frozenset({"rejected", "invalid"})

BEHIND_ANOTHER_S = 1.0
"""So long a mail waits while another one is being handed over to the same reader."""

QUEUED_S = 0.05
"""A mail that has been due for longer waited in a queue."""

GO_ON_FOR_S = 2.0
"""So long a worker goes on with mails that no message was sent for. A stop waits for it; and it is longer than the
sweep takes to send messages again, so that no thread runs dry while mails queue up."""


@lru_cache(maxsize=1)
def mandrill() -> MandrillClient:
    """This process's client. Raises `DestinationError` when key and URL do not belong together."""
    settings = get_settings()
    limits = Limits(
        connect_s=min(Limits().connect_s, settings.mandrill_read_timeout_s),
        read_s=settings.mandrill_read_timeout_s,
        total_s=settings.mandrill_total_timeout_s,
    )
    return MandrillClient(settings.mandrill_url, settings.mandrill_api_key, limits=limits)


def send_mail(kind: CommandKind, command_id: int) -> str:
    """Do one mail command, and others if they queue up. What became of it, for Flower to show.

    A message too many, or too late, does nothing.
    """
    until = time.monotonic() + GO_ON_FOR_S
    claimed = take(kind, command_id)
    if claimed is None:
        return "nothing to do"
    became = _do(kind, claimed)
    others = _go_on(kind, until) if claimed.waited_s > QUEUED_S else 0
    return f"{became}; {others} without a message" if others else became


def _go_on(kind: CommandKind, until: float) -> int:
    """Do mails of this kind that no message was sent for, until there is none or the time is up; how many."""
    done = 0
    # With a pace the line is long anyway, and each mail would be waited for in it.
    while not get_settings().mail_rate_per_s and time.monotonic() < until:
        try:
            claimed = take_next(kind)
            if claimed is None:
                break
            with belonging_to(claimed):
                _do(kind, claimed)
        except Exception as failure:  # noqa: BLE001 - reported, and no fault of the message's own mail
            report(kind.name, failure)
            break
        done += 1
    return done


def _do(kind: CommandKind, claimed: Claim) -> str:
    try:
        return _carry_out(kind, claimed, get_settings())
    except LeaseLostError as lost:
        log.warning("lease lost", error=str(lost))
        return "lease lost"


def _carry_out(kind: CommandKind, taken: Claim, settings: Settings) -> str:
    """What became of a command that this worker holds. Raises `LeaseLostError`."""
    if taken.doubts and _told_meanwhile(taken):
        return "told by events"
    claimed = _begin_again_or_decide(taken, settings) if taken.in_doubt else taken
    if claimed is None:
        return "asked about"
    if not mail_gate.take_turn(claimed, settings):
        return "put off"
    # Of the clock that goes on while a process is stopped. After `not_after` somebody else may have the
    # mail, so not a byte of it is written.
    not_after = time.monotonic() + settings.command_lease_s - settings.mandrill_total_timeout_s
    mail = _prepare(kind, claimed, settings)
    if mail is None:
        return "nothing to send now"
    outcome = _hand_over(mail, claimed, not_after)
    _record(claimed, outcome, settings, mail.template)
    return _named(outcome)


def _named(outcome: Outcome) -> str:
    """An outcome in the provider's words for it, without a text that may quote the mail."""
    match outcome:
        case Refused():
            why = outcome.reject_reason or outcome.cause
        case NotAccepted() | Unknown():
            why = outcome.cause
        case _:
            why = ""
    return type(outcome).__name__ + (f": {why}" if why else "")


def _prepare(kind: CommandKind, claimed: Claim, settings: Settings) -> Mail | None:
    """The mail, its row and what it shows written down; None when there is none to send. Nothing has been sent yet."""
    try:
        with database.transaction() as connection:
            # Before the command: the order of locks of a change. From here on the appointment stands still.
            lock(connection, claimed.appointment_id)
            match decide(connection, claimed):
                case Tell(spoken, facts, entry, now):
                    letter = letter_of(connection, claimed, spoken, facts, entry, now, settings)
                case NotYet(awaits_times=True):
                    endings.await_times(connection, claimed)
                    mail_record.not_now(connection, claimed)
                    return None
                case NotYet():
                    endings.put_off(connection, claimed, BEHIND_ANOTHER_S)
                    mail_record.not_now(connection, claimed)
                    return None
                case Superfluous():
                    mail_record.superfluous(connection, claimed)
                    return None
            mail = compose(letter, mail_from=settings.mail_from)
            for file in mail.attachments:
                facts = facts.with_calendar(str(claimed.send_id), file.method)
            mail_record.begin(connection, claimed, facts, mail, settings.command_lease_s)
    except AddressError as fault:
        refusal = Refused("invalid", str(fault), hint_for("invalid"))
        with database.transaction() as connection:
            mail_record.refused_unwritten(connection, claimed, refusal)
        return None
    except LeaseLostError:
        raise
    except Exception as failure:
        give_back(kind, claimed, type(failure).__name__)
        raise
    return mail


def _hand_over(mail: Mail, claimed: Claim, not_after: float) -> Outcome:
    """Talk to the provider. A defect of ours leaves a doubt like any other, which is asked about and bounded."""
    try:
        with span("http.client", "hand a mail over"):
            return mandrill().send(mail, send_id=str(claimed.send_id), not_after=not_after)
    except DestinationError as fault:
        return Refused("destination", str(fault), hint_for("destination"))
    except Exception as failure:  # noqa: BLE001 - whether a byte went out is not known
        report(claimed.kind, failure)
        return Unknown("crash", f"{type(failure).__name__} while the mail was handed over.")


def _ask(kind: str, send_id: UUID, recipient: str) -> Found | NotFound | CannotTell:
    """Ask the provider about a mail. Whatever goes wrong with asking, the doubt stays."""
    try:
        with span("http.client", "ask about a mail"):
            return mandrill().find(str(send_id), email=recipient)
    except Exception as failure:  # noqa: BLE001 - the patience with a doubt is bounded, whatever the reason
        report(kind, failure)
        return CannotTell(f"{type(failure).__name__} while Mandrill was asked.")


def _inquire(claimed: Claim) -> tuple[Found | NotFound | CannotTell, int]:
    """What the provider says of a mail in doubt, and how many misses in all prove that it has nothing.

    A first miss counts as it is; from the second on a witness is asked for, where there is one.
    """
    without_witness = len(MISS_PAUSES) + 1
    answer = _ask(claimed.kind, claimed.send_id, claimed.recipient)
    if not isinstance(answer, NotFound) or claimed.misses + 1 < MISSES_WITH_WITNESS:
        return answer, without_witness
    with database.transaction() as connection:
        witness = mail_record.later_mail(connection, claimed)
    if witness is None:
        return answer, without_witness
    match _ask(claimed.kind, *witness):
        case Found():
            return answer, MISSES_WITH_WITNESS
        case NotFound():
            late = "Mandrill's search does not show mails yet that were sent after this one."
            return CannotTell(late), without_witness
        case CannotTell() as silent:
            return silent, without_witness


def _record(claimed: Claim, outcome: Outcome, settings: Settings, template: Template | None) -> None:
    def write() -> None:
        if isinstance(outcome, Accepted):
            with database.autocommit_engine().connect() as connection:
                if mail_record.accepted_and_all_is_well(connection, claimed, outcome, template):
                    return
        with database.transaction() as connection:
            mail_record.record(connection, claimed, outcome, settings.unknown_grace_s, template)
            mail_gate.note(connection, outcome)

    # What is known now and not written down is a doubt for two minutes or more. Safe to repeat: the command's
    # move names the lease, which ended if it was committed.
    patiently(write)
    log.info("mail", kind=claimed.kind, outcome=type(outcome).__name__, attempts=claimed.attempts)


def _told_meanwhile(claimed: Claim) -> bool:
    """Whether the provider's events tell what became of a mail that was in doubt: then nobody has to ask."""
    with database.transaction() as connection:
        return mail_record.decided_by_events(connection, claimed)


def _begin_again_or_decide(claimed: Claim, settings: Settings) -> Claim | None:
    """Ask the provider about a mail in doubt and write the answer down; a claim when it is to be sent anew."""
    grace_s = settings.unknown_grace_s
    answer, enough = _inquire(claimed)
    log.info("inquiry", kind=claimed.kind, answer=type(answer).__name__, misses=claimed.misses)
    with database.transaction() as connection:
        if mail_record.decided_by_events(connection, claimed):
            return None  # they came while the provider was asked
        match answer:
            case Found(provider_id, state) if state in STATES_OF_REFUSAL:
                message = f"Mandrill took the mail and then marked it {state} ({provider_id})."
                mail_record.refused(connection, claimed, Refused(state, message, hint_for(state)))
            case Found(provider_id, state):
                mail_record.accepted(connection, claimed, provider_id, f"found: {state}")
            case CannotTell(reason, needs_setup=True) if claimed.doubt_age_s < ASKED_FOR_S:
                mail_record.shown_to_people(connection, claimed, reason, INQUIRY_PATIENCE * grace_s)
            case CannotTell(reason) if claimed.doubt_age_s < INQUIRY_PATIENCE * grace_s:
                delay_s = max(grace_s, claimed.doubt_age_s)
                endings.stay_in_doubt(connection, claimed, delay_s, reason, missed=False)
            case CannotTell(reason) if claimed.doubt_age_s < ASKED_FOR_S:
                mail_record.shown_to_people(connection, claimed, reason, INQUIRY_PATIENCE * grace_s)
            case CannotTell(reason):
                mail_record.left_to_people(connection, claimed, reason, missed=False)
            case NotFound() if claimed.misses + 1 < enough:
                delay_s = MISS_PAUSES[claimed.misses] * grace_s
                endings.stay_in_doubt(connection, claimed, delay_s, "Mandrill has no such mail.", missed=True)
            case NotFound() if claimed.doubts >= DOUBTFUL_SENDS_LIMIT:
                message = f"{claimed.doubts} attempts ended in doubt, and Mandrill shows no such mail."
                mail_record.left_to_people(connection, claimed, message, missed=True)
            case NotFound():
                return begin_again(connection, claimed)
    return None


def _task_of(kind: CommandKind) -> Task:
    @shared_task(name=kind.name, ignore_result=True)
    def shell(command_id: int) -> str:
        """The thin shell of a mail command."""
        with reported(kind.name):
            return send_mail(kind, command_id)

    return shell


TASKS = {kind.name: _task_of(kind) for kind in KINDS.values() if kind.is_mail}
"""A task for each kind of mail."""
