"""`GET /api/v1/appointments/read`: one appointment, and all that became of it.

Everybody who may see the appointment sees its record, its commands and its history; of these and of the mails,
clients and liaisons see a part (`shown.py`, `shown_mails.py`). Notifications are for those who act on them
(contract.md section 7).
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from api.answer import Answer
from api.appointments.after import open_notifications
from api.appointments.naming import NAMED_BY, one_of_both, unknown
from api.appointments.shown import appointment_for, is_staff, lines_for
from api.appointments.shown_mails import sent_mails
from api.appointments.stored import in_sight_since, may_see
from api.appointments.waiting import DROPPED_SHOWN
from api.caller import Caller
from api.common_params import OF_THE_CALLER
from api.decoding import canonical
from api.faults import Fault
from api.params import Registry
from api.routes import EVERY_ROLE, Call, Route
from api.shapes.appointment import CONFLICT, HISTORY_ENTRY, MAIL, READ_COMMAND
from api.shapes.members import NOTIFICATIONS, STORED
from api.shapes.shape import Member, Returned
from models.appointment_read import (
    MOST_MAILS,
    NEWEST_CHANGES,
    find_appointment,
    read_changes,
    read_commands,
    read_mails,
)
from models.command_states import SHOWN_TO_CALLERS, State
from models.photographer_conflicts import Booked, conflicts_of, when
from settings import get_settings

PARAMS: Final = Registry(
    (
        *OF_THE_CALLER,
        *NAMED_BY,
    ),
    rules=(one_of_both,),
)


def look_up(call: Call) -> Mapping[str, Any] | None:
    """The row; None when there is none that the caller may see."""
    given: dict[str, Any] = call.decoded.values
    if not given.keys() & {"id", "uuid"}:
        return None
    row = find_appointment(call.connection, given.get("id"), given.get("uuid"))
    return row if row is not None and may_see(call.caller, row) else None


def check(call: Call, found: Mapping[str, Any] | None) -> list[Fault]:
    """It must exist and be visible."""
    return unknown(call.decoded.values) if found is None else []


def read(call: Call, found: Mapping[str, Any]) -> Answer:
    """The whole story, as it stands now."""
    appointment_id = int(found["id"])
    connection = call.connection
    office_zone = get_settings().office_time_zone
    since = in_sight_since(connection, call.caller, found)
    mails = sent_mails(call.caller, found["client_email"], read_mails(connection, appointment_id))
    changes = read_changes(connection, appointment_id, since=since)
    return Answer(
        message=f"Appointment {appointment_id}.",
        data={
            "appointment": {
                **appointment_for(call, found),
                "changed_at": _json(found["last_changed_at"]),
            },
            "commands": [_command_json(row) for row in read_commands(connection, appointment_id)],
            "mails": [_mail_json(mail) for mail in mails],
            "history": [_change_json(call.caller, row, since) for row in changes],
            "conflicts": [
                _conflict_json(call.caller, booked, office_zone)
                for booked in conflicts_of(connection, appointment_id)
            ],
            **open_notifications(call, appointment_id),
        },
        warnings=call.decoded.warnings,
    )


def _change_json(caller: Caller, row: Mapping[str, Any], since: int) -> dict[str, Any]:
    """A line of the history, as the route for the whole of it shows it."""
    is_own = row["caller_user_id"] is not None and row["caller_user_id"] == caller.holder.user_id
    who = {"kind": row["caller_kind"], "role": row["caller_role"], "name": row["caller_name"]}
    return {
        "at": _json(row["at"]),
        "action": row["action"],
        "who": {**who, "user_id": row["caller_user_id"]} if is_staff(caller) or is_own else who,
        "application": row["application"],
        "sequence": row["sequence"],
        "updated_at_mt": row["updated_at_mt"],
        "changes": lines_for(caller, row["changes"], came_into_sight=row["id"] == since),
        **({"request_id": row["request_id"]} if is_staff(caller) else {}),
    }


def _command_json(row: Mapping[str, Any]) -> dict[str, Any]:
    apart = ("outcome", "cause", "is_dropped")
    shown = {name: _json(value) for name, value in row.items() if name not in apart}
    state = DROPPED_SHOWN if row["is_dropped"] else SHOWN_TO_CALLERS[State(row["state"])]
    mail = {name: row[name] for name in ("outcome", "cause") if row[name] is not None}
    return {**shown, "id": str(row["id"]), "state": state, **mail}


def _mail_json(mail: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: _json(value) for name, value in mail.items()}, "command_id": str(mail["command_id"])}


def _conflict_json(caller: Caller, booked: Booked, office_zone: str) -> dict[str, Any]:
    """Another appointment of the photographer; of one that the caller may not see, only that it is there."""
    if not may_see(caller, asdict(booked)):
        hidden = {"appointment_id": None, "busy_from": None, "busy_until": None}
        return {**hidden, "message": "The photographer is taken at that time."}
    return {
        "appointment_id": booked.id,
        "busy_from": _json(booked.busy_from),
        "busy_until": _json(booked.busy_until),
        "message": f"The photographer is taken by appointment {booked.id}: {when(booked, office_zone)}.",
    }


def _json(value: object) -> object:
    return canonical(value) if isinstance(value, datetime) else value


ROUTE = Route(
    method="GET",
    path="/api/v1/appointments/read",
    service="appointments",
    purpose="Read one appointment: its record, commands, mails, history, conflicts and open notifications.",
    params=PARAMS,
    callers=EVERY_ROLE,
    look_up=look_up,
    check=check,
    act=read,
    sample=("uuid",),
    whole={"id": None},
    returns=(
        Returned(
            "Appointment 1042.",
            (
                STORED,
                Member("commands", READ_COMMAND, "What followed in the background.", many=True),
                Member("mails", MAIL, f"The newest {MOST_MAILS} mails that the caller may see.", many=True),
                Member(
                    "history", HISTORY_ENTRY, f"The newest {NEWEST_CHANGES} changes, newest first.", many=True
                ),
                Member("conflicts", CONFLICT, "Who else has the photographer then.", many=True),
                NOTIFICATIONS,
            ),
        ),
    ),
)
