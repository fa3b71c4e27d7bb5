"""`POST /api/v1/appointments/create`: store the appointment and its commands at once, exactly once.

Nothing is looked up before the insert: the unique indexes on uuid and idempotency key decide. A request that
finds its appointment there already is answered with it when it asks for the same, and refused when it does
not (contract.md section 6).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy.exc import IntegrityError

from api.answer import Answer
from api.appointment_params import CREATE
from api.appointments import references
from api.appointments.after import after_waiting, open_notifications
from api.appointments.clock_warnings import clock_warnings
from api.appointments.new_record import clock_snapshot, new_record
from api.appointments.record import appointment_json, commands_json
from api.appointments.stored import may_see, read_stored
from api.appointments.waiting import fates
from api.faults import Fault, ParamWarning
from api.routes import EVERY_ROLE, Call, Route
from api.statuses import INVALID_PARAM
from models.appointment_intake import Existing, find_existing, insert_appointment
from settings import get_settings
from tasks.door import plan_create


def look_up(call: Call) -> references.References:
    """What the request refers to by id."""
    return references.look_up(call.connection, call.decoded.values)


def check(call: Call, found: references.References) -> list[Fault]:
    """The ids must exist, be visible and agree."""
    return references.check(call.decoded.values, found, call.caller)


def create(call: Call, found: references.References) -> Answer:
    """Write the appointment and what follows from it, or answer from the one that is there."""
    row = new_record(call, found)
    plan = plan_create(
        cancelled=bool(row.get("cancelled")),
        has_order=row.get("order_id") is not None,
        client_email=found.client_email,
        photographer_email=found.photographer_email,
    )
    # Before the insert, so that nothing after it can fail but the database itself.
    warnings = _warnings(call, found, plan.unreachable)
    try:
        inserted = insert_appointment(call.connection, row, plan.commands)
    except IntegrityError as broken:
        return _vanished(broken, call)
    if inserted is None:
        return _repeated(call, row, warnings)
    shown = {**row, "id": inserted.id, "inserted_at": inserted.inserted_at, "sequence": 0}
    answer = Answer(
        message=f"Appointment {inserted.id} was created.",
        data={
            "appointment": appointment_json(shown),
            "commands": commands_json(inserted.commands),
            "replayed": False,
        },
        warnings=warnings,
    )
    return after_waiting(call, inserted.id, answer)


def _repeated(call: Call, row: Mapping[str, Any], warnings: list[ParamWarning]) -> Answer:
    """The uuid or the idempotency key is taken: by the same request, or by another one.

    `warnings` are for the case that it is this very request, whose first try lost its connection after the
    commit.
    """
    existing = find_existing(
        call.connection, row["uuid"], row.get("idempotency_scope"), row.get("idempotency_key")
    )
    if existing is None:
        raise RuntimeError("An appointment that kept this one out was gone when it was looked up.")
    stored = read_stored(call.connection, existing.id)
    visible = may_see(call.caller, stored)
    if not visible or existing.fingerprint != row["fingerprint"]:
        return _taken(existing, visible=visible)
    just_now = call.again and stored["request_id"] == call.request_id
    answer = Answer(
        message=f"Appointment {existing.id} was created."
        if just_now
        else f"Appointment {existing.id} had been created by this request before.",
        data={
            "appointment": appointment_json(stored),
            "commands": [fate.to_json() for fate in fates(call.connection, existing.id)],
            "replayed": not just_now,
            **open_notifications(call, existing.id),
        },
        warnings=warnings if just_now else call.decoded.warnings,
    )
    return after_waiting(call, existing.id, answer)


def _taken(existing: Existing, *, visible: bool) -> Answer:
    param = "uuid" if existing.matched_on == "uuid" else "Idempotency-Key"
    whose = f"appointment {existing.id}" if visible else "another appointment"
    message = f"This {param} belongs to {whose}, which was asked for differently."
    hint = f"To change that appointment use appointments/update; for a new one send a new {param}."
    data = {"existing_id": existing.id} if visible else {}
    fault = Fault(param, INVALID_PARAM, message, hint)
    return Answer(INVALID_PARAM, f"Invalid: {param}.", data=data, errors=[fault])


def _warnings(call: Call, found: references.References, unreachable: Iterable[str]) -> list[ParamWarning]:
    """What the caller should know at once although the appointment is stored."""
    warnings = list(call.decoded.warnings)
    sent_name = call.decoded.values.get("photographer_name")
    if sent_name is not None and found.photographer_name not in (None, sent_name):
        message = "This differs from the name in the photographer's user record; it was kept as sent."
        warnings.append(ParamWarning("photographer_name", message))
    warnings += clock_warnings(
        clock_snapshot(call.decoded), found.property_zone, get_settings().office_time_zone
    )
    warnings += [ParamWarning(None, sentence) for sentence in unreachable]
    return warnings


def _vanished(broken: IntegrityError, call: Call) -> Answer:
    """A record that was there at the check was deleted before the insert."""
    constraint = getattr(getattr(broken.orig, "diag", None), "constraint_name", "") or ""
    for param in references.PARAMS:
        if constraint == f"fk_appointments_{param}" and param in call.decoded.values:
            message = "The record with this id was deleted just now."
            return Answer(
                INVALID_PARAM,
                f"Invalid: {param}.",
                errors=[Fault(param, INVALID_PARAM, message, "Check the id.")],
            )
    raise broken


def _choices() -> dict[str, tuple[str, ...]]:
    """Configured lists take the place of free text."""
    settings = get_settings()
    lists = {"appt_type": settings.appt_types, "delivery_type": settings.delivery_types}
    return {name: choices for name, choices in lists.items() if choices}


ROUTE = Route(
    method="POST",
    path="/api/v1/appointments/create",
    service="appointments",
    purpose="Create an appointment and queue what follows from it: reconciled times and confirmation mails.",
    params=CREATE,
    callers=EVERY_ROLE,
    look_up=look_up,
    check=check,
    act=create,
    choices=_choices,
)
