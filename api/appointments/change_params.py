"""The parameters of the routes that change an appointment, made from those of create; nothing is declared twice.

Absent, null and blank mean "not given" everywhere, and what is not given stays as it is. So there is a parameter
of its own that empties fields: `clear` lists their names.
"""

from dataclasses import replace
from typing import Final

from api.appointment_params import CREATE
from api.appointments.resend_confirmation import PARAMS as NAMED
from api.appointments.resend_confirmation import one_of_both
from api.common_params import EVERYWHERE, OF_THE_CALLER
from api.faults import Fault
from api.notifications.params import CURSOR, LIMIT
from api.params import Param, Registry
from api.statuses import INVALID_PARAM

OF_THE_REQUEST: Final = frozenset({"token", "application", "session_view", "month_first", "uuid"})
"""Parameters of create that are about the request, or name the record: an update changes none of them."""

CHANGEABLE: Final = tuple(
    param.name for param in CREATE if param.name not in OF_THE_REQUEST and not param.addition
)
"""What an update may change, in position order."""

_NEVER_EMPTY: Final = frozenset({"updated_at_mt", "updated_at", "updated_by"})

CLEAR: Final = Param(
    name="clear",
    type="string",
    position=5900,
    reads="names",
    addition=True,
    choices=tuple(name for name in CHANGEABLE if name not in _NEVER_EMPTY),
    description=(
        "Names of fields to empty, as blank means that a field stays as it is. A date or a time of day is emptied "
        "on all three clocks, as it would be filled in again from the others; both durations go together."
    ),
    example="description,notes",
)

ID: Final = NAMED["id"]
UUID: Final = NAMED["uuid"]


def cleared_or_given(values: dict[str, object], _at_fault: frozenset[str]) -> list[Fault]:
    """A field cannot be emptied and filled by the same request."""
    cleared = values.get("clear")
    both = [name for name in cleared if name in values] if isinstance(cleared, tuple) else []
    if not both:
        return []
    message = f"{', '.join(both)}: given as well as to be emptied."
    return [Fault("clear", INVALID_PARAM, message, "Send the value or the name in clear, not both.")]


UPDATE: Final = Registry(
    tuple(
        sorted(
            (*(param for param in CREATE if param.name != "uuid"), ID, UUID, CLEAR),
            key=lambda param: param.position,
        )
    ),
    rules=(one_of_both, cleared_or_given),
)
CANCEL: Final = Registry(
    (
        *EVERYWHERE,
        ID,
        UUID,
        *(
            replace(CREATE[name], position=position)
            for position, name in (
                (2600, "on_site_cancel"),
                (3400, "same_day_cancel"),
                (4300, "updated_at_mt"),
                (4400, "updated_by"),
                (9100, "dry_run"),
            )
        ),
    ),
    rules=(one_of_both,),
)
HISTORY: Final = Registry(
    (
        *OF_THE_CALLER,
        ID,
        UUID,
        replace(LIMIT, description="How many entries one answer holds at most; 50 when absent."),
        CURSOR,
    ),
    rules=(one_of_both,),
)
