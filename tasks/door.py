"""The door to this room: which commands follow from what was asked. The front door imports this and no more.

It stays light on purpose: a web process that comes through here loads no mail, no clocks and no Celery.
"""

from collections.abc import Sequence
from dataclasses import dataclass

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
