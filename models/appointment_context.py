"""What is shown beside appointments in lists and calendars: client, place, conflicts, trouble; in three statements.

However many appointments there are, and each through an index: what is asked is bounded by whoever lists them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, text

from models.notifications import PHOTOGRAPHER_DOUBLE_BOOKED, UNFINISHED
from models.photographer_conflicts import OVERLAPPING

_PLACES = text(
    "SELECT o.id, c.name AS client_name, c.email AS client_email, p.address FROM orders o"
    " LEFT JOIN clients c ON c.id = o.client_id LEFT JOIN properties p ON p.id = o.property_id"
    " WHERE o.id = ANY(:ids)"
)
_TROUBLE = text(
    "SELECT appointment_id, count(*) FILTER (WHERE mail_kind IS NOT NULL) AS mails,"
    " count(*) FILTER (WHERE mail_kind IS NULL AND status <> :double_booked) AS others"
    " FROM notifications WHERE appointment_id = ANY(:ids) AND state = ANY(:unfinished) GROUP BY appointment_id"
)
LONGEST: Final = "32 days"
"""Of what ends later than this after an appointment, lists show no conflict with it; its own page does.

Without a bound, each appointment of a list would be compared with everything that its photographer does later.
"""
_OF_TAKEN: Final = ("photographer_user_id", "busy_from", "busy_until", "id")
# The one rule, asked of many appointments at once: its values are columns of `taken`.
_OVERLAPPING_ONE = re.sub(
    r"\$(\d)",
    lambda number: f"taken.{_OF_TAKEN[int(number[1]) - 1]}" if int(number[1]) <= len(_OF_TAKEN) else "NULL",
    OVERLAPPING.statement.replace("ORDER BY", f"AND a.busy_until <= $3 + interval '{LONGEST}' ORDER BY"),
)
_CONFLICTS = f"""
SELECT taken.id, other.id AS other_id FROM appointments taken JOIN LATERAL ({_OVERLAPPING_ONE}) AS other ON true
WHERE taken.id = ANY(%(ids)s) AND taken.photographer_user_id IS NOT NULL AND taken.busy_from IS NOT NULL
  AND taken.busy_until IS NOT NULL AND taken.cancelled IS NOT TRUE AND taken.optional IS NOT TRUE
ORDER BY taken.id, other.busy_from, other.id
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Context:
    """What belongs to one appointment.

    `conflicts` are the ids of the photographer's other appointments at that time. `mail_troubles` counts the
    notifications about its mails that are not over, `other_troubles` those about anything else but conflicts.
    """

    client_name: str | None = field(default=None, repr=False)
    client_email: str | None = field(default=None, repr=False)
    address: str | None = field(default=None, repr=False)
    conflicts: tuple[int, ...] = ()
    mail_troubles: int = 0
    other_troubles: int = 0


def read_context(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> dict[int, Context]:
    """The context of each of these rows of `appointments` (`id` and `order_id` are looked at), by id."""
    if not rows:
        return {}
    ids = [row["id"] for row in rows]
    order_ids = sorted({row["order_id"] for row in rows if row["order_id"] is not None})
    places = {place.id: place for place in connection.execute(_PLACES, {"ids": order_ids})}
    told = {"ids": ids, "unfinished": list(UNFINISHED), "double_booked": PHOTOGRAPHER_DOUBLE_BOOKED}
    troubles = {row.appointment_id: row for row in connection.execute(_TROUBLE, told)}
    conflicts = read_conflicts(connection, ids)
    found = {}
    for row in rows:
        place, trouble = places.get(row["order_id"]), troubles.get(row["id"])
        found[row["id"]] = Context(
            client_name=None if place is None else place.client_name,
            client_email=None if place is None else place.client_email,
            address=None if place is None else place.address,
            conflicts=conflicts.get(row["id"], ()),
            mail_troubles=0 if trouble is None else trouble.mails,
            other_troubles=0 if trouble is None else trouble.others,
        )
    return found


def read_conflicts(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """With which other appointments of the photographer each of these conflicts, by id; those without are absent."""
    found: dict[int, tuple[int, ...]] = {}
    for row in connection.exec_driver_sql(_CONFLICTS, {"ids": list(ids)}):
        found[row.id] = (*found.get(row.id, ()), row.other_id)
    return found
