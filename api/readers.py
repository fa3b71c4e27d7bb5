"""One reader for each way a parameter's value is read: a JSON value in, a Python value out.

Truth values, numbers, dates, times, durations and stamps are read by `models.clock`, so that the front door
and the command line agree about spellings. Strings, possible values and uuids are read here, by the rules of
contract.md section 5. Blank values never come here: they are "not given".

Every reader raises `Unreadable` or `SpellingError`, with a message and a hint for a person, and nothing else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final
from uuid import UUID

from pydantic import SecretStr

from api.faults import NAME_LENGTH, Unreadable, kind, quoted
from api.params import MAX_ID, Param
from models.clock import (
    EndOfDay,
    is_blank,
    parse_boolean,
    parse_date,
    parse_datetime,
    parse_duration,
    parse_integer,
    parse_mountain_stamp,
    parse_time,
)
from models.passwords import LONGEST

MAX_SPELLING: Final = 100
"""Characters that a date, a number, a truth value, a duration or a uuid can take, generously."""

MAX_IDS: Final = 1_000
MAX_ADDRESSES: Final = 10
MAX_ADDRESS: Final = 320

MAX_BITS: Final = 13_000
"""About 3 900 digits, more than any code has; Python does not spell out integers of more than 4 300."""

# Every control character (category Cc) but tab and newline, and the surrogates, which are no characters.
_FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_FORBIDDEN_NAMES: Final = {"\x00": "NUL", "\x0b": "a vertical tab", "\x1d": "a group separator"}

_HYPHENATED = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_UUID = re.compile(
    rf"(?:urn:uuid:)?{_HYPHENATED}|[0-9a-f]{{32}}|\{{{_HYPHENATED}\}}", re.ASCII | re.IGNORECASE
)
_LAST_UUID = 2**128 - 1


@dataclass(slots=True)
class Circumstances:
    """What the reading of one value may depend on besides the value.

    `month_first`: the order of dates; None when that parameter is unreadable itself, so that no date is
    blamed for it. `choices`: possible values by parameter, where configuration names them. `updated_at`:
    the supplied instant that picks between the two readings of a repeated hour.
    """

    month_first: bool | None
    choices: Mapping[str, Sequence[str]]
    updated_at: datetime | None = None


Reader = Callable[[object, Circumstances], object]


def reader_of(param: Param) -> Reader:
    """What reads the values of one parameter; made once, so that what is declared is not looked up for each value.

    It gives str, int, bool, date, time, UUID, END_OF_DAY or a UTC datetime. A duration is read as whole seconds, a
    Mountain Time stamp as an instant, a password as a `SecretStr`.
    """
    return _MAKERS[param.reads](param)


def read_string(value: object, max_length: int | None) -> str:
    """Text, trimmed, with CR and CRLF as LF; numbers become text, since FileMaker's JSON infers types."""
    if isinstance(value, str):
        text = value
        if not text.isprintable():  # no plain line, and so more than most texts are
            text = text.replace("\r\n", "\n").replace("\r", "\n")
            forbidden = _FORBIDDEN.search(text)
            if forbidden is not None:
                raise _forbidden_character(forbidden)
        text = text.strip()
    else:
        text = _number_as_text(value)
    if max_length is not None and len(text) > max_length:
        raise Unreadable(
            f"This is {len(text)} characters long; at most {max_length} fit.",
            f"Shorten it, for example with Left ( text ; {max_length} ).",
        )
    return text


def read_choice(text: str, choices: Sequence[str]) -> str:
    """The possible value that `text` names, in any case, spelled as it is declared."""
    if text in choices:
        return text
    folded = text.casefold()
    for choice in choices:
        if choice.casefold() == folded:
            return choice
    listed = ", ".join(choices[:20]) + (", …" if len(choices) > 20 else "")
    near = get_close_matches(folded[:NAME_LENGTH], choices, 1)
    guess = f" Did you mean {near[0]}?" if near else ""
    raise Unreadable(
        f"{quoted(text)} is not one of the possible values.", f"Possible values: {listed}.{guess}"
    )


