"""The records that an appointment refers to: they must exist, be visible to the caller, and agree.

An id that the caller may not see gets the same words as one that does not exist, so that nobody can find out
which ids are in use (contract.md sections 3 and 5).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from api.caller import Caller
from api.faults import Fault
from api.routes import Call
from api.statuses import INVALID_PARAM
from models.prepared import Prepared
from models.tokens import ReadAlong

PHOTOGRAPHER = "photographer"


@dataclass(frozen=True, slots=True)
class References:
    """What was found. A None says that there is no such record, or that none was named."""

    order_found: bool = False
    client_id: int | None = None
    company_id: int | None = None
    client_email: str | None = field(default=None, repr=False)
    property_zone: str | None = None
    request_order_id: int | None = None
    request_client_id: int | None = None
    request_company_id: int | None = None
    photographer_duties: Sequence[str] = ()
    photographer_email: str | None = field(default=None, repr=False)
    photographer_name: str | None = field(default=None, repr=False)


NOTHING = References()

PARAMS = ("order_id", "order_request_appt_id", "photographer_user_id")


def _select(first: int) -> str:
    """All three look-ups, each a read through a primary key; `first` is the number of the first value.

    The columns are the fields of `References`, in their order.
    """
    order, request, photographer = (f"${number}" for number in range(first, first + len(PARAMS)))
    return f"""
    SELECT o.id IS NOT NULL, o.client_id, o.company_id, c.email, p.time_zone, r.order_id, ro.client_id, ro.company_id,
      coalesce(e.duties, '{{}}'), u.email, u.name
    FROM (SELECT 1) AS one
    LEFT JOIN orders o ON o.id = {order}
    LEFT JOIN clients c ON c.id = o.client_id
    LEFT JOIN properties p ON p.id = o.property_id
    LEFT JOIN order_request_appts r ON r.id = {request}
    LEFT JOIN orders ro ON ro.id = r.order_id
    LEFT JOIN users u ON u.id = {photographer}
    LEFT JOIN employees e ON e.user_id = u.id
    """  # noqa: S608 - constants


_FIND = Prepared(_select(1))
ALONG = ReadAlong(_select(2), PARAMS)
"""For a route that stores what a request refers to: read with the token, told by `found_along`."""


def found_along(call: Call) -> References:
    """What the request refers to by id, as it was read with its token."""
    return References(*call.along) if call.along else NOTHING


def look_up(connection: Connection, values: dict[str, object]) -> References:
    """Find what `values` refers to by id; no query when it names nothing."""
    ids = [values.get(name) for name in PARAMS]
    if not any(ids):
        return NOTHING
    found = _FIND.row(connection, *ids)
    return NOTHING if found is None else References(*found)


def check(values: dict[str, object], found: References, caller: Caller) -> list[Fault]:
    """The faults of the ids among `values`."""
    faults = []
    order_visible = found.order_found and caller.may_touch_order(found.client_id, found.company_id)
    if "order_id" in values and not order_visible:
        faults.append(_unknown("order_id", "order"))
    if "order_request_appt_id" in values:
        request_visible = found.request_order_id is not None and caller.may_touch_order(
            found.request_client_id, found.request_company_id
        )
        if not request_visible:
            faults.append(_unknown("order_request_appt_id", "order request appointment"))
        elif order_visible and found.request_order_id != values["order_id"]:
            faults.append(
                Fault(
                    "order_request_appt_id",
                    INVALID_PARAM,
                    "This order request appointment does not belong to the order in order_id.",
                    "Send the two ids of the same order.",
                )
            )
    if "photographer_user_id" in values and PHOTOGRAPHER not in found.photographer_duties:
        # One sentence for a user who is no photographer and for none at all: which users exist is not told.
        faults.append(_unknown("photographer_user_id", "photographer"))
    return faults


def _unknown(param: str, record: str) -> Fault:
    return Fault(
        param, INVALID_PARAM, f"There is no {record} with this id.", "Check the id; it may belong elsewhere."
    )
