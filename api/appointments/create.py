"""`POST /api/v1/appointments/create`: store the appointment and its commands at once, exactly once.

Nothing is looked up before the insert: the unique indexes on uuid and idempotency key decide. A request that
finds its appointment there already is answered with it when it asks for the same, and refused when it does
not (contract.md section 6).
"""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from sqlalchemy.exc import IntegrityError

from api.answer import Answer
from api.appointment_params import CREATE
from api.appointments import references
from api.appointments.record import appointment_json, commands_json
from api.decoding import Decoded, fingerprint
from api.faults import Fault, ParamWarning
from api.routes import EVERY_ROLE, Call, Route
from api.statuses import INVALID_PARAM
from models.appointment_intake import (
    COLUMNS,
    Existing,
    StoredCommand,
    find_existing,
    insert_appointment,
)
from models.clock.supplied import FIELD_NAMES, Supplied
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
    row = _row(call, found)
    plan = plan_create(
        cancelled=bool(row.get("cancelled")),
        has_order=row.get("order_id") is not None,
        client_email=found.client_email,
        photographer_email=found.photographer_email,
    )
    try:
        inserted = insert_appointment(call.connection, row, plan.commands)
    except IntegrityError as broken:
        return _vanished(broken, call)
    if inserted is None:
        return _repeated(call, row)
    shown = {**row, "id": inserted.id, "inserted_at": inserted.inserted_at, "sequence": 0}
    return Answer(
        message=f"Appointment {inserted.id} was created.",
        data={
            "appointment": appointment_json(shown),
            "commands": commands_json(inserted.commands),
            "replayed": False,
        },
        warnings=[
            *call.decoded.warnings,
            *_warnings(call.decoded, found),
            *map(_unreachable, plan.unreachable),
        ],
    )


def _row(call: Call, found: references.References) -> dict[str, Any]:
    """The columns of the new record: what was sent, and what the contract fills in."""
    decoded, caller = call.decoded, call.caller
    given: Mapping[str, Any] = decoded.values
    row = {name: given[name] for name in given if name in COLUMNS}
    row.setdefault("uuid", uuid4())
    # Kept as sent; what they mean is in `time_duration_s` after reconciling and in the instant beside it.
    row.update(decoded.originals)
    row["updated_at_mt_instant"] = given["updated_at_mt"]
    row.setdefault("updated_at", given["updated_at_mt"])
    if row.get("confirmed"):
        row.setdefault("confirmed_at", call.now)
        row.setdefault("confirmed_by", caller.name)
    if found.photographer_name:
        row.setdefault("photographer_name", found.photographer_name)
    row.setdefault("created_by", caller.name)
    row.setdefault("updated_by", caller.name)
    row.setdefault("created_in", caller.application.slug)
    row["supplied"] = json.dumps(_snapshot(decoded).to_json())
    row["fingerprint"] = fingerprint(decoded.supplied)
    if call.idempotency_key is not None:
        row["idempotency_scope"] = caller.idempotency_scope
        row["idempotency_key"] = call.idempotency_key
    row["caller_kind"] = caller.holder.kind
    row["caller_role"] = caller.role
    row["caller_user_id"] = caller.holder.user_id
    row["caller_application_id"] = caller.application.id
    row["request_id"] = call.request_id
    return row


def _snapshot(decoded: Decoded) -> Supplied:
    """The supplied values that the clocks read; reconciliation always starts from these."""
    fields: dict[str, Any] = {name: decoded.values[name] for name in FIELD_NAMES if name in decoded.values}
    if "time_duration" in fields:
        fields["time_duration_read"] = fields["time_duration"]
        fields["time_duration"] = decoded.originals["time_duration"]
    return Supplied(**fields)


def _repeated(call: Call, row: Mapping[str, Any]) -> Answer:
    """The uuid or the idempotency key is taken: by the same request, or by another one."""
    existing = find_existing(
        call.connection, row["uuid"], row.get("idempotency_scope"), row.get("idempotency_key")
    )
    if existing is None:
        raise RuntimeError("An appointment that kept this one out was gone when it was looked up.")
    stored = _stored(call, existing)
    if existing.fingerprint == row["fingerprint"] and stored is not None:
        return Answer(
            message=f"Appointment {existing.id} had been created by this request before.",
            data={
                "appointment": appointment_json(stored),
                "commands": commands_json(_commands(call, existing.id)),
                "replayed": True,
            },
            warnings=call.decoded.warnings,
        )
    return _taken(existing, visible=stored is not None)


def _taken(existing: Existing, *, visible: bool) -> Answer:
    param = "uuid" if existing.matched_on == "uuid" else "Idempotency-Key"
    whose = f"appointment {existing.id}" if visible else "another appointment"
    hint = "To change that appointment use appointments/update; for a new one send a new uuid."
    fault = Fault(
        param, INVALID_PARAM, f"This {param} belongs to {whose}, which was asked for differently.", hint
    )
    data = {"existing_id": existing.id} if visible else {}
    return Answer(INVALID_PARAM, f"Invalid: {param}.", data=data, errors=[fault])


def _stored(call: Call, existing: Existing) -> Mapping[str, Any] | None:
    """The existing record, or None when the caller may not see it."""
    row = (
        call.connection.exec_driver_sql(
            "SELECT a.*, o.client_id AS order_client_id, o.company_id AS order_company_id FROM appointments a"
            " LEFT JOIN orders o ON o.id = a.order_id WHERE a.id = %(id)s",
            {"id": existing.id},
        )
        .mappings()
        .one()
    )
    caller = call.caller
    if row["order_id"] is not None:
        visible = caller.may_touch_order(row["order_client_id"], row["order_company_id"])
    else:
        own = (row["caller_user_id"], row["caller_application_id"])
        visible = caller.role in ("application", "employee") or own[0] == caller.holder.user_id
    return dict(row) if visible else None


def _commands(call: Call, appointment_id: int) -> list[StoredCommand]:
    rows = call.connection.exec_driver_sql(
        "SELECT id, kind, state FROM commands WHERE appointment_id = %(id)s ORDER BY id",
        {"id": appointment_id},
    )
    return [StoredCommand(row.id, row.kind, row.state) for row in rows]


def _warnings(decoded: Decoded, found: references.References) -> list[ParamWarning]:
    sent = decoded.values.get("photographer_name")
    if sent is None or found.photographer_name is None or sent == found.photographer_name:
        return []
    return [
        ParamWarning(
            "photographer_name",
            "This differs from the name in the photographer's user record; it was kept as sent.",
        )
    ]


def _unreachable(sentence: str) -> ParamWarning:
    return ParamWarning(None, sentence)


def _vanished(broken: IntegrityError, call: Call) -> Answer:
    """A record that was there at the check was deleted before the insert."""
    constraint = getattr(getattr(broken.orig, "diag", None), "constraint_name", "") or ""
    for param in references.PARAMS:
        if constraint == f"fk_appointments_{param}" and param in call.decoded.values:
            fault = Fault(
                param, INVALID_PARAM, "The record with this id was deleted just now.", "Check the id."
            )
            return Answer(INVALID_PARAM, f"Invalid: {param}.", errors=[fault])
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
