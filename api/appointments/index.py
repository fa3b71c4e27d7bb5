"""`GET /api/v1/appointments/index`: the appointments that the caller may see, filtered, sorted, page by page."""

from collections.abc import Mapping
from typing import Any, Final

from api.answer import Answer
from api.appointments.index_params import INDEX, USUAL_PAGE
from api.appointments.record import SHOWN
from api.caller import Caller
from api.decoding import canonical
from api.faults import Fault
from api.routes import EVERY_ROLE, Call, Route
from api.shapes.appointment import LISTED_APPOINTMENT, TOTAL
from api.shapes.members import NEXT_CURSOR
from api.shapes.shape import Member, Returned
from api.statuses import INVALID_PARAM
from models.appointment_list import (
    EVERYTHING,
    LISTED,
    CursorError,
    Scope,
    Wanted,
    count_appointments,
    list_appointments,
    status_of,
)

_SHOWN: Final = tuple(name for name in SHOWN if name in LISTED)


def scope_of(caller: Caller) -> Scope:
    """Whose appointments the caller may list: those of which `stored.may_see` says so one by one."""
    if caller.role in ("application", "employee"):
        return EVERYTHING
    holder = caller.holder
    if caller.role == "liaison":
        return Scope(company_ids=holder.company_ids, user_id=holder.user_id)
    return Scope(client_id=holder.client_id, user_id=holder.user_id)


def index(call: Call, _found: object) -> Answer:
    """One page; `next_cursor` is null on the last."""
    given: dict[str, Any] = call.decoded.values
    wanted = wanted_of(given)
    scope = scope_of(call.caller)
    try:
        page = list_appointments(
            call.connection, wanted, scope, given.get("limit", USUAL_PAGE), given.get("cursor")
        )
    except CursorError as odd:
        hint = "Send next_cursor of the answer before, as it was, with the same filters and the same order."
        fault = Fault("cursor", INVALID_PARAM, str(odd), hint)
        return Answer(INVALID_PARAM, "Invalid: cursor.", errors=[fault])
    number = len(page.appointments)
    data: dict[str, Any] = {
        "appointments": [listed_json(row) for row in page.appointments],
        "next_cursor": page.next_cursor,
    }
    if given.get("count"):
        total = count_appointments(call.connection, wanted, scope)
        data["total"] = {"number": total.number, "more": total.more}
    return Answer(
        message=f"{number} appointment{'' if number == 1 else 's'}.",
        data=data,
        warnings=call.decoded.warnings,
    )


def wanted_of(given: Mapping[str, Any]) -> Wanted:
    """The decoded parameters as what is wanted of the list."""
    usual_sort = "changed" if "changed_since" in given else "start"
    return Wanted(
        order_id=given.get("order_id"),
        photographer_user_id=given.get("photographer_user_id"),
        client_id=given.get("client_id"),
        first_day=given.get("from"),
        last_day=given.get("to"),
        frame=given.get("frame", "local"),
        status=given.get("status"),
        changed_since=given.get("changed_since"),
        sort=given.get("sort", usual_sort),
        descending=given.get("direction") == "desc",
    )


def listed_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """An element of the list: the record without its long texts, with its status and when it last changed."""
    changed = max(at for at in (row["changed_at"], row["reconciled_at"]) if at is not None)
    shown = {name: None if row[name] is None else canonical(row[name]) for name in _SHOWN}
    return {**shown, "status": status_of(row), "changed_at": canonical(changed)}


ROUTE = Route(
    method="GET",
    path="/api/v1/appointments/index",
    service="appointments",
    purpose="List appointments by order, client, photographer, day, status or change, a page at a time.",
    params=INDEX,
    callers=EVERY_ROLE,
    act=index,
    sample=("from", "to", "status"),
    whole={"cursor": None},
    returns=(
        Returned(
            "1 appointment.",
            (
                Member("appointments", LISTED_APPOINTMENT, "The appointments of this page.", many=True),
                NEXT_CURSOR,
                Member("total", TOTAL, "How many there are; only with `count`.", sometimes=True),
            ),
        ),
    ),
)
