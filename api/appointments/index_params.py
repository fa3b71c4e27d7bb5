"""The parameters of the list of appointments, and the rules between them."""

from dataclasses import replace
from typing import Any, Final

from api.appointment_params import CREATE
from api.common_params import OF_THE_CALLER
from api.faults import Fault
from api.notifications.params import CURSOR, LIMIT, STATUS_OF
from api.params import MAX_ID, Param, Registry
from api.statuses import INVALID_PARAM
from models.appointment_list import MOST_COUNTED, SORTS, STATUSES
from models.clock.frames import FLOATING_ORDER

USUAL_PAGE: Final = 50

_FROM: Final = Param(
    name="from",
    type="date",
    position=1040,
    description="Only appointments that start on this day or later, by the calendar that `frame` names.",
    example="2026-12-01",
)
_TO: Final = Param(
    name="to",
    type="date",
    position=1050,
    description="Only appointments that start on this day or earlier; the day itself is included.",
    example="2026-12-31",
)
_FRAME: Final = Param(
    name="frame",
    type="string",
    position=1060,
    max_length=16,
    choices=FLOATING_ORDER,
    description=(
        "Whose calendar the days of `from` and `to` are of: the property's (`local`, when absent), the office's "
        "or that of UTC. An appointment without a date in it is found by the date that it has."
    ),
    example="local",
)
_CHANGED_SINCE: Final = Param(
    name="changed_since",
    type="datetime",
    position=1080,
    description=(
        "Only appointments that were created, changed or reconciled at this instant or later: ISO 8601, as UTC "
        "unless an offset is given. Ask from a minute before the last answer, as a change that was under way then "
        "bears the instant at which it began."
    ),
    example="2026-11-20T10:00:00Z",
)
_SORT: Final = Param(
    name="sort",
    type="string",
    position=1090,
    max_length=16,
    choices=SORTS,
    description=(
        "In which order: by `start` (those without a time of day follow, by their day), by when they `changed`, "
        "or as they were `created`. Absent: `start`, or `changed` with `changed_since`."
    ),
    example="start",
)
_DIRECTION: Final = Param(
    name="direction",
    type="string",
    position=1100,
    max_length=4,
    choices=("asc", "desc"),
    description="Earliest first (`asc`, when absent) or latest first. What has no start comes last in both.",
    example="asc",
)
_COUNT: Final = Param(
    name="count",
    type="boolean",
    position=1130,
    description=f"True adds how many there are in all, as `total`, counted up to {MOST_COUNTED}.",
    example=False,
)
_CLIENT_ID: Final = Param(
    name="client_id",
    type="integer",
    position=1030,
    minimum=1,
    maximum=MAX_ID,
    description="Only appointments of this client's orders.",
    example=1,
)


def days_in_order(values: dict[str, object], _at_fault: frozenset[str]) -> list[Fault]:
    """`to` is not before `from`."""
    given: dict[str, Any] = values
    if "from" in given and "to" in given and given["to"] < given["from"]:
        return [Fault("to", INVALID_PARAM, "This day is before the one in from.", "Exchange the two days.")]
    return []


INDEX: Final = Registry(
    (
        *OF_THE_CALLER,
        replace(CREATE["order_id"], position=1010, description="Only appointments of this order."),
        replace(
            CREATE["photographer_user_id"],
            position=1020,
            description="Only appointments of the photographer with this user id.",
        ),
        _CLIENT_ID,
        _FROM,
        _TO,
        _FRAME,
        replace(
            STATUS_OF,
            position=1070,
            choices=tuple(STATUSES),
            description="Only appointments in this state. "
            + " ".join(f"`{name}`: {said}" for name, said in STATUSES.items()),
            example="requested",
        ),
        _CHANGED_SINCE,
        _SORT,
        _DIRECTION,
        replace(
            LIMIT,
            position=1110,
            description=f"How many appointments one answer holds at most; {USUAL_PAGE} when absent.",
        ),
        # Of the list that the code examples ask for; a cursor belongs to its filters.
        replace(
            CURSOR,
            position=1120,
            example="WyJlODliOGM1YTIxMWE1YWY5IiwwLCIyMDI2LTEyLTA0VDE2OjAwOjAwKzAwOjAwIiwxMDQyXQ",
        ),
        _COUNT,
    ),
    rules=(days_in_order,),
)
