"""A parameter as JSON Schema (2020-12): a promise that whatever fits the schema can be read. Pure.

The schema is narrower than what is accepted. It names one spelling of each type, the one that a generated client
should send, and the others stand in the description: a schema that admitted them all would make generated
clients unwieldy. What no schema of one value can say, such as whether an id exists, is answered by the route.
"""

from collections.abc import Mapping
from typing import Any, Final

from api.params import ACCEPTED, Param

_DAY: Final = (
    r"20(?:[0-9]{2}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)"
    r"|(?:0[13578]|1[02])-31)|(?:[02468][048]|[13579][26])-02-29)"
)
"""The days of the calendar from 2000 to 2099."""
_TIME: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?"
_UP_TO_A_WEEK: Final = r"(?!0?0:00(?::00)?$)(?:[0-9]{1,2}|1[0-5][0-9]|16[0-7]):[0-5][0-9](?::[0-5][0-9])?"
_TEXT: Final = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$"
# Bounded so that whatever fits is short enough; longer ones that are right are accepted all the same.
_LABEL: Final = r"[A-Za-z0-9]{1,30}(?:-[A-Za-z0-9]{1,10}){0,3}"
_ADDRESS: Final = (
    rf"[A-Za-z0-9]{{1,40}}(?:[._+-][A-Za-z0-9]{{1,10}}){{0,2}}@(?:{_LABEL}\.){{1,3}}[A-Za-z]{{2,24}}"
)
_SOME_TEXT: Final = _TEXT.replace("^", r"^(?=[\s\S]*\S)", 1)

BY_READER: Final[Mapping[str, Mapping[str, Any]]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer", "format": "int64"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date", "pattern": f"^{_DAY}$"},
    "time": {"type": "string", "pattern": f"^{_TIME}$"},
    "stop-time": {"type": "string", "pattern": f"^{_TIME}$"},
    "datetime": {"type": "string", "format": "date-time", "pattern": f"^{_DAY}T"},
    "duration": {"type": "string", "pattern": f"^{_UP_TO_A_WEEK}$"},
    "stamp": {"type": "string", "pattern": f"^{_DAY} {_TIME}$"},
    "uuid": {"type": "string", "format": "uuid"},
    "ids": {"type": "string", "pattern": r"^[1-9][0-9]{0,17}(?:,[1-9][0-9]{0,17}){0,999}$"},
    "names": {"type": "string"},
    "email": {"type": "string", "format": "email", "pattern": f"^{_ADDRESS}$"},
    "addresses": {"type": "string", "pattern": f"^{_ADDRESS}(?:,{_ADDRESS}){{0,9}}$"},
    "password": {"type": "string", "format": "password"},
    "token": {"type": "string", "format": "password", "pattern": r"^[\u0021-\u007e]+$", "minLength": 1},
}
_SHORTEST_READ: Final = frozenset({"string", "email", "token"})
"""Readers for which the greatest length says more than the pattern does."""


def schema_of(param: Param, choices: tuple[str, ...] | None = None) -> dict[str, Any]:
    """The schema of one parameter; `choices` are the configured possible values, if there are any."""
    schema: dict[str, Any] = dict(BY_READER[param.reads])
    possible = choices or param.choices
    if possible and param.reads == "names":
        name = "|".join(possible)
        schema["pattern"] = f"^(?:{name})(?:,(?:{name}))*$"
    elif possible:
        schema["enum"] = list(possible)
    elif param.reads == "string":
        schema["pattern"] = _SOME_TEXT if param.required else _TEXT
    if param.max_length is not None and param.reads in _SHORTEST_READ and not possible:
        schema["maxLength"] = param.max_length
    if param.type == "integer":
        schema |= {"minimum": param.minimum, "maximum": param.maximum}
    schema["description"] = f"{param.description} {accepted(param)}".strip()
    if param.deprecated:
        schema["deprecated"] = True
    schema["examples"] = [param.example]
    return schema


def accepted(param: Param) -> str:
    """Every spelling that is accepted, in a sentence."""
    said = ACCEPTED[param.reads]
    return f"Accepted: {said}"
