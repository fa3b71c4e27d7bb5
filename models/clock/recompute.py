"""What happens to a reconciled appointment later: an update, a moved property, new time zone rules.

A plain rerun, and a property whose zone was corrected, need nothing from here: reconcile the snapshot again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from models.clock.discrepancies import Discrepancy
from models.clock.durations import spell_duration
from models.clock.frames import DATE_FIELD, DATE_FIELDS, ENDPOINTS, FRAMES, TIME_FIELD, TIME_FIELDS, Endpoint
from models.clock.reconcile import reconcile
from models.clock.result import Basis, Reconciliation, Value
from models.clock.spellings import spell_wall
from models.clock.supplied import FIELD_NAMES, Supplied
from models.clock.tz import Clock, zone_clock
from models.clock.zones import ZoneFinding

# Contradictions that a change of rules alone can make or unmake.
_MADE_BY_RULES: Final = frozenset(
    {"frame_mismatch", "nonexistent_time", "duration_mismatch", "stop_before_start"}
)
_STEPS: Final = (timedelta(minutes=30), timedelta(hours=1))


def supersede(older: Supplied, sent: Supplied) -> Supplied:
    """The snapshot after an update that sent only ``sent``.

    Newly sent fields of an endpoint take the place of older ones of that endpoint in the *other* frames,
    which would otherwise win with a time that nobody means any more. Older fields of the same frame stay, so
    that a new time goes with the date it had. One duration parameter takes the place of the other likewise.
    """
    changes: dict[str, Any] = {
        name: value for name in FIELD_NAMES if (value := getattr(sent, name)) is not None
    }
    for endpoint in ENDPOINTS:
        names = {frame: (DATE_FIELD[endpoint, frame], TIME_FIELD[endpoint, frame]) for frame in FRAMES}
        sent_frames = {frame for frame in FRAMES if any(name in changes for name in names[frame])}
        if sent_frames:
            for frame in FRAMES:
                if frame not in sent_frames:
                    changes.update(dict.fromkeys(names[frame]))
    if "time_duration" in changes:
        changes.setdefault("time_duration_s", None)
    elif "time_duration_s" in changes:
        changes.update(time_duration=None, time_duration_read=None)
    if "updated_at_mt" in changes:
        changes.setdefault("updated_at", None)
    return replace(older, **changes)


@dataclass(frozen=True, slots=True)
class Stored:
    """What an appointment's row holds from its last reconciliation.

    ``columns`` are the twelve date and time columns and ``time_duration_s``; missing ones count as null.
    ``discrepancies`` are the ones still open, if known: they tell a local time that never agreed with its UTC
    time from one that the new rules parted from it.
    """

    columns: Mapping[str, Value]
    discrepancies: tuple[Discrepancy, ...] | None = None

    def wall(self, endpoint: Endpoint, frame: str) -> datetime | None:
        """The stored wall time of one endpoint in one frame, if both its columns are filled."""
        day = self.columns.get(f"date_{endpoint}_{frame}")
        at = self.columns.get(f"time_{endpoint}_{frame}")
        if isinstance(day, date) and isinstance(at, time):
            return datetime.combine(day, at)
        return None

    def instant(self, endpoint: Endpoint) -> datetime | None:
        """The stored instant, in UTC."""
        wall = self.wall(endpoint, "utc")
        return None if wall is None else wall.replace(tzinfo=UTC)

    @property
    def end(self) -> datetime | None:
        """The stop, or the start where there is no stop."""
        return self.instant("stop") or self.instant("start")


@dataclass(frozen=True, slots=True)
class Recomputed:
    """The outcome under new rules, and the snapshot to keep from now on.

    ``supplied`` differs from the old snapshot only for endpoints that moved: their local wall time has become
    the supplied one. Keeping the old snapshot would bring the old UTC time back with the next rerun.
    """

    reconciliation: Reconciliation
    supplied: Supplied


def recompute_for_tzdata(
    supplied: Supplied, finding: ZoneFinding, office_zone: str, stored: Stored, *, now: datetime
) -> Recomputed:
    """Reconcile again because tzdata changed; ``now`` is an aware instant.

    If the stored stop (or start, without a stop) is in the future, local wall time and duration stay, because
    that is what people were told, and UTC and office times move, even supplied ones. Each endpoint that moved
    is reported as ``tz_rules_changed``. An appointment of the past stays as it was stored.
    """
    if now.tzinfo is None:
        raise ValueError("now must be an instant with a time zone.")
    plain = reconcile(supplied, finding, office_zone)
    if supplied.allday:
        return Recomputed(plain, supplied)
    end = stored.end
    if end is not None and end <= now:
        return Recomputed(_frozen(plain, stored, supplied), supplied)
    kept = supplied
    if finding.zone is not None:
        kept = _by_the_wall(supplied, plain, stored, zone_clock(finding.zone.name))
    again = plain if kept is supplied else reconcile(kept, finding, office_zone)
    moved = tuple(_moves(again, stored))
    return Recomputed(replace(again, discrepancies=again.discrepancies + moved), kept)


def _moves(again: Reconciliation, stored: Stored) -> Iterable[Discrepancy]:
    for endpoint, instant in (("start", again.start_instant), ("stop", again.stop_instant)):
        name: Endpoint = "start" if endpoint == "start" else "stop"
        old = stored.wall(name, "utc")
        if instant is None or old is None:
            continue
        new = instant.replace(tzinfo=None)
        if new != old:
            yield Discrepancy("tz_rules_changed", name, "utc", spell_wall(old), spell_wall(new))


def _by_the_wall(supplied: Supplied, plain: Reconciliation, stored: Stored, local: Clock) -> Supplied:
    """The snapshot with the stored local wall as the authority of every endpoint that the rules moved."""
    changes: dict[str, Any] = {}
    bases: dict[Endpoint, Basis | None] = {"start": plain.start_basis, "stop": plain.stop_basis}
    settled = {endpoint: _moved_wall(endpoint, stored, local) for endpoint in ENDPOINTS}
    if settled["start"] is None and settled["stop"] is None:
        return supplied
    for endpoint in ENDPOINTS:
        wall = settled[endpoint]
        if wall is None:
            continue
        for frame in FRAMES:
            if frame != "local":
                changes.update({DATE_FIELD[endpoint, frame]: None, TIME_FIELD[endpoint, frame]: None})
        if bases[endpoint] in ("utc", "office"):
            changes[DATE_FIELD[endpoint, "local"]] = wall.date()
            changes[TIME_FIELD[endpoint, "local"]] = wall.time()
    return replace(supplied, **changes)


def _moved_wall(endpoint: Endpoint, stored: Stored, local: Clock) -> datetime | None:
    """The stored local wall, if by today's rules it is no longer the stored instant."""
    wall, instant = stored.wall(endpoint, "local"), stored.instant(endpoint)
    if wall is None or instant is None or instant in local.read(wall).candidates:
        return None
    for known in stored.discrepancies or ():
        # Supplied UTC and local times that never agreed: the rules did not part them.
        if known.kind == "frame_mismatch" and known.endpoint == endpoint and known.frame == "local":
            return None
    return wall


