"""From a stored appointment and a decoded request to what the record is to be: pure, but for its arguments.

What a request says differs from what the record shows, or it says nothing: a client that sends a whole record
back, changed in one field, changes that field. Of the clock fields, those that differ take the place of what was
supplied earlier, as clocks.md section 9 says; a lone time keeps the date that the record shows, and the reverse.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any, Final, cast

from api.appointment_params import a_reason_implies_cancelled
from api.appointments.change_params import CHANGEABLE
from api.decoding import Decoded, canonical
from api.faults import Fault
from api.statuses import INVALID_PARAM
from models.appointment_change import FOUND_BY_CLOCKS, TIME_COLUMNS, Snapshots
from models.clock import END_OF_DAY, SpellingError, Supplied, parse_duration, settle_end_of_day, supersede
from models.clock.frames import DATE_FIELD, ENDPOINTS, FRAMES, TIME_FIELD
from models.clock.supplied import FIELD_NAMES
from tasks.door import TIMES, VISIBLE

STAMPS: Final = frozenset({"updated_at_mt", "updated_at"})
CLOCK_FIELDS: Final = tuple(name for name in FIELD_NAMES if name not in {*STAMPS, "time_duration_read"})
_REASONS: Final = ("on_site_cancel", "same_day_cancel")
_FLAGS: Final = frozenset({"confirmed", "optional"})
"""Of these, null and false look the same to people."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What is filled in: the caller's name, and the photographer's from the user record."""

    name: str
    photographer_name: str | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """What a request makes of a record.

    `wanted` is what it asks for and the record does not show yet, by field; `columns` what is to be written, empty
    when nothing is; `changes` the lines of the history. `visible` is what people were told of and changes.
    `snapshots` are those after the change. `is_retimed`: the times follow anew; `needs_clocks`: the clocks have
    something to look at.
    """

    wanted: Mapping[str, Any]
    columns: Mapping[str, Any]
    changes: tuple[dict[str, Any], ...]
    visible: frozenset[str]
    snapshots: Snapshots
    is_retimed: bool
    needs_clocks: bool
    faults: tuple[Fault, ...] = ()

    def shown(self, row: Mapping[str, Any], decoded: Decoded) -> list[dict[str, Any]]:
        """What the request would change: field by field its value and the stored one."""
        return [
            {
                "field": name,
                "yours": decoded.originals.get(name, spelled(self.wanted[name])),
                "stored": spelled(row[name]),
            }
            for name in CHANGEABLE
            if name in self.wanted
        ]


def spelled(value: object) -> object:
    """A value as answers and the history spell it."""
    return None if value is None else canonical(value)


def changed_record(
    row: Mapping[str, Any],
    decoded: Decoded,
    snapshots: Snapshots,
    filled: Filled,
    now: datetime,
    *,
    shows_all: bool = True,
) -> Changed:
    """What `decoded` makes of `row`, whose snapshots by today's rules are `snapshots`.

    `shows_all` is false while the clocks have not filled in the row and nobody can tell yet what they will.
    """
    at_fault = frozenset(fault.param for fault in decoded.faults)
    given, faults = _given(row, decoded, at_fault)
    cleared = _cleared(decoded, given)
    wanted = {name: value for name, value in given.items() if not _is_shown(name, value, row)}
    wanted |= {name: None for name in cleared if _is_there(name, row, snapshots)}
    faults += _settle_cancelled(wanted, given, row, at_fault)
    if not shows_all:
        faults += _lone_halves(row, wanted, snapshots)
    after = _snapshots(row, wanted, snapshots, decoded)
    is_retimed = "order_id" in wanted or _differ(snapshots, after, TIME_COLUMNS)
    needs_clocks = is_retimed or _differ(snapshots, after, CLOCK_FIELDS)
    columns = {name: value for name, value in wanted.items() if name not in CLOCK_FIELDS}
    _fill(columns, row, filled, now)
    for name in CLOCK_FIELDS:
        if (is_retimed and name in TIME_COLUMNS) or name in wanted:
            columns[name] = getattr(after.effective, name)
    if is_retimed:
        columns |= dict.fromkeys(FOUND_BY_CLOCKS)
    columns |= _stamps(row, given, decoded, filled)
    columns["supplied"] = after.supplied.to_json()
    columns["adopted"] = None if after.adopted is None else after.adopted.to_json()
    return Changed(
        wanted=wanted,
        columns=columns,
        changes=_changes(row, columns),
        visible=_visible(row, columns, is_retimed=is_retimed),
        snapshots=after,
        is_retimed=is_retimed,
        needs_clocks=needs_clocks,
        faults=tuple(faults),
    )


