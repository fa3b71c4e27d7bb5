"""Changing an appointment, from its name in the request to the answer: what `update` and `cancel` have in common.

Two requests about one appointment are put in an order by a lock of its row; what was read before is looked at
again under the lock. The stamp `updated_at_mt` decides: an older one than the stored is refused with what stands
against it, the same one with nothing new is a repeated request, anything else is done. The change, its line in
the history and what follows from it are one transaction.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, cast

from sqlalchemy.exc import IntegrityError

from api.answer import Answer
from api.appointments import references
from api.appointments.after import after_waiting, open_notifications
from api.appointments.changed_record import Changed, Filled, changed_record
from api.appointments.clock_warnings import FirstLook, first_look
from api.appointments.conflicts import REFUSE, conflict_fault, conflict_warnings
from api.appointments.foreseen_times import foreseen
from api.appointments.naming import unknown
from api.appointments.own_part import beyond_own_part
from api.appointments.shown import appointment_for, lines_for
from api.appointments.stamps import counted, from_the_future, mountain
from api.appointments.stored import may_see, read_stored
from api.appointments.waiting import fates
from api.decoding import Decoded
from api.faults import Fault, ParamWarning
from api.routes import Call
from api.statuses import ACTION_SUCCESSFUL, INVALID_PARAM, STALE_UPDATE
from models import database
from models.appointment_change import By, last_change, lock, note_change, snapshots_of, write_change
from models.mail_facts import told_now
from models.photographer_conflicts import hold_photographers, overlapping
from settings import get_settings
from tasks.door import Alteration, People, follow_change

UPDATE: Final = "update"
CANCEL: Final = "cancel"

_TRIES: Final = 5
"""So often a change begins again while its photographer changes under its hands; once is rare."""

_FIND = (
    "SELECT id FROM appointments WHERE (%(id)s::bigint IS NULL OR id = %(id)s)"
    " AND (%(uuid)s::uuid IS NULL OR uuid = %(uuid)s) AND coalesce(%(id)s::text, %(uuid)s::text) IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class Found:
    """The stored row, what the request makes of it, and the records that are referred to before and after."""

    row: Mapping[str, Any]
    decoded: Decoded
    changed: Changed
    before: references.References
    after: references.References
    faults: Sequence[Fault]


def find_visible(call: Call) -> Mapping[str, Any] | None:
    """The row that `id`, `uuid` or both name; None when there is none that the caller may see."""
    given = call.decoded.values
    named = {"id": given.get("id"), "uuid": given.get("uuid")}
    appointment_id = call.connection.exec_driver_sql(_FIND, named).scalar_one_or_none()
    if appointment_id is None:
        return None
    row = read_stored(call.connection, appointment_id)
    return row if may_see(call.caller, row) else None


def look_up(call: Call, decoded: Decoded) -> Found | None:
    """The appointment and what the request, read as `decoded`, makes of it."""
    row = find_visible(call)
    return None if row is None else _compare(call, decoded, row)


def check(call: Call, found: Found | None) -> list[Fault]:
    """It has to be there, and what it is to be has to hold together."""
    faults = unknown(call.decoded.values) if found is None else found.faults
    return [*faults, *from_the_future(call.decoded.values.get("updated_at_mt"), call.now)]


class _PhotographerChangedError(Exception):
    """Somebody gave the appointment to another photographer, who is not held, before its row could be locked."""

    def __init__(self, appointment_id: int, photographer_user_id: int) -> None:
        super().__init__(appointment_id, photographer_user_id)
        self.photographer_user_id = photographer_user_id

    def __str__(self) -> str:
        return f"The photographer of appointment {self.args[0]} changes all the time."


def act(call: Call, found: Found, action: str) -> Answer:
    """Make the change, or say why not. `action` is the route's."""
    held = _to_hold(found)
    for _ in range(_TRIES - 1):
        try:
            return _act(call, found, action, held)
        except _PhotographerChangedError as changed:
            held = frozenset({changed.photographer_user_id})
    return _act(call, found, action, held)


def _act(call: Call, found: Found, action: str, held: frozenset[int]) -> Answer:
    """The whole of it, once. Raises `_PhotographerChangedError` with nothing done."""
    appointment_id = int(found.row["id"])
    try:
        with database.atomic(call.connection):
            # Before the row is locked, which is the order that everybody keeps.
            hold_photographers(call.connection, held)
            lock(call.connection, appointment_id)
            row = read_stored(call.connection, appointment_id)
            if row != found.row:
                # Somebody else was here between the look and the lock.
                if not may_see(call.caller, row):
                    return _refused(unknown(call.decoded.values))
                found = _compare(call, found.decoded, row)
                if found.faults:
                    return _refused(found.faults)
            for photographer in _to_hold(found) - held:
                raise _PhotographerChangedError(appointment_id, photographer)
            answer, awaited = _decide(call, found, action)
    except IntegrityError as broken:
        return _vanished(broken, found)
    if answer.status != ACTION_SUCCESSFUL:
        return answer
    return after_waiting(call, appointment_id, _with_commands(call, appointment_id, answer), awaited)


