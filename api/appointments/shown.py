"""What a caller sees of an appointment and its changes: the one place that knows what is internal.

Employees and applications see all of it. Clients and liaisons never get the internal notes that are stored; what
they sent themselves with this very request comes back to them, as long as it is what is stored.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from api.appointments.record import appointment_json
from api.caller import Caller
from api.routes import Call

STAFF: Final = frozenset({"application", "employee"})
INTERNAL: Final = frozenset({"notes"})
"""Fields of which clients and liaisons read nothing."""


def is_staff(caller: Caller) -> bool:
    """Whether the caller is of the house."""
    return caller.role in STAFF


def appointment_for(call: Call, row: Mapping[str, Any]) -> dict[str, Any]:
    """The stored record as the answer to this request shows it."""
    shown = appointment_json(row)
    if is_staff(call.caller):
        return shown
    sent = call.decoded.values
    hidden = {name for name in INTERNAL if name not in sent or sent[name] != row.get(name)}
    return {name: value for name, value in shown.items() if name not in hidden}


def lines_for(
    caller: Caller, lines: Iterable[Mapping[str, Any]], *, came_into_sight: bool = False
) -> list[dict[str, Any]]:
    """Lines about fields (`changes`, `differences`) as the caller may read them.

    `came_into_sight`: with this change the appointment became the caller's; what was before it is not told.
    """
    shown = [dict(line) for line in lines if is_staff(caller) or line["field"] not in INTERNAL]
    return [{**line, "old": None} for line in shown] if came_into_sight else shown
