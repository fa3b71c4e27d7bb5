"""After new time zone rules: go over the appointments that are still to come, batch by batch.

Each is decided by the same functions as in `reconcile-times`. A stored appointment carries the version of the
rules that it was computed with, so a recheck that was interrupted goes on where it stopped.

It also goes over those that were reconciled by a release which did not store from when until when the photographer
is taken (`busy_from`): that is how they are filled in.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from models import database
from models.clock import tzdata_version
from tasks.clock_outcome import decide_locked, hold, once_settled, read_held, write

# A date is not over anywhere in the world until two days after it began in UTC.
_STILL_TO_COME = """
FROM appointments
WHERE id > :after AND CASE WHEN start_resolution = 'allday'
  THEN (tzdata_version <> :version OR busy_from IS NULL)
    AND greatest(date_start_local, date_stop_local) >= current_date - 2
  ELSE (tzdata_version <> :version OR busy_from IS NULL AND starts_at IS NOT NULL)
    AND coalesce(stops_at, starts_at) > now()
END"""
_COUNT = text(f"SELECT count(*) {_STILL_TO_COME}")
_NEXT = text(f"SELECT id {_STILL_TO_COME} ORDER BY id LIMIT :limit")


@dataclass(frozen=True, slots=True)
class Moved:
    """An appointment whose instants the new rules moved, with what changed in plain words."""

    appointment_id: int
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one batch came to. `last_id` is where the next one starts; None when nothing was left."""

    seen: int
    moved: tuple[Moved, ...]
    last_id: int | None


def count_outdated() -> int:
    """How many appointments to come were computed with other rules than today's."""
    with database.transaction() as connection:
        return int(connection.execute(_COUNT, {"version": tzdata_version(), "after": 0}).scalar_one())


def recheck_batch(after_id: int, limit: int, *, dry_run: bool) -> Batch:
    """Recheck up to `limit` appointments with ids above `after_id`; store unless `dry_run`.

    Each in a transaction of its own, so that nobody waits longer for a photographer or a row than one takes.
    """
    with database.transaction() as connection:
        found = connection.execute(_NEXT, {"version": tzdata_version(), "after": after_id, "limit": limit})
        ids = list(found.scalars())
    moved = [_recheck(appointment_id, dry_run=dry_run) for appointment_id in ids]
    return Batch(len(ids), tuple(item for item in moved if item.changes), ids[-1] if ids else None)


def _recheck(appointment_id: int, *, dry_run: bool) -> Moved:
    def whole() -> Moved:
        with database.transaction() as connection:
            held = hold(connection, [appointment_id])
            return _recheck_held(connection, appointment_id, held, dry_run=dry_run)

    return once_settled(whole)


def _recheck_held(
    connection: Connection, appointment_id: int, held: frozenset[int], *, dry_run: bool
) -> Moved:
    clocks = read_held(connection, appointment_id, held)
    decision = decide_locked(appointment_id, clocks)
    known = clocks.stored.discrepancies or ()
    changes = tuple(
        f"{item.endpoint}: {item.supplied} UTC → {item.expected} UTC"
        for item in decision.outcome.discrepancies
        if item.kind == "tz_rules_changed" and item not in known
    )
    if not dry_run:
        write(connection, appointment_id, decision)
    return Moved(appointment_id, changes)
