"""`GET /api/v1/appointments/read`: one appointment, and all that became of it.

Everybody who may see the appointment sees its record, its commands and its history, clients and liaisons without
the internal notes. Of the mails, employees and
applications see all; a client those that went to the client; a liaison the same, with masked addresses.
Notifications are for those who act on them (contract.md section 7).
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final

from api.answer import Answer
from api.appointment_params import CREATE
from api.appointments.after import open_notifications
from api.appointments.history import INTERNAL
from api.appointments.record import appointment_json
from api.appointments.stored import may_see
from api.caller import Caller
from api.common_params import OF_THE_CALLER
from api.decoding import canonical
from api.faults import Fault
from api.notifications.params import ID
from api.params import Registry
from api.routes import EVERY_ROLE, Call, Route
from api.statuses import INVALID_PARAM, MISSING_PARAM
from models.appointment_read import find_appointment, read_changes, read_commands, read_mails
from models.command_states import SHOWN_TO_CALLERS, State
from models.notification_list import masked
from models.photographer_conflicts import Booked, conflicts_of, when
from settings import get_settings

_STAFF: Final = frozenset({"application", "employee"})
_FOR_STAFF: Final = ("provider_id", "cause", "detail", "http_status")


def one_of_both(values: dict[str, object], at_fault: frozenset[str]) -> list[Fault]:
    """The appointment is named by `id` or by `uuid`; by both only if they are of the same one, which is looked up."""
    if values.keys() & {"id", "uuid"} or at_fault & {"id", "uuid"}:
        return []
    hint = "Send the id that create answered with, or the uuid that it was created with."
    return [Fault("id", MISSING_PARAM, "Neither id nor uuid was given.", hint)]


PARAMS: Final = Registry(
    (
        *OF_THE_CALLER,
        replace(ID, required=False, description="Id of the appointment.", example=1042),
        replace(
            CREATE["uuid"],
            position=1001,
            required=False,
            description="uuid of the appointment, instead of its id.",
        ),
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
    param = "id" if "id" in call.decoded.values else "uuid"
    if found is not None or param not in call.decoded.values:
        return []
    message, hint = "There is no appointment with this id.", "Check the id; it may belong elsewhere."
    return [Fault(param, INVALID_PARAM, message, hint)]


def read(call: Call, found: Mapping[str, Any]) -> Answer:
    """The whole story, as it stands now."""
    appointment_id = int(found["id"])
    connection = call.connection
    office_zone = get_settings().office_time_zone
    return Answer(
        message=f"Appointment {appointment_id}.",
        data={
            "appointment": {
                **_visible(call.caller, appointment_json(found)),
                "changed_at": _json(found["last_changed_at"]),
            },
            "commands": [_command_json(row) for row in read_commands(connection, appointment_id)],
            "mails": _mails_json(call.caller, found, read_mails(connection, appointment_id)),
            "history": [_change_json(call.caller, row) for row in read_changes(connection, appointment_id)],
            "conflicts": [
                _conflict_json(call.caller, booked, office_zone)
                for booked in conflicts_of(connection, appointment_id)
            ],
            **open_notifications(call, appointment_id),
        },
        warnings=call.decoded.warnings,
    )


def _visible(caller: Caller, shown: dict[str, Any]) -> dict[str, Any]:
    """The record without what is internal, for those who are not of the house."""
    if caller.role in _STAFF:
        return shown
    return {name: value for name, value in shown.items() if name not in INTERNAL}


def _change_json(caller: Caller, row: Mapping[str, Any]) -> dict[str, Any]:
    """A line of the history, as the route for the whole of it shows it."""
    is_staff = caller.role in _STAFF
    is_own = row["caller_user_id"] is not None and row["caller_user_id"] == caller.holder.user_id
    who = {"kind": row["caller_kind"], "role": row["caller_role"], "name": row["caller_name"]}
    return {
        "at": _json(row["at"]),
        "action": row["action"],
        "who": {**who, "user_id": row["caller_user_id"]} if is_staff or is_own else who,
        "application": row["application"],
        "sequence": row["sequence"],
        "updated_at_mt": row["updated_at_mt"],
        "changes": [line for line in row["changes"] if is_staff or line["field"] not in INTERNAL],
        **({"request_id": row["request_id"]} if is_staff else {}),
    }


def _command_json(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = {name: _json(value) for name, value in row.items() if name not in ("outcome", "cause")}
    mail = {name: row[name] for name in ("outcome", "cause") if row[name] is not None}
    return {**shown, "id": str(row["id"]), "state": SHOWN_TO_CALLERS[State(row["state"])], **mail}


def _mails_json(
    caller: Caller, appointment: Mapping[str, Any], mails: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    if caller.role in _STAFF:
        return [_mail_json(mail) for mail in mails]
    login = caller.holder.user_email if caller.role == "client" else None
    own = {str(address).casefold() for address in (appointment["client_email"], login) if address}
    shown = [
        {name: value for name, value in mail.items() if name not in _FOR_STAFF}
        for mail in mails
        if mail["recipient"].casefold() in own
    ]
    if caller.role != "client":
        for mail in shown:
            mail["recipient"] = masked(mail["recipient"])
            mail["copies"] = [masked(copy) for copy in mail["copies"]]
    return [_mail_json(mail) for mail in shown]


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
    sample=("id",),
)