def _compare(call: Call, decoded: Decoded, row: Mapping[str, Any]) -> Found:
    if "updated_at_mt" not in decoded.values:
        # It is missing or unreadable, which is told. The rest of the request is looked at all the same.
        stamp = {"updated_at_mt": row["updated_at_mt_instant"]}
        originals = {**decoded.originals, "updated_at_mt": row["updated_at_mt"]}
        decoded = replace(decoded, values={**decoded.values, **stamp}, originals=originals)
    cleared = cast("tuple[str, ...]", decoded.values.get("clear", ()))
    ids_before = {name: row[name] for name in references.PARAMS}
    ids = {
        name: None if name in cleared else decoded.values.get(name, row[name]) for name in references.PARAMS
    }
    after = references.look_up(call.connection, ids)
    before = after if ids == ids_before else references.look_up(call.connection, ids_before)
    office_zone = get_settings().office_time_zone
    snapshots = snapshots_of(row, office_zone, call.now)
    filled = Filled(call.caller.name, after.photographer_name)
    shown = foreseen(call.connection, row, snapshots, office_zone)
    changed = changed_record(shown or row, decoded, snapshots, filled, call.now, shows_all=shown is not None)
    faults = (
        *changed.faults,
        *_id_faults(call, changed, ids, after),
        *beyond_own_part(call, decoded, row, changed.wanted, after),
    )
    return Found(row, decoded, changed, before, after, faults)


def _id_faults(
    call: Call, changed: Changed, ids: Mapping[str, object], after: references.References
) -> list[Fault]:
    """What create asks of ids, of those that change; order and order request appointment go together."""
    order = ("order_id", "order_request_appt_id")
    names = list(order) if any(changed.wanted.get(name) is not None for name in order) else []
    if changed.wanted.get("photographer_user_id") is not None:
        names.append("photographer_user_id")
    named = {name: ids[name] for name in names if ids[name] is not None}
    return references.check(named, after, call.caller) if named else []


def _decide(call: Call, found: Found, action: str) -> tuple[Answer, Container[int]]:
    """The answer, and the commands that a caller who prefers to wait waits for."""
    sent = cast("datetime", found.decoded.values["updated_at_mt"])
    stored: datetime = found.row["updated_at_mt_instant"]
    if not found.changed.wanted and (sent == stored or action == CANCEL):
        return _repeated(call, found, action)
    if sent < counted(found.row):
        return _stale(call, found), ()
    return _change(call, found, action)


def _repeated(call: Call, found: Found, action: str) -> tuple[Answer, Container[int]]:
    appointment_id = int(found.row["id"])
    last = last_change(call.connection, appointment_id)
    just_now = call.again and last.request_id == call.request_id
    state = "is cancelled already" if action == CANCEL else "is as this request asks for already"
    answer = Answer(
        message=_done(appointment_id, action) if just_now else f"Appointment {appointment_id} {state}.",
        data={"appointment": appointment_for(call, found.row), "changes": [], "replayed": not just_now},
        warnings=found.decoded.warnings,
    )
    return answer, last.command_ids


def _stale(call: Call, found: Found) -> Answer:
    row = found.row
    message = (
        f"Appointment {row['id']} was changed at {mountain(counted(row))} (Mountain Time), which is after the"
        " updated_at_mt of this request; nothing was changed."
    )
    hint = "Take over what is in data.appointment, and send your change again with a new updated_at_mt."
    return Answer(
        STALE_UPDATE,
        message,
        data={
            "appointment": appointment_for(call, row),
            "differences": lines_for(call.caller, found.changed.shown(row, found.decoded)),
        },
        errors=[Fault("updated_at_mt", STALE_UPDATE, message, hint)],
        warnings=found.decoded.warnings,
    )


def _change(call: Call, found: Found, action: str) -> tuple[Answer, Container[int]]:
    row, changed, connection = found.row, found.changed, call.connection
    appointment_id = int(row["id"])
    after = {**row, **changed.columns}
    altered = Alteration(
        before=_people(row, found.before),
        after=_people(after, found.after),
        was_cancelled=bool(row["cancelled"]),
        is_cancelled=bool(after["cancelled"]),
        is_confirmed=bool(after["confirmed"]),
        visible=changed.visible,
    )
    if altered.is_cancelled and not altered.was_cancelled:
        action = CANCEL
    look = _first_look(found)
    is_rebooked = _booking(row) != _booking(after) or (changed.is_retimed and _booking(after) is not None)
    if is_rebooked:
        fault = _conflict_fault(call, found, _booking(after), look)
        if fault is not None:
            return _refused([fault]), ()
    busy = _busy(look) if changed.is_retimed else {}
    told = told_now(connection, appointment_id)
    write_change(connection, appointment_id, {**changed.columns, **busy}, is_told=altered.is_told)
    sequence = int(row["sequence"]) + altered.is_told
    note_change(
        connection,
        appointment_id,
        action,
        changed.changes,
        _by(call),
        sequence=sequence,
        updated_at_mt=after["updated_at_mt"],
    )
    followed = follow_change(
        connection,
        appointment_id,
        altered,
        told,
        sequence=sequence,
        request_id=call.request_id,
        reconcile=changed.needs_clocks or is_rebooked,
        awaits_clocks=changed.is_retimed or row["reconciled_at"] is None,
    )
    answer = Answer(
        message=_done(appointment_id, action),
        data={
            "appointment": appointment_for(call, read_stored(connection, appointment_id)),
            "changes": lines_for(call.caller, changed.changes),
            "replayed": False,
        },
        warnings=[
            *_warnings(found, look),
            *(_conflicts(call, found, _booking(after), look) if is_rebooked else ()),
            *(ParamWarning(None, sentence) for sentence in followed.unreachable),
        ],
    )
    return answer, followed.command_ids


