"""`POST /api/v1/appointments/create`: store the appointment and its commands at once, exactly once.

Nothing is looked up before the insert: the unique indexes on uuid and idempotency key decide, and the insert itself
tells who else has the photographer then, for a warning. A request that finds its appointment there already is
answered with it when it asks for the same, and refused when it does not (contract.md section 6).

With `refuse_conflicts` the photographer is held while the rest of the diary is looked at and the row is written, so
that of two such requests for the same time one is refused (`models/photographer_conflicts.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.exc import IntegrityError

import measures
from api.answer import Answer
from api.appointment_params import CREATE
from api.appointments import references
from api.appointments.after import after_waiting, open_notifications
from api.appointments.clock_warnings import FirstLook, first_look
from api.appointments.conflicts import (
    REFUSE,
    conflict_fault,
    conflict_warnings,
    conflicts_at_once,
    wanted_photographer,
)
from api.appointments.new_record import clock_snapshot, new_record
from api.appointments.record import commands_json
from api.appointments.shown import appointment_for, is_staff
from api.appointments.stamps import warned_of_the_future
from api.appointments.stored import may_see, read_stored
from api.appointments.waiting import fates
from api.faults import Fault, ParamWarning
from api.routes import EVERY_ROLE, Call, Route
from api.shapes.members import CREATED, DRY_RUN, mail_failed
from api.shapes.shape import Member, Returned
from api.statuses import INVALID_PARAM, MANDRILL_EMAIL_FAILED
from models import database
from models.appointment_intake import Existing, Inserted, find_existing, insert_appointment
from models.clock.busy import Span
from models.commands import NewCommand
from models.photographer_conflicts import hold_photographers
from settings import get_settings
from tasks.door import plan_create


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
    look = first_look(
        clock_snapshot(call.decoded),
        found.property_zone,
        get_settings().office_time_zone,
        has_property="order_id" in row,
    )
    photographer = wanted_photographer(row)
    is_refusing = photographer is not None and call.decoded.values.get(REFUSE) is True
    if photographer is not None and (span := look.busy.span) is not None:
        # Known from the first moment: whoever comes next does not have to wait for the clocks.
        row["busy_from"], row["busy_until"] = span.begin, span.end
    # Before the insert, so that little can fail after it but the database itself.
    warnings = _warnings(call, found, look) + [ParamWarning(None, sentence) for sentence in plan.unreachable]
    try:
        inserted: Inserted | Fault | None
        if photographer is not None and is_refusing:
            inserted = _insert_if_free(call, row, plan.commands, photographer, look)
        else:
            inserted = insert_appointment(call.connection, row, plan.commands)
    except IntegrityError as broken:
        return _vanished(broken, call)
    if isinstance(inserted, Fault):
        return Answer(
            INVALID_PARAM, f"Invalid: {inserted.param}.", errors=[inserted], warnings=call.decoded.warnings
        )
    if inserted is None:
        return _repeated(call, row, warnings)
    if not database.is_rehearsed():
        measures.CREATED.inc()
    # Who asked to be refused was told of none, and the diary has been held since.
    conflicts = () if is_refusing else inserted.conflicts
    shown = {**row, "id": inserted.id, "inserted_at": inserted.inserted_at, "sequence": 0}
    answer = Answer(
        message=f"Appointment {inserted.id} was created.",
        data={
            "appointment": appointment_for(call, shown),
            "commands": commands_json(inserted.commands),
            "replayed": False,
        },
        warnings=warnings + conflict_warnings(call.caller, conflicts, get_settings().office_time_zone),
    )
    return after_waiting(call, inserted.id, answer)


def _insert_if_free(
    call: Call, row: Mapping[str, Any], commands: Sequence[NewCommand], photographer: int, look: FirstLook
) -> Inserted | Fault | None:
    """Insert unless the photographer is taken; what is there already is not in its own way."""
    connection = call.connection
    with database.atomic(connection):
        hold_photographers(connection, [photographer])
        existing = find_existing(
            connection, row["uuid"], row.get("idempotency_scope"), row.get("idempotency_key")
        )
        if existing is not None:
            return None
        office_zone = get_settings().office_time_zone
        fault = conflict_fault(connection, call.caller, photographer, look.busy, office_zone)
        return fault or insert_appointment(connection, row, commands)


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
    # Whoever reads less than all of a record must not find out the rest of it by trying.
    is_own = is_staff(call.caller) or stored["caller_user_id"] == call.caller.holder.user_id
    if not visible or not is_own or existing.fingerprint != row["fingerprint"]:
        return _taken(existing, visible=visible)
    just_now = call.again and stored["request_id"] == call.request_id
    if just_now and not database.is_rehearsed():
        measures.CREATED.inc()
    if just_now and wanted_photographer(row) is not None and "busy_from" in row:
        span = Span(row["busy_from"], row["busy_until"])
        photographer = row["photographer_user_id"]
        warnings = warnings + conflicts_at_once(call.connection, call.caller, photographer, span, existing.id)
    answer = Answer(
        message=f"Appointment {existing.id} was created."
        if just_now
        else f"Appointment {existing.id} had been created by this request before.",
        data={
            "appointment": appointment_for(call, stored),
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


def _warnings(call: Call, found: references.References, look: FirstLook) -> list[ParamWarning]:
    """What the caller should know at once although the appointment is stored."""
    warnings = list(call.decoded.warnings)
    warnings += warned_of_the_future(call.decoded.values["updated_at_mt"], call.now)
    sent_name = call.decoded.values.get("photographer_name")
    if sent_name is not None and found.photographer_name not in (None, sent_name):
        message = "This differs from the name in the photographer's user record; it was kept as sent."
        warnings.append(ParamWarning("photographer_name", message))
    return warnings + look.warnings


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


_EXISTING = Member(
    "existing_id",
    "integer",
    "The appointment that has this uuid or Idempotency-Key already, if that is the fault and the caller may see it.",
    1042,
    sometimes=True,
)

ROUTE = Route(
    method="POST",
    path="/api/v1/appointments/create",
    service="appointments",
    purpose="Create an appointment and queue what follows from it: reconciled times and confirmation mails.",
    params=CREATE,
    callers=EVERY_ROLE,
    along=references.ALONG,
    look_up=references.found_along,
    check=check,
    act=create,
    choices=_choices,
    statuses=frozenset({MANDRILL_EMAIL_FAILED}),
    sample=(
        "confirmed",
        "date_start_local",
        "order_id",
        "time_start_local",
        "summary",
        "time_duration",
        "uuid",
    ),
    # Another appointment than that of the code examples, so that both can be tried out.
    whole={"uuid": "c41d7b90-2e68-4f35-9a17-60d8e2b5f3ac"},
    returns=(
        Returned("Appointment 1042 was created.", CREATED),
        mail_failed(*CREATED),
        Returned("Invalid: uuid.", (_EXISTING, DRY_RUN), INVALID_PARAM),
    ),
)
