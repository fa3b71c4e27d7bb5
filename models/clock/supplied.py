"""What a client supplied, once read: the only input of a reconciliation besides the place and the office.

A :class:`Supplied` is kept with the appointment as a snapshot and never rewritten from results; that is what
makes running again harmless (clocks.md section 1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from models.clock.durations import LONGEST, SHORTEST
from models.clock.faults import Fault, InvalidParams, SpellingError
from models.clock.frames import DATE_FIELD, DATE_FIELDS, FRAMES, TIME_FIELD, TIME_FIELDS, Endpoint, Frame
from models.clock.spellings import (
    END_OF_DAY,
    is_blank,
    parse_boolean,
    parse_date,
    parse_datetime,
    parse_duration,
    parse_integer,
    parse_mountain_stamp,
    parse_time,
    spell_date,
    spell_instant,
    spell_time,
)

JsonValue = str | int | bool | None
SECONDS_IN_A_DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Supplied:
    """The supplied values in canonical form; ``None`` means not given.

    Dates and times belong to the frame in their name. ``time_duration`` is the text as it was sent and
    ``time_duration_read`` the seconds that it spells; ``time_duration_s`` is the other duration parameter.
    ``window_time_*`` are seconds after midnight. ``updated_at_mt`` and ``updated_at`` are instants in UTC.
    """

    date_start_utc: date | None = None
    time_start_utc: time | None = None
    date_start_local: date | None = None
    time_start_local: time | None = None
    date_start_office: date | None = None
    time_start_office: time | None = None
    date_stop_utc: date | None = None
    time_stop_utc: time | None = None
    date_stop_local: date | None = None
    time_stop_local: time | None = None
    date_stop_office: date | None = None
    time_stop_office: time | None = None
    allday: bool | None = None
    time_duration: str | None = None
    time_duration_read: int | None = None
    time_duration_s: int | None = None
    requested_date: date | None = None
    requested_time: time | None = None
    window_date_start: date | None = None
    window_date_end: date | None = None
    window_time_start: int | None = None
    window_time_end: int | None = None
    updated_at_mt: datetime | None = None
    updated_at: datetime | None = None

    def given_date(self, endpoint: Endpoint, frame: Frame) -> date | None:
        """The supplied date of one endpoint in one frame."""
        value: date | None = getattr(self, DATE_FIELD[endpoint, frame])
        return value

    def given_time(self, endpoint: Endpoint, frame: Frame) -> time | None:
        """The supplied time of one endpoint in one frame."""
        value: time | None = getattr(self, TIME_FIELD[endpoint, frame])
        return value

    @property
    def duration_s(self) -> int | None:
        """The seconds that count: ``time_duration_s`` before what ``time_duration`` spells."""
        return self.time_duration_s if self.time_duration_s is not None else self.time_duration_read

    def to_json(self) -> dict[str, JsonValue]:
        """The given values as canonical JSON; :meth:`from_json` is the inverse."""
        return {
            name: value if (spell := _SPELLED.get(type(value))) is None else spell(value)
            for name in FIELD_NAMES
            if (value := getattr(self, name)) is not None
        }

    @classmethod
    def from_json(cls, snapshot: Mapping[str, JsonValue]) -> Supplied:
        """Read a snapshot back. Raises ``ValueError`` for one that :meth:`to_json` did not write."""
        values: dict[str, Any] = {}
        for name, value in snapshot.items():
            reader = _SNAPSHOT_READERS.get(name)
            if reader is None:
                raise ValueError(f"{name} is not a field of a snapshot of supplied values.")
            if value is not None:
                values[name] = reader(value)
        return cls(**values)


FIELD_NAMES: Final[tuple[str, ...]] = tuple(field.name for field in fields(Supplied))


_SPELLED: Final[dict[type, Callable[[Any], str]]] = {
    datetime: spell_instant,
    date: spell_date,
    time: spell_time,
}
"""How the values that JSON does not know are spelled."""


def _snapshot_instant(value: Any) -> datetime:
    return datetime.fromisoformat(value).astimezone(UTC)


_SNAPSHOT_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    **dict.fromkeys((*DATE_FIELDS, "requested_date"), date.fromisoformat),
    **dict.fromkeys((*TIME_FIELDS, "requested_time"), time.fromisoformat),
    "window_date_start": date.fromisoformat,
    "window_date_end": date.fromisoformat,
    "window_time_start": int,
    "window_time_end": int,
    "allday": bool,
    "time_duration": str,
    "time_duration_read": int,
    "time_duration_s": int,
    "updated_at_mt": _snapshot_instant,
    "updated_at": _snapshot_instant,
}


def settle_end_of_day(values: dict[str, object]) -> list[Fault]:
    """Turn 24:00 in ``time_stop_*`` into 00:00 of the day after its own date, in place.

    ``values`` holds parsed values by parameter name. A 24:00 without the date of the same frame is taken out
    and returned as a fault: without a date it is the end of no particular day.
    """
    faults: list[Fault] = []
    for frame in FRAMES:
        time_name, date_name = TIME_FIELD["stop", frame], DATE_FIELD["stop", frame]
        if values.get(time_name) is not END_OF_DAY:
            continue
        day = values.get(date_name)
        if isinstance(day, date):
            values[date_name] = day + timedelta(days=1)
            values[time_name] = time(0)
        else:
            del values[time_name]
            faults.append(
                Fault(
                    time_name,
                    "24:00 is the end of a day, and the day is missing.",
                    f"Send {date_name} too, or 00:00 of the next day.",
                )
            )
    return faults


def _window_seconds(value: object) -> int:
    try:
        return parse_integer(value, low=0, high=SECONDS_IN_A_DAY)
    except SpellingError as error:
        raise SpellingError(
            error.message, "Send the seconds after midnight, such as 28800 for 8:00."
        ) from None


# The parameters that this page of rules reads, in the order of their positions in the documentation.
_READ_ORDER: Final[tuple[str, ...]] = (
    "allday",
    "confirmed_at",
    "date_start_local",
    "date_start_office",
    "date_stop_local",
    "date_stop_office",
    "requested_date",
    "requested_time",
    "time_start_local",
    "time_start_office",
    "time_stop_local",
    "time_stop_office",
    "time_duration",
    "updated_at_mt",
    "created_at",
    "updated_at",
    "month_first",
    "date_stop_utc",
    "date_start_utc",
    "time_start_utc",
    "time_stop_utc",
    "time_duration_s",
    "window_date_start",
    "window_date_end",
    "window_time_start",
    "window_time_end",
)
_POSITION: Final = {name: position for position, name in enumerate(_READ_ORDER)}
_ONLY_CHECKED: Final = ("confirmed_at", "created_at", "month_first")
_DATES: Final = frozenset({*DATE_FIELDS, "requested_date", "window_date_start", "window_date_end"})
_STOP_TIMES: Final = frozenset(TIME_FIELD["stop", frame] for frame in FRAMES)
_TIMES: Final = frozenset({*TIME_FIELDS, "requested_time"})


def read_params(raw: Mapping[str, object]) -> Supplied:
    """Read the clock parameters of a request body; parameters that the clocks don't read are left alone.

    Raises :class:`InvalidParams` with every fault at once, in position order. ``updated_at_mt`` is required.
    """
    month_first, faults = _month_first(raw)
    values: dict[str, object] = {}
    for name in _READ_ORDER:
        value = raw.get(name)
        if name in ("month_first", "updated_at_mt") or is_blank(value):
            continue
        try:
            values[name] = _read(name, value, month_first)
        except SpellingError as error:
            faults.append(Fault(name, error.message, error.hint))
    unread = {fault.param for fault in faults}
    # A date that could not be read is its own fault; its 24:00 is not blamed as well.
    faults += [
        fault for fault in settle_end_of_day(values) if fault.param.replace("time_", "date_", 1) not in unread
    ]
    missing: tuple[str, ...] = ()
    if is_blank(raw.get("updated_at_mt")):
        missing = ("updated_at_mt",)
    else:
        sibling = values.get("updated_at")
        try:
            values["updated_at_mt"] = parse_mountain_stamp(
                raw["updated_at_mt"], sibling=sibling if isinstance(sibling, datetime) else None
            )
        except SpellingError as error:
            faults.append(Fault("updated_at_mt", error.message, error.hint))
    if missing or faults:
        raise InvalidParams(missing, tuple(sorted(faults, key=lambda fault: _POSITION[fault.param])))
    if "time_duration" in values:
        values["time_duration_read"] = values["time_duration"]
        values["time_duration"] = str(raw["time_duration"]).strip()
    for name in _ONLY_CHECKED:
        values.pop(name, None)
    typed: dict[str, Any] = values
    return Supplied(**typed)


def _month_first(raw: Mapping[str, object]) -> tuple[bool | None, list[Fault]]:
    """The order of the dates; ``None`` when the parameter itself is unreadable, so that no date is blamed."""
    value = raw.get("month_first")
    if is_blank(value):
        return False, []
    try:
        return parse_boolean(value), []
    except SpellingError as error:
        return None, [Fault("month_first", error.message, error.hint)]


def _read(name: str, value: object, month_first: bool | None) -> object:
    if name in _DATES:
        return parse_date(value, month_first="/" in str(value) if month_first is None else month_first)
    if name in _TIMES:
        return parse_time(value, end_of_day=name in _STOP_TIMES)
    reader = _READERS.get(name)
    if reader is not None:
        return reader(value)
    return parse_datetime(value, month_first=month_first is not False)


_READERS: Final[dict[str, Callable[[object], object]]] = {
    "allday": parse_boolean,
    "time_duration": parse_duration,
    "time_duration_s": lambda value: parse_integer(value, low=SHORTEST, high=LONGEST),
    "window_time_start": _window_seconds,
    "window_time_end": _window_seconds,
}