def read_uuid(value: object) -> UUID:
    """Any spelling of RFC 9562, in any case: hyphenated, 32 digits, `urn:uuid:`, or in braces.

    The nil and the max uuid are refused: they stand for "none" and "the last" (sections 5.9 and 5.10), so
    two appointments that carry one of them would be taken for the same.
    """
    if not isinstance(value, str):
        raise Unreadable(
            f"This has to be a uuid in a string; it is {kind(value)}.",
            "In FileMaker, use Get ( UUID ) with the type JSONString; Get ( UUIDNumber ) is not a uuid.",
        )
    text = value.strip()
    if _UUID.fullmatch(text) is None:
        raise Unreadable(
            f"{quoted(text)} is not a uuid.",
            "Send hexadecimal digits as 8-4-4-4-12, for example Get ( UUID ), or leave the parameter out.",
        )
    uuid = UUID(text.lower())
    if uuid.int in (0, _LAST_UUID):
        raise Unreadable(
            "The nil and the max uuid stand for no record.",
            "Leave the parameter out and a uuid is made, or send one of your own, for example Get ( UUID ).",
        )
    return uuid


def read_password(value: object) -> SecretStr:
    """A password as it is, blanks around it included, in a wrapping that does not show it."""
    if not isinstance(value, str):
        raise Unreadable(
            f"This has to be a string; it is {kind(value)}.",
            "In FileMaker, set it with the type JSONString, which keeps leading zeros too.",
        )
    if len(value) > LONGEST:
        raise Unreadable(f"This is {len(value)} characters long, and the longest password has {LONGEST}.")
    return SecretStr(value)


def read_names(value: object, choices: Sequence[str]) -> tuple[str, ...]:
    """Some of the possible names, each once, in the order in which they were given."""
    given = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    if len(given) > MAX_IDS:
        raise Unreadable(f"These are {len(given)} names; there are only {len(choices)} that fit.")
    texts = (read_string(each, MAX_SPELLING) for each in given if not is_blank(each))
    return tuple(dict.fromkeys(read_choice(text, choices) for text in texts))


def read_addresses(value: object) -> tuple[str, ...]:
    """E-mail addresses, each once in any case; what stands between the commas is not looked at here."""
    given = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    if len(given) > MAX_ADDRESSES:
        raise Unreadable(f"These are {len(given)} addresses; at most {MAX_ADDRESSES} fit.")
    each_once: dict[str, str] = {}
    for each in given:
        if not is_blank(each):
            text = read_string(each, MAX_ADDRESS)
            each_once.setdefault(text.casefold(), text)
    return tuple(each_once.values())


def read_ids(value: object) -> tuple[int, ...]:
    """Ids of records, each once, in the order in which they were given; at most `MAX_IDS`."""
    given = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    if not 1 <= len(given) <= MAX_IDS:
        raise Unreadable(f"These are {len(given)} ids; 1 to {MAX_IDS} fit.", "Send them in several requests.")
    for each in given:
        _check_length(each)
    return tuple(dict.fromkeys(parse_integer(each, low=1, high=MAX_ID) for each in given))


def _text_reader(param: Param) -> Reader:
    name, longest, declared = param.name, param.max_length, param.choices

    def read(value: object, circumstances: Circumstances) -> str:
        text = read_string(value, longest)
        choices = circumstances.choices.get(name, declared)
        return text if choices is None else read_choice(text, choices)

    return read


def _integer_reader(param: Param) -> Reader:
    low, high = param.minimum, param.maximum
    assert low is not None and high is not None  # noqa: S101 - `Param` sees to it

    def read(value: object, _: Circumstances) -> int:
        _check_length(value)
        return parse_integer(value, low=low, high=high)

    return read


