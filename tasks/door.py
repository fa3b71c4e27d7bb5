"""The door to this room: which commands follow from what was asked or changed. The front door imports no more.

It stays light on purpose: a web process that comes through here loads no mail, no clocks and no Celery.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from models.command_ledger import wake_relay
from models.command_states import State
from models.commands import NewCommand
from tasks.catalogue import RECONCILE_TIMES, SEND_ASSIGNMENT, SEND_CONFIRMATION


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
