"""Why each time of an appointment is what it is, in sentences for a dispatcher or a developer."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from models.clock.discrepancies import Discrepancy, Kind
from models.clock.frames import DATE_FIELD, ENDPOINTS, FRAMES, TIME_FIELD, Endpoint, Frame
from models.clock.result import Basis, Reconciliation, Resolution
from models.clock.spellings import spell_wall
from models.clock.supplied import Supplied
from models.clock.tz import fixed_clock, offset_s, zone_clock

_WHERE: Final[dict[Frame, str]] = {
    "utc": "in UTC",
    "local": "on the property's clock",
    "office": "on the office's clock",
}
_SOURCE: Final = {
    "property": "the property's record names it",
    "latlng": "the property's position lies in it",
    "zip": "the property's ZIP code lies in it",
}


def explain(supplied: Supplied, reconciliation: Reconciliation) -> list[str]:
    """The reasons behind ``reconciliation``, which must be the outcome of ``supplied``.

    First the zone, then start and stop, then the clock changes in between, then every contradiction.
    """
    sentences = [_zone(supplied, reconciliation)]
    for endpoint in ENDPOINTS:
        sentences += _endpoint(supplied, reconciliation, endpoint)
    sentences += _duration(supplied, reconciliation)
    sentences += _clock_change(reconciliation)
    sentences += [explain_discrepancy(item) for item in reconciliation.discrepancies]
    return sentences


def _zone(supplied: Supplied, outcome: Reconciliation) -> str:
    if supplied.allday:
        return "The appointment takes whole days, so no time zone matters to it."
    if outcome.zone_name is not None:
        return f"Local times are in {outcome.zone_name}: {_SOURCE[outcome.zone_source]}."
    if outcome.offsets:
        offsets = " and ".join(
            f"{_offset(seconds)} at the {endpoint}" for endpoint, seconds in outcome.offsets.items()
        )
        return (
            "The property's time zone is not known; the supplied local times give away the offset from UTC:"
            f" {offsets}."
        )
    return (
        "The property's time zone is not known, so local times are not turned into UTC and office times, nor"
        " those into local ones."
    )


def _endpoint(supplied: Supplied, outcome: Reconciliation, endpoint: Endpoint) -> list[str]:
    mark: Resolution | None = outcome.start if endpoint == "start" else outcome.stop
    basis: Basis | None = outcome.start_basis if endpoint == "start" else outcome.stop_basis
    instant = outcome.start_instant if endpoint == "start" else outcome.stop_instant
    name = endpoint.capitalize()
    if mark is None:
        return [f"{name}: nothing was supplied and nothing tells it."]
    if mark == "allday":
        same = " The same as the start, since no stop was supplied." if _defaulted(supplied, endpoint) else ""
        return [
            f"{name}: the day {_value(outcome, endpoint, 'local', date_only=True)}, in every frame.{same}"
        ]
    if mark == "unresolved" and instant is None:
        local = (outcome.values[DATE_FIELD[endpoint, "local"]], outcome.values[TIME_FIELD[endpoint, "local"]])
        if outcome.zone_name is None and None not in local:
            how = f", derived as {_sum(supplied, endpoint)}" if basis == "duration" else ""
            return [
                f"{name}: {_value(outcome, endpoint, 'local')} on the property's clock{how}; UTC and office"
                " times need its zone."
            ]
        return [
            f"{name}: time to be decided. No date and time in the same frame tell the moment, and a date is"
            " never invented."
        ]
    sentences = [f"{name}: {_reason(supplied, outcome, endpoint, basis)}"]
    if mark == "gap":
        sentences.append(
            f"{name}: the clocks are set forward past the typed time, so it counts as that much later."
        )
    elif mark == "fold":
        sentences.append(
            f"{name}: the clocks are set back and show this time twice; nothing tells which is meant, so the"
            " first is assumed. Please check."
        )
    elif mark == "exact" and (picked := _picked(outcome, endpoint, basis)) is not None:
        sentences.append(picked)
    elif mark == "inferred" and basis != "duration" and _is_bare(supplied, endpoint):
        sentences.append(f"{name}: its date was not supplied; it is the first such time after the start.")
    elif mark == "inferred":
        sentences.append(f"{name}: its local time rests on the offset of the other end of the appointment.")
    filled = [
        _WHERE[frame] for frame in FRAMES if _is_filled(supplied, outcome, endpoint, frame) and frame != basis
    ]
    if filled and basis != "duration":
        sentences.append(f"{name}: filled in from that: the time {_list(filled)}.")
    return sentences


def _reason(supplied: Supplied, outcome: Reconciliation, endpoint: Endpoint, basis: Basis | None) -> str:
    if basis == "duration":
        return f"{_wall(outcome, endpoint)}, derived as {_sum(supplied, endpoint)}."
    why = {
        "utc": "UTC comes first because it can mean only one moment",
        "local": "without a complete UTC time, the property's clock counts before the office's",
        "office": "neither a UTC time nor a readable local time was supplied in full",
    }[basis or "utc"]
    frame: Frame = "office" if basis == "office" else "local" if basis == "local" else "utc"
    return f"{_value(outcome, endpoint, frame)} {_WHERE[frame]} decides; {why}."


def _sum(supplied: Supplied, endpoint: Endpoint) -> str:
    length = _length(supplied.duration_s or 0)
    return f"start + {length} elapsed" if endpoint == "stop" else f"stop − {length} elapsed"


def _picked(outcome: Reconciliation, endpoint: Endpoint, basis: Basis | None) -> str | None:
    """Which of two equal hours it is, where other values told."""
    zone = outcome.office_zone if basis == "office" else outcome.zone_name if basis == "local" else None
    instant = outcome.start_instant if endpoint == "start" else outcome.stop_instant
    if zone is None or instant is None:
        return None
    clock = zone_clock(zone)
    candidates = clock.read(clock.wall(instant)).candidates
    if len(candidates) == 1:
        return None
    which = "first" if instant == candidates[0] else "second"
    return f"{endpoint.capitalize()}: the clocks show this time twice; the other times tell that the {which} is meant."


def _duration(supplied: Supplied, outcome: Reconciliation) -> list[str]:
    seconds = outcome.values["time_duration_s"]
    if supplied.duration_s is None and isinstance(seconds, int):
        return [f"Duration: {_length(seconds)}, the time elapsed from start to stop."]
    return []


def _clock_change(outcome: Reconciliation) -> list[str]:
    """Whether the clocks at the property change between start and stop."""
    start, stop = outcome.start_instant, outcome.stop_instant
    if outcome.zone_name is None or start is None or stop is None or stop <= start:
        return []
    clock = zone_clock(outcome.zone_name)
    step = offset_s(clock.wall(stop), stop) - offset_s(clock.wall(start), start)
    if step == 0:
        return []
    way = "forward" if step > 0 else "back"
    shown = clock.wall(stop) - clock.wall(start)
    return [
        f"In between the clocks at the property go {way} by {_length(abs(step))}, so they show"
        f" {_length(int(shown.total_seconds()))} while {_length(int((stop - start).total_seconds()))} pass."
    ]


_CONTRADICTION: Final[dict[Kind, str]] = {
    "frame_mismatch": (
        "{end}: {supplied} was supplied {frame}, but the deciding time makes it {expected}. The supplied"
        " value was kept."
    ),
    "nonexistent_time": (
        "{end}: {supplied} does not exist {frame}, which jumps over it; it is read as {expected}. The"
        " supplied value was kept."
    ),
    "duration_mismatch": (
        "Duration: {supplied} was supplied, but start and stop are {expected} apart. The stop counts;"
        " both were kept."
    ),
    "duration_conflict": (
        "Duration: time_duration says {supplied} and time_duration_s {expected}; the seconds count."
    ),
    "stop_before_start": "The stop is not after the start. Nothing was moved.",
    "updated_at_mismatch": (
        "updated_at was supplied as {supplied}, but updated_at_mt is {expected}. The supplied value was kept."
    ),
    "zone_source_mismatch": (
        "{losers} the property in {supplied}, and {winner} puts it in {expected}; the clocks"
        " of the two differ. {expected} counts."
    ),
    "implausible_offset": (
        "{end}: the local time would be {supplied} from UTC, which no clock is, so nothing was read from it."
    ),
    "offset_inconsistent": (
        "{end}: the local time would be {supplied} from UTC, but the start's is {expected}; the start's"
        " was used."
    ),
    "allday_with_time": (
        "{end}: a time ({supplied} {frame}) was supplied with an all-day appointment. It was kept and not"
        " used."
    ),
    "allday_with_duration": (
        "A duration ({supplied}) was supplied with an all-day appointment. It was kept and not used."
    ),
    "window_unit_suspect": "Window times {supplied} are seconds after midnight; these look like minutes.",
    "window_time_reversed": "Window times {supplied} do not end after they begin.",
    "window_date_reversed": "Window dates {supplied} end before they begin.",
    "tz_rules_changed": (
        "{end}: the rules of the time zone changed. The time at the property stays; UTC moved from"
        " {supplied} to {expected}."
    ),
    "assumed_fold": "{end}: {supplied} occurs twice {frame}; the first was assumed.",
}
_NAMES: Final = {
    "property": "the zone's name in its record",
    "latlng": "its position",
    "zip": "its ZIP code",
    "": "the one that counts",
}
_IN_SECONDS: Final = ("duration_mismatch", "duration_conflict", "allday_with_duration")
_AS_OFFSETS: Final = ("implausible_offset", "offset_inconsistent")


def explain_discrepancy(item: Discrepancy) -> str:
    """One contradiction as a sentence, for a notification."""

    def spelled(text: str | None) -> str:
        if text is not None and item.kind in _IN_SECONDS:
            return _length(int(text))
        if text is not None and item.kind in _AS_OFFSETS:
            return _offset(int(text))
        return text or ""

    winner, *losers = (_NAMES[source] for source in item.sources or ("",))
    return _CONTRADICTION[item.kind].format(
        winner=winner,
        losers=_capital(_list(losers)) + (" puts" if len(losers) == 1 else " put")
        if losers
        else "Another source puts",
        end=(item.endpoint or "").capitalize(),
        frame=_WHERE[item.frame] if item.frame is not None else "",
        supplied=spelled(item.supplied),
        expected=spelled(item.expected),
    )


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _value(outcome: Reconciliation, endpoint: Endpoint, frame: Frame, *, date_only: bool = False) -> str:
    day = outcome.values[DATE_FIELD[endpoint, frame]]
    at = outcome.values[TIME_FIELD[endpoint, frame]]
    return f"{day}" if date_only or at is None else f"{day} {at}"


def _wall(outcome: Reconciliation, endpoint: Endpoint) -> str:
    """What the clock at the property, else the office's, shows at the moment; columns may hold other values."""
    instant: datetime | None = outcome.start_instant if endpoint == "start" else outcome.stop_instant
    if instant is None:
        return ""
    if outcome.zone_name is not None:
        return spell_wall(zone_clock(outcome.zone_name).wall(instant))
    if endpoint in outcome.offsets:
        return spell_wall(fixed_clock(outcome.offsets[endpoint]).wall(instant))
    return f"{spell_wall(zone_clock(outcome.office_zone).wall(instant))} {_WHERE['office']}"


