"""Appointments that take a photographer, and what developers are told when one is taken twice."""

from datetime import datetime
from typing import Any

from models.clock.supplied import Supplied
from models.command_states import State
from models.commands import NewCommand
from tasks.reconcile_times import reconcile_times
from tests.tasks.planned import plan
from tests.world import MadeOrder, World

DAY = "2090-06-05"
"""Far enough ahead to stay in the future."""


def utc(start: str, stop: str | None = None, day: str = DAY) -> dict[str, Any]:
    """Supplied times in UTC on one day."""
    times = {"date_start_utc": day, "time_start_utc": f"{start}:00"}
    if stop is not None:
        times |= {"date_stop_utc": day, "time_stop_utc": f"{stop}:00"}
    return times


def book(
    world: World,
    photographer: int | None,
    times: dict[str, Any],
    *,
    order: MadeOrder | None = None,
    reconciled: bool = True,
    **columns: Any,
) -> int:
    """Write an appointment, by default with its times reconciled; its id."""
    planned = plan(
        world,
        order,
        supplied=Supplied.from_json(times),
        commands=(NewCommand("reconcile-times", State.PENDING),),
        photographer_user_id=photographer,
        **columns,
    )
    if reconciled:
        reconcile(world, planned.id)
    return planned.id


def reconcile(world: World, appointment_id: int) -> None:
    """Do `reconcile-times` as a worker would, once more if it was done before."""
    command_id = world.commands(appointment_id)["reconcile-times"]["id"]
    world.execute("UPDATE commands SET state = 'pending', available_at = now() WHERE id = :id", id=command_id)
    reconcile_times(command_id)


def change(world: World, appointment_id: int, **columns: Any) -> None:
    """Change columns of an appointment, and reconcile it as after any change."""
    assignments = ", ".join(f"{name} = :{name}" for name in columns)
    world.execute(f"UPDATE appointments SET {assignments} WHERE id = :id", id=appointment_id, **columns)
    reconcile(world, appointment_id)


def span(world: World, appointment_id: int) -> tuple[datetime | None, datetime | None]:
    """From when until when the photographer is taken, as it is stored."""
    row = world.appointment(appointment_id)
    return row["busy_from"], row["busy_until"]


def double_booked(world: World, state: str = "open") -> set[tuple[int, int]]:
    """The pairs that developers are told of."""
    rows = world.rows(
        "SELECT subject_key FROM notifications WHERE status = 'photographer-double-booked' AND state = :state",
        state=state,
    )
    pairs = [tuple(int(part) for part in row["subject_key"].split(":")[1:]) for row in rows]
    assert len(pairs) == len(set(pairs))
    return {(low, high) for low, high in pairs}