def asked(row: Mapping[str, Any]) -> dict[str, Any]:
    """A record as its callers made it, in canonical spelling: of the clock fields what was supplied."""
    supplied = row["supplied"]
    return {
        name: supplied.get(name) if name in CLOCK_FIELDS else spelled(row.get(name)) for name in CHANGEABLE
    }


def _given(
    row: Mapping[str, Any], decoded: Decoded, at_fault: frozenset[str]
) -> tuple[dict[str, Any], list[Fault]]:
    """The values of fields, and 24:00 as the next midnight: of the date that came with it, else the record's."""
    given = {name: decoded.values[name] for name in CHANGEABLE if name in decoded.values}
    for frame in FRAMES:
        at, day = TIME_FIELD["stop", frame], DATE_FIELD["stop", frame]
        if given.get(at) is END_OF_DAY and day in at_fault:
            del given[at]  # asking for the date once more would mislead
        elif given.get(at) is END_OF_DAY and day not in given and row[day] is not None:
            if row[at] == time(0):
                del given[at]  # it ends with the end of a day already
            else:
                given[day] = row[day]
    faults = [
        Fault(problem.param, INVALID_PARAM, problem.message, problem.hint)
        for problem in settle_end_of_day(given)
    ]
    return given, faults


def _cleared(decoded: Decoded, given: Mapping[str, Any]) -> list[str]:
    """The names in `clear`, with those of the other frames; what is given is not emptied."""
    names: dict[str, None] = {}
    listed = cast("tuple[str, ...]", decoded.values.get("clear", ()))
    for name in listed:
        for fields in (DATE_FIELD, TIME_FIELD):
            for endpoint in ENDPOINTS:
                if name in {fields[endpoint, frame] for frame in FRAMES}:
                    names |= dict.fromkeys(fields[endpoint, frame] for frame in FRAMES)
        if name in ("time_duration", "time_duration_s"):
            names |= dict.fromkeys(("time_duration", "time_duration_s"))
        names[name] = None
    return [name for name in names if name not in given]


def _is_shown(name: str, value: object, row: Mapping[str, Any]) -> bool:
    """Whether the record shows this value already."""
    if name == "updated_at_mt":
        return True  # a stamp is compared by itself
    if name == "time_duration" and row[name] is not None:
        try:
            return parse_duration(row[name]) == value
        except SpellingError:
            return False
    return bool(row[name] == value)


def _is_there(name: str, row: Mapping[str, Any], snapshots: Snapshots) -> bool:
    """Whether a field has something to be emptied; what the clocks filled in is not the record's own."""
    if name in CLOCK_FIELDS:
        return any(
            getattr(one, name) is not None
            for one in (snapshots.supplied, snapshots.adopted)
            if one is not None
        )
    return row[name] is not None


def _settle_cancelled(
    wanted: dict[str, Any], given: Mapping[str, Any], row: Mapping[str, Any], at_fault: frozenset[str]
) -> list[Fault]:
    """The rule of create, for the record as it is to be: only what is said now can contradict."""
    merged: dict[str, object] = {name: wanted.get(name, row[name]) for name in _REASONS}
    if "cancelled" in given:
        merged["cancelled"] = given["cancelled"]
    faults = a_reason_implies_cancelled(merged, at_fault)
    if merged.get("cancelled") is True:
        if row["cancelled"] is True:
            wanted.pop("cancelled", None)
        else:
            wanted["cancelled"] = True
    return faults


def _snapshots(
    row: Mapping[str, Any], wanted: Mapping[str, Any], before: Snapshots, decoded: Decoded
) -> Snapshots:
    """What is supplied from now on. An adopted snapshot stays apart from it until nothing of it is left.

    It holds the wall times that people were told when new rules moved their instants, and for an endpoint that
    this request leaves alone they go on to hold.
    """
    fields: dict[str, Any] = {
        name: value for name, value in wanted.items() if name in CLOCK_FIELDS and value is not None
    }
    if "time_duration" in fields:
        fields["time_duration_read"] = fields["time_duration"]
        fields["time_duration"] = decoded.originals["time_duration"]
    fields |= _other_halves(row, fields, before)
    sent = Supplied(
        **fields,
        updated_at_mt=cast("datetime", decoded.values["updated_at_mt"]),
        updated_at=wanted.get("updated_at"),
    )
    emptied: dict[str, Any] = {
        name: None for name, value in wanted.items() if name in CLOCK_FIELDS and value is None
    }
    if "time_duration" in emptied:
        emptied["time_duration_read"] = None
    supplied = replace(supersede(before.supplied, sent), **emptied)
    if before.adopted is None:
        return Snapshots(supplied, None)
    adopted = replace(supersede(before.adopted, sent), **emptied)
    return Snapshots(supplied, None if adopted == supplied else adopted)