def _is_filled(supplied: Supplied, outcome: Reconciliation, endpoint: Endpoint, frame: Frame) -> bool:
    names = (DATE_FIELD[endpoint, frame], TIME_FIELD[endpoint, frame])
    return any(getattr(supplied, name) is None and outcome.values[name] is not None for name in names)


def _is_bare(supplied: Supplied, endpoint: Endpoint) -> bool:
    return not any(
        supplied.given_date(endpoint, frame) is not None and supplied.given_time(endpoint, frame) is not None
        for frame in FRAMES
    )


def _defaulted(supplied: Supplied, endpoint: Endpoint) -> bool:
    return endpoint == "stop" and all(supplied.given_date("stop", frame) is None for frame in FRAMES)


def _length(seconds: int) -> str:
    sign = "−" if seconds < 0 else ""
    hours, rest = divmod(abs(seconds), 3600)
    parts = [(hours, "h"), (rest // 60, "m"), (rest % 60, "s")]
    return sign + (" ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s")


def _offset(seconds: int) -> str:
    sign = "−" if seconds < 0 else "+"
    hours, rest = divmod(abs(seconds), 3600)
    tail = f":{rest % 60:02d}" if rest % 60 else ""
    return f"{sign}{hours:02d}:{rest // 60:02d}{tail}"


def _list(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
