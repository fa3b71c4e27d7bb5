"""The parameters of the routes that change an appointment, made from those of create; nothing is declared twice.

Absent, null and blank mean "not given" everywhere, and what is not given stays as it is. So there is a parameter
of its own that empties fields: `clear` lists their names.
"""

from dataclasses import replace
from typing import Final

from api.appointment_params import CREATE
from api.appointments.naming import one_of_both
from api.appointments.resend_confirmation import PARAMS as NAMED
from api.common_params import EVERYWHERE, OF_THE_CALLER
from api.faults import Fault
from api.notifications.params import CURSOR, LIMIT
from api.params import Param, Registry
from api.statuses import INVALID_PARAM
from models.appointment_intake import COLUMNS

OF_THE_REQUEST: Final = frozenset({"token", "application", "session_view", "month_first", "uuid"})
"""Parameters of create that are about the request, or name the record: an update changes none of them."""

CHANGEABLE: Final = tuple(
    param.name for param in CREATE if param.name not in OF_THE_REQUEST and param.name in COLUMNS
)
"""What an update may change: what is stored, in position order."""

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
    example="delivery_type",
)

ID: Final = NAMED["id"]
UUID: Final = NAMED["uuid"]


def only_cancels(values: dict[str, object], _at_fault: frozenset[str]) -> list[Fault]:
    """A request to cancel that says `cancelled` is false is not one."""
    if values.get("cancelled") is not False:
        return []
    message = "This route cancels; with cancelled as false nothing is done."
    hint = "To bring an appointment back, use appointments/update with cancelled as false."
    return [Fault("cancelled", INVALID_PARAM, message, hint)]


def cleared_or_given(values: dict[str, object], _at_fault: frozenset[str]) -> list[Fault]:
    """A field cannot be emptied and filled by the same request."""
    cleared = values.get("clear")
    both = [name for name in cleared if name in values] if isinstance(cleared, tuple) else []
    if not both:
        return []
    message = f"{', '.join(both)}: given as well as to be emptied."
    return [Fault("clear", INVALID_PARAM, message, "Send the value or the name in clear, not both.")]


_MOVED_TO: Final = "2026-12-07"
_OF_UPDATE: Final = {
    "cancelled": (
        "Whether the appointment is cancelled. True cancels it, as `appointments/cancel` does, and mails go out that "
        "say so; false brings a cancelled one back."
    ),
    "confirmed": (
        "Whether the appointment is confirmed. True fills a missing `confirmed_at` with the present moment and a "
        "missing `confirmed_by` with the caller's name; false empties both."
    ),
    "updated_at_mt": (
        "When the client last changed its copy of the record, in Mountain Time (America/Denver), written as in "
        "create. One that is older than the stored one is refused as `stale-update`; the same one with nothing new "
        "is a repeated request."
    ),
}
"""What means something else where there is a record already."""

MOVED: Final[dict[str, str]] = {
    **{name: _MOVED_TO for name in CREATE.names if name.startswith(("date_start", "date_stop"))},
    "window_date_end": "2026-12-08",
    "updated_at_mt": "2026-11-22 16:20:00",
}
"""The examples move the appointment of create to another day, a little later."""


def _of_update(param: Param) -> Param:
    return replace(
        param,
        description=_OF_UPDATE.get(param.name, param.description),
        example=MOVED.get(param.name, param.example),
    )


UPDATE: Final = Registry(
    tuple(
        sorted(
            (*(_of_update(param) for param in CREATE if param.name != "uuid"), ID, UUID, CLEAR),
            key=lambda param: param.position,
        )
    ),
    rules=(one_of_both, cleared_or_given),
)
_OF_CANCEL: Final = {
    "on_site_cancel": "Whether the photographer had already arrived when the appointment was cancelled.",
    "same_day_cancel": "Whether the appointment was cancelled on the very day it was due.",
}


def _of_cancel(name: str, position: int) -> Param:
    param = _of_update(CREATE[name])
    example = "2026-11-22 17:45:00" if name == "updated_at_mt" else param.example
    return replace(
        param,
        position=position,
        description=_OF_CANCEL.get(name, param.description),
        example=example,
    )


CANCEL: Final = Registry(
    (
        *EVERYWHERE,
        ID,
        UUID,
        replace(
            CREATE["cancelled"],
            position=1200,
            description="May be left out: this route cancels. False is refused.",
            example=True,
        ),
        *(
            _of_cancel(name, position)
            for position, name in (
                (2600, "on_site_cancel"),
                (3400, "same_day_cancel"),
                (4300, "updated_at_mt"),
                (4400, "updated_by"),
                (9100, "dry_run"),
            )
        ),
    ),
    rules=(one_of_both, only_cancels),
)
HISTORY: Final = Registry(
    (
        *OF_THE_CALLER,
        ID,
        UUID,
        replace(LIMIT, description="How many entries one answer holds at most; 50 when absent."),
        replace(CURSOR, example="17"),
    ),
    rules=(one_of_both,),
)