def _frozen(plain: Reconciliation, stored: Stored, supplied: Supplied) -> Reconciliation:
    """The stored columns, with what a rerun would say of them as far as the rules have no part in it."""
    columns = {
        name: stored.columns[name]
        for name in (*DATE_FIELDS, *TIME_FIELDS, "time_duration_s")
        if name in stored.columns
    }
    values = {**plain.values, **columns}
    seconds = values["time_duration_s"]
    if supplied.time_duration is None:
        values["time_duration"] = spell_duration(seconds) if isinstance(seconds, int) else None
    if stored.discrepancies is not None:
        found = stored.discrepancies
    elif values == plain.values:
        found = tuple(item for item in plain.discrepancies if not _may_be_made_by_rules(item))
    else:
        found = tuple(item for item in plain.discrepancies if item.kind not in _MADE_BY_RULES)
    return replace(
        plain,
        values=values,
        discrepancies=found,
        start_instant=stored.instant("start"),
        stop_instant=stored.instant("stop"),
    )


def _may_be_made_by_rules(item: Discrepancy) -> bool:
    """Whether two supplied times may have agreed before the rules changed.

    Where both were supplied, unchanged columns prove nothing, as nothing could move them. Rules part them by
    a step of daylight-saving time; anything else was a contradiction from the beginning.
    """
    if item.kind != "frame_mismatch" or item.supplied is None or item.expected is None:
        return False
    supplied, expected = (_moment(text) for text in (item.supplied, item.expected))
    if supplied is None or expected is None:
        return False
    apart = abs(supplied - expected)
    # Lone times have no day, so 23:30 and 00:30 are an hour apart as well.
    return apart in _STEPS or (" " not in item.supplied and timedelta(days=1) - apart in _STEPS)


def _moment(text: str) -> datetime | None:
    """The wall time of a discrepancy's text; of a lone time, on any day; of a lone date, none."""
    if " " in text:
        return datetime.fromisoformat(text)
    return datetime.combine(date.min, time.fromisoformat(text)) if ":" in text else None
