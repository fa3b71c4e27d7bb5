"""How a request names an appointment that is there: by `id`, by `uuid`, or by both if they are of the same one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from api.appointment_params import CREATE
from api.faults import Fault
from api.notifications.params import ID
from api.params import Param
from api.statuses import INVALID_PARAM, MISSING_PARAM

_NAMES: Final = ("id", "uuid")

NAMED_BY: Final[tuple[Param, ...]] = (
    replace(
        ID,
        required=False,
        description="Id of the appointment. One of `id` and `uuid` is required; with both, they have to agree.",
        example=1042,
    ),
    replace(
        CREATE["uuid"],
        position=1001,
        required=False,
        description="uuid of the appointment, instead of its id or beside it.",
    ),
)
"""The two parameters; `one_of_both` is their rule."""


def one_of_both(values: dict[str, object], at_fault: frozenset[str]) -> list[Fault]:
    """The rule between the two parameters: one of them has to be there."""
    if values.keys() & set(_NAMES) or at_fault & set(_NAMES):
        return []
    hint = "Send the id that create answered with, or the uuid that it was created with."
    return [Fault("id", MISSING_PARAM, "Neither id nor uuid was given.", hint)]


def unknown(given: Mapping[str, object]) -> list[Fault]:
    """The fault of a name that leads to no appointment; whether there is one elsewhere is not told."""
    named = [name for name in _NAMES if name in given]
    if not named:
        return []  # the rule between the two has told it
    if len(named) > 1:
        message = "There is no appointment with this id and this uuid."
        hint = "Check the id and the uuid; they have to be of the same appointment."
    else:
        message = f"There is no appointment with this {named[0]}."
        hint = f"Check the {named[0]}; it may belong elsewhere."
    return [Fault(named[0], INVALID_PARAM, message, hint)]