def _lone_halves(row: Mapping[str, Any], wanted: Mapping[str, Any], older: Snapshots) -> list[Fault]:
    """A date without its time, or the reverse, whose other half the clocks are still looking up.

    To go on without it would lose the time of the appointment, which a second later it would not.
    """
    faults = []
    for endpoint in ENDPOINTS:
        for frame in FRAMES:
            day, at = DATE_FIELD[endpoint, frame], TIME_FIELD[endpoint, frame]
            for here, there, fields in ((day, at, TIME_FIELD), (at, day, DATE_FIELD)):
                if wanted.get(here) is None or there in wanted or row[there] is not None:
                    continue
                ends = ENDPOINTS if endpoint == "start" else (endpoint,)
                if any(
                    getattr(older.effective, fields[end, other]) is not None
                    for end in ends
                    for other in FRAMES
                ):
                    message = f"The {there} that goes with this is still being computed."
                    hint = f"Send {there} along, or send the request again in a few seconds."
                    faults.append(Fault(here, INVALID_PARAM, message, hint))
    return faults


def _other_halves(row: Mapping[str, Any], sent: Mapping[str, Any], older: Snapshots) -> dict[str, Any]:
    """For a date sent without its time, or a time without its date, what the record shows of the other.

    Only where nothing supplied in that frame goes with it. A stop time is left alone unless a day was supplied for
    the stop: it is the first such time after the start, wherever that has moved to (clocks.md section 6).
    """
    halves: dict[str, Any] = {}
    snapshots = [one for one in (older.supplied, older.adopted) if one is not None]
    for endpoint in ENDPOINTS:
        for frame in FRAMES:
            day, at = DATE_FIELD[endpoint, frame], TIME_FIELD[endpoint, frame]
            for here, there, fields in ((day, at, TIME_FIELD), (at, day, DATE_FIELD)):
                if here not in sent or there in sent:
                    continue
                if all(getattr(one, there) is not None for one in snapshots):
                    continue
                was_supplied = any(
                    getattr(one, fields[endpoint, other]) is not None for one in snapshots for other in FRAMES
                )
                if (endpoint == "start" or was_supplied) and isinstance(row[there], date | time):
                    halves[there] = row[there]
    return halves


def _differ(before: Snapshots, after: Snapshots, names: tuple[str, ...]) -> bool:
    def value(snapshots: Snapshots, name: str) -> object:
        found: object = getattr(snapshots.effective, name)
        return bool(found) if name == "allday" else found  # not said and said to be false are the same

    return any(value(before, name) != value(after, name) for name in names)


def _fill(columns: dict[str, Any], row: Mapping[str, Any], filled: Filled, now: datetime) -> None:
    """What follows from what was sent (contract.md section 5)."""
    by_whom = ("confirmed_at", "confirmed_by")
    if columns.get("confirmed") is True:
        for name, value in zip(by_whom, (now, filled.name), strict=True):
            if name not in columns and row[name] is None:
                columns[name] = value
    elif "confirmed" in columns and row["confirmed"] is True:
        for name in by_whom:
            columns.setdefault(name, None)
    if "photographer_user_id" in columns:
        columns.setdefault("photographer_name", filled.photographer_name)


def _stamps(
    row: Mapping[str, Any], given: Mapping[str, Any], decoded: Decoded, filled: Filled
) -> dict[str, Any]:
    instant = decoded.values["updated_at_mt"]
    sent_at = given.get("updated_at")
    return {
        "updated_at_mt": decoded.originals["updated_at_mt"],
        "updated_at_mt_instant": instant,
        "updated_at": sent_at if sent_at not in (None, row["updated_at"]) else instant,
        "updated_by": given.get("updated_by", filled.name),
    }


def _changes(row: Mapping[str, Any], columns: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    before, after = asked(row), asked({**row, **columns})
    return tuple(
        {"field": name, "old": before[name], "new": after[name]}
        for name in CHANGEABLE
        if before[name] != after[name]
    )


def _visible(row: Mapping[str, Any], columns: Mapping[str, Any], *, is_retimed: bool) -> frozenset[str]:
    def seen(name: str, value: object) -> object:
        return bool(value) if name in _FLAGS else value

    changed = {
        name for name in VISIBLE if name in columns and seen(name, columns[name]) != seen(name, row[name])
    }
    return frozenset({*changed, *((TIMES,) if is_retimed else ())})
