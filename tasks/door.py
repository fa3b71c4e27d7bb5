"""The door to this room: which commands follow from what was asked or changed. The front door imports no more.

It stays light on purpose: a web process that comes through here loads no mail, no clocks and no Celery.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from models.command_ledger import add, drop, resend
from models.command_publishing import wake_relay
from models.command_sql import LEFT_TO_PEOPLE
from models.command_states import DROP, OPEN, RESEND, State, among
from models.commands import NewCommand
from models.mail_facts import Told
from tasks.catalogue import KINDS, PRIORITIES_ON_REDIS, RECONCILE_TIMES, SEND_ASSIGNMENT, SEND_CONFIRMATION
from tasks.change_plan import (
    TIMES,
    VISIBLE,
    Alteration,
    MailPlan,
    People,
    plan_cancel,
    plan_update,
)
from tasks.mails_so_far import MailSoFar, mails_so_far

__all__ = [
    "KINDS",
    "PRIORITIES_ON_REDIS",
    "TIMES",
    "VISIBLE",
    "Again",
    "Alteration",
    "MailPlan",
    "MailSoFar",
    "People",
    "Plan",
    "confirm_again",
    "follow_change",
    "plan_cancel",
    "plan_create",
    "plan_update",
    "reconcile_again",
]


@dataclass(frozen=True, slots=True)
class Plan:
    """The commands of a create, and in plain sentences whom nobody could write to."""

    commands: Sequence[NewCommand]
    unreachable: Sequence[str]


def plan_create(
    *, cancelled: bool, has_order: bool, client_email: str | None, photographer_email: str | None
) -> Plan:
    """What follows from a new appointment (contract.md section 7).

    The clocks are reconciled first, always; the mails wait for that. A record that is created as cancelled
    mails nobody. `photographer_email` is None when no photographer was named.
    """
    commands = [NewCommand(RECONCILE_TIMES.name, State.PENDING)]
    unreachable: list[str] = []
    if cancelled:
        return Plan(commands, unreachable)
    if client_email:
        commands.append(NewCommand(SEND_CONFIRMATION.name, State.WAITING, client_email))
    elif has_order:
        unreachable.append("The order's client has no e-mail address, so no confirmation will be sent.")
    else:
        unreachable.append("The appointment belongs to no order, so no confirmation will be sent.")
    if photographer_email:
        commands.append(NewCommand(SEND_ASSIGNMENT.name, State.WAITING, photographer_email))
    return Plan(commands, unreachable)


_RECONCILE_AGAIN = text(
    "INSERT INTO commands (appointment_id, kind, sequence, state, request_id)"
    " SELECT a.id, CAST(:kind AS text), coalesce((SELECT max(c.sequence) + 1 FROM all_commands c"
    " WHERE c.appointment_id = a.id AND c.kind = CAST(:kind AS text)), 0), :state, :request_id"
    " FROM appointments a JOIN orders o ON o.id = a.order_id WHERE o.property_id = ANY(:property_ids)"
    " ORDER BY a.id"
)


def reconcile_again(connection: Connection, property_ids: Sequence[int], request_id: str) -> int:
    """Queue `reconcile-times` for every appointment at these properties, because where they are was corrected.

    For whoever changes a property's zone, position or ZIP, in the same transaction. Returns how many.
    """
    if not property_ids:
        return 0
    queued = connection.execute(
        _RECONCILE_AGAIN,
        {
            "kind": RECONCILE_TIMES.name,
            "state": str(State.PENDING),
            "request_id": request_id,
            "property_ids": list(property_ids),
        },
    ).rowcount
    if queued:
        wake_relay(connection)
    return queued


# While the times are being computed, the clocks' worker waits here for our commit, and then lets our mail go too.
_CLOCKS_AT_WORK = text(
    "SELECT state <> 'done' AS at_work FROM commands WHERE appointment_id = :id AND kind = :kind FOR SHARE"
)
_CONFIRMATION = text(
    f"SELECT id, state, state = 'unknown' AND {LEFT_TO_PEOPLE} AS left_to_people FROM all_commands"  # noqa: S608 - constants
    " WHERE appointment_id = :id AND kind = :kind AND lower(recipient) = lower(:recipient)"
    " ORDER BY sequence DESC, id DESC LIMIT 1"
)
_ANOTHER = text(
    "INSERT INTO commands (appointment_id, kind, sequence, recipient, state, request_id, facts)"
    " SELECT a.id, :kind, a.sequence, :recipient, :state, :request_id,"
    " jsonb_build_object('again', true, 'party', o.client_id)"
    " FROM appointments a LEFT JOIN orders o ON o.id = a.order_id WHERE a.id = :id"
    " ON CONFLICT DO NOTHING RETURNING id"
)


@dataclass(frozen=True, slots=True)
class Again:
    """The command that sends a confirmation again. `is_new_send` is false when it was under way anyhow."""

    command_id: int
    is_new_send: bool


def confirm_again(connection: Connection, appointment_id: int, recipient: str, request_id: str) -> Again:
    """Send the client's confirmation again: with what is true now, to the client's address of now.

    One that is under way, or of which the provider is just being asked, is left to itself.
    """
    who = {"id": appointment_id, "kind": SEND_CONFIRMATION.name, "recipient": recipient}
    clocks = connection.execute(_CLOCKS_AT_WORK, {"id": appointment_id, "kind": RECONCILE_TIMES.name})
    state = State.WAITING if any(clocks.scalars()) else State.PENDING
    existing = connection.execute(_CONFIRMATION, who).first()
    if existing is None:
        made = connection.execute(_ANOTHER, {**who, "state": str(state), "request_id": request_id}).first()
        if made is not None:
            wake_relay(connection)
            return Again(made.id, True)
        existing = connection.execute(_CONFIRMATION, who).one()  # another request made it just now
    being_asked = existing.state == State.UNKNOWN and not existing.left_to_people
    if State(existing.state) not in RESEND.sources or being_asked:
        return Again(existing.id, False)
    return Again(existing.id, resend(connection, existing.id))


# Locked first: a worker that would claim one of them now waits for our commit, and then finds what we decided.
_HOLD_UNSENT = text(
    f"SELECT FROM commands WHERE appointment_id = :id AND state IN {among(DROP.sources)}"
    " ORDER BY id FOR UPDATE"
)
_CLOCKS_SO_FAR = text(
    "SELECT coalesce(max(sequence), -1) AS last, coalesce(bool_or(state = ANY(:open)), false) AS is_open"
    " FROM all_commands WHERE appointment_id = :id AND kind = :kind"
)


@dataclass(frozen=True, slots=True)
class Followed:
    """The commands that a change queued, and in plain sentences whom nobody can write to."""

    command_ids: Sequence[int]
    unreachable: Sequence[str]


def follow_change(
    connection: Connection,
    appointment_id: int,
    altered: Alteration,
    told: Told,
    *,
    sequence: int,
    request_id: str,
    reconcile: bool,
    awaits_clocks: bool,
) -> Followed:
    """Queue what follows from a change, in its transaction, whose caller holds the lock of the appointment's row.

    `told` was read before the change, `sequence` is the appointment's after it. `reconcile`: there is something for
    the command `reconcile-times`. `awaits_clocks`: the times as they stand are not computed yet, so that no mail
    goes out before; nor does one while a computation is under way.
    """
    who = {"id": appointment_id}
    clocks = connection.execute(
        _CLOCKS_SO_FAR, {**who, "kind": RECONCILE_TIMES.name, "open": [str(state) for state in OPEN]}
    ).one()
    queued: list[int] = []
    if reconcile or (altered.is_told and awaits_clocks and not clocks.is_open):
        again = NewCommand(RECONCILE_TIMES.name, State.PENDING)
        queued += add(connection, appointment_id, clocks.last + 1, [again], request_id)
    planned = MailPlan()
    if altered.is_told:
        connection.execute(_HOLD_UNSENT, who)
        state = State.WAITING if awaits_clocks or clocks.is_open else State.PENDING
        planned = plan_update(altered, told, mails_so_far(connection, appointment_id), state)
        drop(connection, planned.drop)
        queued += add(connection, appointment_id, sequence, planned.commands, request_id)
    if queued:
        wake_relay(connection)
    return Followed(queued, planned.unreachable)