def _names_reader(param: Param) -> Reader:
    choices = param.choices or ()
    return lambda value, _: read_names(value, choices)


def _measuring(parse: Callable[[object], object]) -> Callable[[Param], Reader]:
    """Readers of values whose spellings are all short."""

    def read(value: object, _: Circumstances) -> object:
        _check_length(value)
        return parse(value)

    return lambda _: read


def _plain(parse: Callable[[object], object]) -> Callable[[Param], Reader]:
    """Readers of values that measure themselves."""
    return lambda _: lambda value, _: parse(value)


def _read_boolean(value: object, _: Circumstances) -> bool:
    if value is True or value is False:
        return value
    _check_length(value)
    return parse_boolean(value)


def _read_date(value: object, circumstances: Circumstances) -> date:
    _check_length(value)
    month_first = circumstances.month_first
    if month_first is None:
        month_first = isinstance(value, str) and "/" in value
    return parse_date(value, month_first=month_first)


def _read_datetime(value: object, circumstances: Circumstances) -> datetime:
    _check_length(value)
    # With month_first both orders can be read, so that is how an unreadable month_first is taken.
    return parse_datetime(value, month_first=circumstances.month_first is not False)


def _read_stamp(value: object, circumstances: Circumstances) -> datetime:
    _check_length(value)
    return parse_mountain_stamp(value, sibling=circumstances.updated_at)


def _read_stop_time(value: object) -> object:
    at: object | EndOfDay = parse_time(value, end_of_day=True)
    return at


_MAKERS: Final[Mapping[str, Callable[[Param], Reader]]] = MappingProxyType(
    {
        "string": _text_reader,
        "email": _text_reader,
        "names": _names_reader,
        "integer": _integer_reader,
        "boolean": lambda _: _read_boolean,
        "date": lambda _: _read_date,
        "datetime": lambda _: _read_datetime,
        "stamp": lambda _: _read_stamp,
        "time": _measuring(parse_time),
        "stop-time": _measuring(_read_stop_time),
        "duration": _measuring(parse_duration),
        "uuid": _measuring(read_uuid),
        "ids": _plain(read_ids),
        "password": _plain(read_password),
        "addresses": _plain(read_addresses),
    }
)
"""By `Param.reads`. A token is read before anything else, and by nobody here."""


def _check_length(value: object) -> None:
    """Refuse what is too long for any spelling before a pattern is tried on all of it."""
    if isinstance(value, str):
        if len(value) > MAX_SPELLING and len(value.strip()) > MAX_SPELLING:
            raise Unreadable(
                f"This is {len(value)} characters long, which is too long for a value of this type.",
                "Check which field is sent here.",
            )
    elif isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise Unreadable("This number is too large.", "Check which field is sent here.")


def _number_as_text(value: object) -> str:
    """A number in its shortest JSON spelling: 5.0 and 5 are the same number and become `5`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable(
            f"This has to be a string; it is {kind(value)}.",
            "In FileMaker, set it with the type JSONString and pass a field's text, for example "
            "GetAsText ( field ).",
        )
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise Unreadable("This number has more digits than fit.", "Send it as a string, or shorten it.")
        return str(value)
    if not math.isfinite(value):
        raise Unreadable("This number is too large.", "Send it as a string: JSONString.")
    if value.is_integer() and abs(value) < 1e16:  # beyond it, digits would be made up
        return str(int(value))
    return re.sub(r"e([+-])0*", r"e\1", repr(value)).replace("e+", "e")


def _forbidden_character(found: re.Match[str]) -> Unreadable:
    code = ord(found[0])
    name = _FORBIDDEN_NAMES.get(found[0], "a control character")
    return Unreadable(
        f"This holds {name} (U+{code:04X}) at character {found.start() + 1}; of these only newlines and tabs "
        "may stand in a text.",
        f'Take it out, for example with Substitute ( text ; Char ( {code} ) ; " " ).',
    )