def _done(appointment_id: int, action: str) -> str:
    return f"Appointment {appointment_id} was {'cancelled' if action == CANCEL else 'changed'}."


def _with_commands(call: Call, appointment_id: int, answer: Answer) -> Answer:
    data = {
        **answer.data,
        "commands": [fate.to_json() for fate in fates(call.connection, appointment_id)],
        **open_notifications(call, appointment_id),
    }
    return replace(answer, data=data)


def _people(row: Mapping[str, Any], found: references.References) -> People:
    return People(
        client=found.client_email,
        photographer=found.photographer_email,
        client_id=found.client_id,
        photographer_user_id=row["photographer_user_id"],
        has_order=row["order_id"] is not None,
    )


def _by(call: Call) -> By:
    caller = call.caller
    return By(
        kind=caller.holder.kind,
        role=caller.role,
        name=caller.name,
        user_id=caller.holder.user_id,
        application_id=caller.application.id,
        request_id=call.request_id,
    )


def _booking(row: Mapping[str, Any]) -> int | None:
    """Whom the appointment takes; None when it takes nobody (contract.md section 5, `optional`)."""
    photographer: int | None = row["photographer_user_id"]
    return None if row["cancelled"] or row["optional"] else photographer


def _to_hold(found: Found) -> frozenset[int]:
    """Whom nobody else may book while this is decided: only what must not conflict has to be sure of that."""
    if found.decoded.values.get(REFUSE) is not True:
        return frozenset()
    photographer = _booking({**found.row, **found.changed.columns})
    return frozenset() if photographer is None else frozenset({photographer})


def _conflict_fault(call: Call, found: Found, photographer: int | None, look: FirstLook) -> Fault | None:
    """Why a change that must not conflict is refused: the photographer is taken then."""
    if photographer is None or found.decoded.values.get(REFUSE) is not True:
        return None
    office_zone = get_settings().office_time_zone
    return conflict_fault(
        call.connection, call.caller, photographer, look.busy, office_zone, except_id=int(found.row["id"])
    )


def _conflicts(call: Call, found: Found, photographer: int | None, look: FirstLook) -> list[ParamWarning]:
    """Who else has the photographer then, as far as that can be told at once."""
    span = look.busy.span
    if photographer is None or span is None:
        return []
    booked = overlapping(call.connection, photographer, span.begin, span.end, int(found.row["id"]))
    return conflict_warnings(call.caller, booked, get_settings().office_time_zone)


def _first_look(found: Found) -> FirstLook:
    """What shows of the times before they are reconciled."""
    return first_look(
        found.changed.snapshots.effective,
        found.after.property_zone,
        get_settings().office_time_zone,
        has_property=found.after.order_found,
    )


def _busy(look: FirstLook) -> dict[str, datetime | None]:
    """Whoever books the photographer next does not have to wait for the clocks."""
    span = look.busy.span
    return {
        "busy_from": None if span is None else span.begin,
        "busy_until": None if span is None else span.end,
    }


def _warnings(found: Found, look: FirstLook) -> list[ParamWarning]:
    """What the caller should know at once although the change is made."""
    warnings = list(found.decoded.warnings)
    sent_name = found.changed.wanted.get("photographer_name")
    if sent_name is not None and found.after.photographer_name not in (None, sent_name):
        message = "This differs from the name in the photographer's user record; it was kept as sent."
        warnings.append(ParamWarning("photographer_name", message))
    return warnings + look.warnings if found.changed.is_retimed else warnings


def _refused(faults: Sequence[Fault]) -> Answer:
    names = ", ".join(fault.param for fault in faults)
    return Answer(INVALID_PARAM, f"Invalid: {names}.", errors=list(faults))


def _vanished(broken: IntegrityError, found: Found) -> Answer:
    """A record that was there at the check was deleted before the change was written."""
    constraint = getattr(getattr(broken.orig, "diag", None), "constraint_name", "") or ""
    for param in references.PARAMS:
        if constraint == f"fk_appointments_{param}" and param in found.changed.wanted:
            message = "The record with this id was deleted just now."
            return _refused([Fault(param, INVALID_PARAM, message, "Check the id.")])
    raise broken
