"""`GET /api/v1/appointments/history`: who changed what, when and from what to what; newest first.

Employees and applications see who it was to the id, and the request's id. Clients and liaisons see the name and
the role, of themselves the id too, nothing of the internal notes, and nothing from before the appointment came to
an order of theirs.
"""

from collections.abc import Mapping
from typing import Any

from api.answer import Answer
from api.appointments.change import find_visible
from api.appointments.change_params import HISTORY
from api.appointments.changed_record import asked
from api.appointments.naming import unknown
from api.appointments.shown import is_staff, lines_for
from api.appointments.stored import in_sight_since
from api.caller import Caller
from api.decoding import canonical
from api.faults import Fault
from api.notifications.params import USUAL_PAGE
from api.routes import EVERY_ROLE, Call, Route
from api.shapes.appointment import HISTORY_ENTRY
from api.shapes.members import NEXT_CURSOR
from api.shapes.shape import Member, Returned
from api.statuses import INVALID_PARAM
from models.appointment_history import Entry, read_history


def check(call: Call, found: Mapping[str, Any] | None) -> list[Fault]:
    """It has to be there, and the cursor one that this route gave out."""
    faults = unknown(call.decoded.values) if found is None else []
    if not _is_cursor(call.decoded.values.get("cursor", "0")):
        message = "This is not a cursor that this list gave out."
        hint = "Send next_cursor of the answer before, as it was."
        faults.append(Fault("cursor", INVALID_PARAM, message, hint))
    return faults


def history(call: Call, found: Mapping[str, Any]) -> Answer:
    """One page; `next_cursor` is null on the last, which ends with the creation unless that is no longer known."""
    given: dict[str, Any] = call.decoded.values
    cursor = given.get("cursor")
    since = in_sight_since(call.connection, call.caller, found)
    entries, last = read_history(
        call.connection,
        found,
        asked(found),
        limit=given.get("limit", USUAL_PAGE),
        before=None if cursor is None else int(cursor),
        since=since,
    )
    number = len(entries)
    kept_since = found["history_since"] if since == 0 else None
    return Answer(
        message=f"{number} {'entry' if number == 1 else 'entries'} of the history of appointment {found['id']}.",
        data={
            "appointment_id": found["id"],
            "history": [_json(entry, call.caller, since) for entry in entries],
            "next_cursor": None if last is None else str(last),
            "history_since": None if kept_since is None else canonical(kept_since),
        },
        warnings=call.decoded.warnings,
    )


def _is_cursor(cursor: object) -> bool:
    return isinstance(cursor, str) and cursor.isascii() and cursor.isdigit() and len(cursor) < 19


def _json(entry: Entry, caller: Caller, since: int) -> dict[str, Any]:
    is_own = caller.holder.user_id is not None and entry.caller_user_id == caller.holder.user_id
    who: dict[str, Any] = {"kind": entry.caller_kind, "role": entry.caller_role, "name": entry.caller_name}
    if is_staff(caller) or is_own:
        who["user_id"] = entry.caller_user_id
    shown: dict[str, Any] = {
        "at": canonical(entry.at),
        "action": entry.action,
        "who": who,
        "application": entry.application,
        "sequence": entry.sequence,
        "updated_at_mt": entry.updated_at_mt,
        "changes": lines_for(caller, entry.changes, came_into_sight=0 < entry.id == since),
    }
    if is_staff(caller):
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
    sample=("uuid", "limit"),
    whole={"id": None},
    returns=(
        Returned(
            "2 entries of the history of appointment 1042.",
            (
                Member("appointment_id", "integer", "Id of the appointment.", 1042),
                Member("history", HISTORY_ENTRY, "The changes, newest first.", many=True),
                NEXT_CURSOR,
                Member(
                    "history_since",
                    "instant",
                    "Changes up to then are no longer kept, nor is what was asked for at the creation; null while "
                    "everything is.",
                    nullable=True,
                ),
            ),
        ),
    ),
)
