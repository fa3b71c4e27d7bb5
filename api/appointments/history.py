"""`GET /api/v1/appointments/history`: who changed what, when and from what to what; newest first.

Employees and applications see who it was to the id, and the request's id. Clients and liaisons see the name and
the role, of themselves the id too, and nothing of the internal notes.
"""

from collections.abc import Mapping
from typing import Any, Final

from api.answer import Answer
from api.appointments.change import find_visible, unknown
from api.appointments.change_params import HISTORY
from api.appointments.changed_record import asked
from api.caller import Caller
from api.decoding import canonical
from api.faults import Fault
from api.notifications.params import USUAL_PAGE
from api.notifications.record import READERS
from api.routes import EVERY_ROLE, Call, Route
from api.statuses import INVALID_PARAM
from models.appointment_history import Entry, read_history

INTERNAL: Final = frozenset({"notes"})
"""Fields of which clients and liaisons read nothing here."""


def check(call: Call, found: Mapping[str, Any] | None) -> list[Fault]:
    """It has to be there, and the cursor one that this route gave out."""
    faults = unknown(call) if found is None else []
    if not _is_cursor(call.decoded.values.get("cursor", "0")):
        message = "This is not a cursor that this list gave out."
        hint = "Send next_cursor of the answer before, as it was."
        faults.append(Fault("cursor", INVALID_PARAM, message, hint))
    return faults


def history(call: Call, found: Mapping[str, Any]) -> Answer:
    """One page; `next_cursor` is null on the last, which ends with the creation."""
    given: dict[str, Any] = call.decoded.values
    cursor = given.get("cursor")
    entries, last = read_history(
        call.connection,
        found,
        asked(found),
        limit=given.get("limit", USUAL_PAGE),
        before=None if cursor is None else int(cursor),
    )
    number = len(entries)
    return Answer(
        message=f"{number} {'entry' if number == 1 else 'entries'} of the history of appointment {found['id']}.",
        data={
            "appointment_id": found["id"],
            "history": [_json(entry, call.caller) for entry in entries],
            "next_cursor": None if last is None else str(last),
        },
        warnings=call.decoded.warnings,
    )


def _is_cursor(cursor: object) -> bool:
    return isinstance(cursor, str) and cursor.isascii() and cursor.isdigit() and len(cursor) < 19


def _json(entry: Entry, caller: Caller) -> dict[str, Any]:
    is_staff = caller.role in READERS
    is_own = caller.holder.user_id is not None and entry.caller_user_id == caller.holder.user_id
    who: dict[str, Any] = {"kind": entry.caller_kind, "role": entry.caller_role, "name": entry.caller_name}
    if is_staff or is_own:
        who["user_id"] = entry.caller_user_id
    shown: dict[str, Any] = {
        "at": canonical(entry.at),
        "action": entry.action,
        "who": who,
        "application": entry.application,
        "sequence": entry.sequence,
        "updated_at_mt": entry.updated_at_mt,
        "changes": [line for line in entry.changes if is_staff or line["field"] not in INTERNAL],
    }
    if is_staff:
        shown["request_id"] = entry.request_id
    return shown


ROUTE = Route(
    method="GET",
    path="/api/v1/appointments/history",
    service="appointments",
    purpose="Read who changed an appointment, when, and from what to what; the last entry is its creation.",
    params=HISTORY,
    callers=EVERY_ROLE,
    look_up=find_visible,
    check=check,
    act=history,
    sample=("id", "limit"),
)
