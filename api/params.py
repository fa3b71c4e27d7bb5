"""What a parameter is: the declaration from which decoding, messages, documentation and OpenAPI are made.

A route lists its parameters as a tuple of `Param`; a `Registry` is such a tuple, checked once when the
program starts, with the look-ups that decoding needs and the rules that hold between parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from api.faults import Fault

TYPES: Final = frozenset({"string", "integer", "boolean", "date", "time", "datetime"})
"""The types that the documentation page may show, as the source document names them."""

ACCEPTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "string": "Text. Numbers become text; tabs and newlines are kept, other control characters refused.",
        "integer": "A whole number, or a string of ASCII digits.",
        "boolean": "true or false, 1 or 0, or one of the words true, false, yes, no, on, off in any case.",
        "date": "YYYY-MM-DD, or M/D/YYYY with month_first, from 2000-01-01 to 2099-12-31; a string.",
        "time": "H:MM or H:MM:SS, 24-hour or with AM or PM; a string.",
        "stop-time": "H:MM or H:MM:SS, 24-hour or with AM or PM, or 24:00 together with its date; a string.",
        "datetime": "ISO 8601 date and time with Z, an offset, or neither, which means UTC; a string.",
        "duration": "H:MM, H:MM:SS, numbers with units (1h 30m), PT1H30M, or whole minutes from 15 to 1440.",
        "stamp": "A date (YYYY-MM-DD or M/D/YYYY), a blank or T, and a time, in Mountain Time; a string.",
        "uuid": "32 hexadecimal digits in any case, as 8-4-4-4-12 or without hyphens; a string.",
        "ids": "A whole number, an array of at most 1000 of them, or a string of them with commas between.",
        "names": "An array of names, or a string of them with commas between.",
        "email": "One e-mail address without a name beside it; a string.",
        "addresses": "An array of at most 10 e-mail addresses, or a string of them with commas between.",
        "password": "The password exactly as it is, blanks included; a string.",
        "token": "The token exactly as it was given; a string.",
    }
)
"""The ways of reading a value (`Param.reads`), each with what it accepts, as documentation may show it."""

MAX_ID: Final = 2**63 - 1

Rule = Callable[[dict[str, object], frozenset[str]], list[Fault]]
"""A rule between parameters: (values read so far, names already at fault) → new faults.

It may settle values in place, for example fill what another value implies. It has to be silent about
parameters that are already at fault.
"""


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a route.

    `position` is its place on the documentation page. `type` is the documented type; `reads` names the
    reader of its values where that is more particular (`time_duration` is a string that is read as a
    duration). `choices` are the possible values; None means that any value of the type will do.
    `max_length` counts characters, `minimum` and `maximum` are inclusive. `example` is a value as a
    client would send it. `hint` is said after the reader's own when a value is refused. `secret` values
    are never shown, stored or compared here. An `addition` is unknown to the source document of its route.
    """

    name: str
    type: str
    position: int
    description: str
    example: str | int | bool
    required: bool = False
    reads: str = ""
    choices: tuple[str, ...] | None = None
    max_length: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    hint: str = ""
    deprecated: bool = False
    secret: bool = False
    addition: bool = False

    def __post_init__(self) -> None:
        if not self.reads:
            object.__setattr__(self, "reads", self.type)
        if self.type not in TYPES or self.reads not in ACCEPTED:
            raise ValueError(f"The parameter {self.name} has a type or a reader that does not exist.")
        if self.type == "integer" and (self.minimum is None or self.maximum is None):
            raise ValueError(f"The integer parameter {self.name} needs a minimum and a maximum.")
        if self.reads in ("string", "email") and self.max_length is None:
            raise ValueError(f"The string parameter {self.name} needs a greatest length.")


class Registry:
    """The parameters of one route, in position order, with the rules between them.

    ValueError, at import time, if two parameters share a name or the positions do not rise.
    """

    __slots__ = ("_by_name", "names", "params", "rules")

    def __init__(self, params: tuple[Param, ...], rules: tuple[Rule, ...] = ()) -> None:
        by_name = {param.name: param for param in params}
        if len(by_name) != len(params):
            raise ValueError("Two parameters of one route have the same name.")
        positions = [param.position for param in params]
        if any(later <= earlier for earlier, later in pairwise(positions)):
            raise ValueError("The positions of a route's parameters have to rise.")
        self.params = params
        self.rules = rules
        self.names = frozenset(by_name)
        self._by_name: Mapping[str, Param] = MappingProxyType(by_name)

    def __getitem__(self, name: str) -> Param:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Param]:
        return iter(self.params)

    def __len__(self) -> int:
        return len(self.params)
