"""Appointments with the commands of a create, as the front door leaves them, and what the tests do with time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, text

from models import database
from models.appointment_intake import insert_appointment
from models.clock.supplied import Supplied
from models.command_claims import claim_several
from models.command_endings import finish_several
from models.command_publishing import Due
from models.command_states import State
from models.commands import NewCommand
from models.moment import now
from tests.world import MadeOrder, World

REQUEST_ID = "request-0001"
NINE_IN_DENVER = Supplied.from_json(
    {"date_start_local": "2026-12-03", "time_start_local": "09:00:00", "time_duration_s": 3600}
)


@dataclass(frozen=True)
class Planned:
    """An appointment and the ids of its commands by kind."""

    id: int
    commands: dict[str, int]


def plan(
    world: World,
    order: MadeOrder | None,
    *,
    supplied: Supplied = NINE_IN_DENVER,
    commands: tuple[NewCommand, ...] | None = None,
    **columns: Any,
) -> Planned:
    """Write an appointment; by default with `reconcile-times` pending and a waiting confirmation."""
    if commands is None:
        commands = (NewCommand("reconcile-times", State.PENDING),)
        if order is not None and order.client_email:
            commands = (*commands, NewCommand("send-confirmation", State.WAITING, order.client_email))
    values = {
        "uuid": uuid4(),
        "order_id": None if order is None else order.id,
        "supplied": supplied.to_json(),
        "updated_at_mt": "2026-11-20 10:00:00",
        "updated_at_mt_instant": now(),
        "fingerprint": bytes(32),
        "caller_kind": "application",
        "caller_role": "application",
        "caller_application_id": world.application_id(),
        "request_id": REQUEST_ID,
        **columns,
    }
    with database.transaction() as connection:
        inserted = insert_appointment(connection, values, commands)
    assert inserted is not None
    return Planned(inserted.id, {command.kind: command.id for command in inserted.commands})


def mail_due(world: World, order: MadeOrder | None = None, **more: Any) -> Planned:
    """An appointment whose times agree and whose confirmation is pending."""
    from models.appointment_clocks import read_clocks
    from tasks.clock_outcome import decide_today, write

    order = order or world.order()
    command = NewCommand("send-confirmation", State.PENDING, order.client_email or "")
    planned = plan(world, order, commands=more.pop("commands", (command,)), **more)
    with database.transaction() as connection:
        write(connection, planned.id, decide_today(read_clocks(connection, planned.id)))
    return planned


def release(connection: Connection, appointment_id: int, kinds: Sequence[str], room: int) -> list[Due]:
    """Let the waiting mails go as a worker does that computed the appointment's times; those to be published."""
    times = connection.execute(
        text(
            "INSERT INTO commands (appointment_id, kind, sequence, state, request_id)"
            " SELECT :id, 'reconcile-times', coalesce(max(sequence), 0) + 1, 'pending', 'r' FROM commands"
            " WHERE appointment_id = :id RETURNING id"
        ),
        {"id": appointment_id},
    ).scalar_one()
    return finish_several(connection, claim_several(connection, times, "reconcile-times", 60, 1), kinds, room)


def command_row(command_id: int) -> dict[str, Any]:
    """One command, with how many seconds ahead its times are."""
    with database.engine().connect() as connection:
        row = connection.execute(
            text(
                "SELECT *, extract(epoch FROM available_at - now())::float AS due_in_s,"
                " extract(epoch FROM lease_until - now())::float AS lease_for_s"
                " FROM commands WHERE id = :id"
            ),
            {"id": command_id},
        ).mappings()
        return dict(row.one())


def make_due(command_id: int) -> None:
    """Let the wait of a command be over."""
    with database.transaction() as connection:
        connection.execute(
            text("UPDATE commands SET available_at = now() - interval '1 ms' WHERE id = :id"),
            {"id": command_id},
        )


def let_lease_expire(command_id: int) -> None:
    """As if its worker had died a lease ago."""
    with database.transaction() as connection:
        connection.execute(
            text("UPDATE commands SET lease_until = now() - interval '1 ms' WHERE id = :id"),
            {"id": command_id},
        )
