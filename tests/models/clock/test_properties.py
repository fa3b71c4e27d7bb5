"""What holds for every US zone and the years 2000 to 2099, checked against ``whenever`` as a second opinion."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tzdata
import whenever
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from models.clock import Supplied, Zone, ZoneFinding, reconcile
from models.clock.frames import DATE_FIELD, DATE_FIELDS, ENDPOINTS, FRAMES, TIME_FIELD, TIME_FIELDS
from models.clock.supplied import FIELD_NAMES
from models.clock.tz import offset_s, utc_to_wall, wall_to_instant

US_ZONES = (
    "America/Adak",
    "America/Anchorage",
    "America/Boise",
    "America/Chicago",
    "America/Denver",
    "America/Detroit",
    "America/Indiana/Indianapolis",
    "America/Indiana/Knox",
    "America/Indiana/Marengo",
    "America/Indiana/Petersburg",
    "America/Indiana/Tell_City",
    "America/Indiana/Vevay",
    "America/Indiana/Vincennes",
    "America/Indiana/Winamac",
    "America/Juneau",
    "America/Kentucky/Louisville",
    "America/Kentucky/Monticello",
    "America/Los_Angeles",
    "America/Menominee",
    "America/Metlakatla",
    "America/New_York",
    "America/Nome",
    "America/North_Dakota/Beulah",
    "America/North_Dakota/Center",
    "America/North_Dakota/New_Salem",
    "America/Phoenix",
    "America/Puerto_Rico",
    "America/Sitka",
    "America/St_Thomas",
    "America/Yakutat",
    "Pacific/Guam",
    "Pacific/Honolulu",
    "Pacific/Pago_Pago",
    "Pacific/Saipan",
)

FIRST = datetime(2000, 1, 3, tzinfo=UTC)
LAST = datetime(2099, 12, 20, tzinfo=UTC)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

zones = st.sampled_from(US_ZONES)
instants = st.integers(int(FIRST.timestamp()), int(LAST.timestamp())).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)
spans = st.integers(1, 604_800)


@pytest.fixture(autouse=True, scope="module")
def the_second_opinion_reads_the_same_rules() -> Iterator[None]:
    before = whenever.get_tzpath()
    whenever.reset_tzpath([str(Path(tzdata.__file__).parent / "zoneinfo")])
    whenever.clear_tzcache()
    yield
    whenever.reset_tzpath(before)
    whenever.clear_tzcache()


@st.composite
def instants_near_changes(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and an instant within two hours of one of its clock changes (or any, where it has none)."""
    zone = draw(zones)
    moment = draw(instants)
    step = timedelta(days=240)
    low, high = moment, min(moment + step, LAST)
    if _offset(zone, low) != _offset(zone, high):
        while high - low > timedelta(seconds=1):
            middle = low + (high - low) // 2
            middle = middle.replace(microsecond=0)
            if _offset(zone, middle) == _offset(zone, low):
                low = middle
            else:
                high = middle
    return zone, high + timedelta(seconds=draw(st.integers(-7200, 7200)))


def _offset(zone: str, instant: datetime) -> int:
    return offset_s(utc_to_wall(instant, zone), instant)


def finding(zone: str) -> ZoneFinding:
    return ZoneFinding(Zone(zone, "property"))


def pair(endpoint: str, frame: str, wall: datetime) -> dict[str, Any]:
    return {f"date_{endpoint}_{frame}": wall.date(), f"time_{endpoint}_{frame}": wall.time()}


def by_whenever(wall: datetime, zone: str, which: str) -> datetime:
    zoned = whenever.PlainDateTime(wall).assume_tz(zone, disambiguation=which)  # type: ignore[arg-type]
    return zoned.to_instant().to_stdlib()


def shown_by_whenever(instant: datetime, zone: str) -> datetime:
    return whenever.Instant(instant).to_tz(zone).to_plain().to_stdlib()


@QUICK
@given(instants_near_changes())
def test_rendering_agrees_with_the_second_opinion(case: tuple[str, datetime]) -> None:
    zone, instant = case
    assert utc_to_wall(instant, zone) == shown_by_whenever(instant, zone)


@QUICK
@given(instants_near_changes(), st.integers(-7200, 7200))
def test_gaps_go_forward_and_folds_are_the_earlier(case: tuple[str, datetime], shift: int) -> None:
    zone, instant = case
    wall = utc_to_wall(instant, zone) + timedelta(seconds=shift)
    reading = wall_to_instant(wall, zone)
    assert reading.instant == by_whenever(wall, zone, "compatible")
    if reading.kind == "fold":
        assert reading.instant == by_whenever(wall, zone, "earlier")
        assert reading.later == by_whenever(wall, zone, "later")
        assert utc_to_wall(reading.instant, zone) == wall
    elif reading.kind == "gap":
        assert reading.shifted == shown_by_whenever(reading.instant, zone)
        assert reading.shifted > wall
        with pytest.raises(whenever.SkippedTime):
            by_whenever(wall, zone, "raise")
    else:
        assert by_whenever(wall, zone, "raise") == reading.instant


@QUICK
@given(instants_near_changes(), spans, zones, st.sampled_from(FRAMES))
def test_every_derived_frame_denotes_the_same_instant(
    case: tuple[str, datetime], seconds: int, office: str, frame: str
) -> None:
    zone, instant = case
    names = {"utc": "UTC", "local": zone, "office": office}
    wall = instant.replace(tzinfo=None) if frame == "utc" else utc_to_wall(instant, names[frame])
    supplied = Supplied(time_duration_s=seconds, **pair("start", frame, wall))
    outcome = reconcile(supplied, finding(zone), office)
    assert outcome.start in ("exact", "fold")
    assert outcome.discrepancies == ()
    for endpoint, moment in (("start", outcome.start_instant), ("stop", outcome.stop_instant)):
        assert moment is not None
        for other in FRAMES:
            shown = datetime.combine(
                outcome.values[DATE_FIELD[endpoint, other]],  # type: ignore[index,arg-type]
                outcome.values[TIME_FIELD[endpoint, other]],  # type: ignore[index,arg-type]
            )
            expected = (
                moment.replace(tzinfo=None) if other == "utc" else shown_by_whenever(moment, names[other])
            )
            assert shown == expected


@QUICK
@given(instants_near_changes(), spans)
def test_duration_is_elapsed_time(case: tuple[str, datetime], seconds: int) -> None:
    zone, instant = case
    supplied = Supplied(time_duration_s=seconds, **pair("start", "utc", instant.replace(tzinfo=None)))
    outcome = reconcile(supplied, finding(zone), "America/Denver")
    later = whenever.Instant(instant).to_tz(zone) + whenever.TimeDelta(seconds=seconds)
    assert outcome.stop_instant == later.to_instant().to_stdlib()
    assert outcome.stop == "derived"
    both = Supplied(
        **pair("start", "utc", instant.replace(tzinfo=None)),
        **pair("stop", "utc", instant.replace(tzinfo=None) + timedelta(seconds=seconds)),
    )
    assert reconcile(both, finding(zone), "America/Denver").values["time_duration_s"] == seconds


@QUICK
@given(instants_near_changes(), spans, zones)
def test_a_complete_result_fed_back_changes_nothing(
    case: tuple[str, datetime], seconds: int, office: str
) -> None:
    zone, instant = case
    wall = utc_to_wall(instant, zone)
    first = reconcile(
        Supplied(time_duration_s=seconds, **pair("start", "local", wall)), finding(zone), office
    )
    full = Supplied(
        **{name: first.values.get(name) for name in (*DATE_FIELDS, *TIME_FIELDS, "time_duration_s")}
    )  # type: ignore[arg-type]
    second = reconcile(full, finding(zone), office)
    assert second.values == first.values
    assert second.discrepancies == ()
    assert (second.start, second.stop) == ("exact", "exact")


@st.composite
def anything_supplied(draw: st.DrawFn) -> Supplied:
    """Any mixture of fields, mostly of the same few hours, so that they touch each other."""
    zone, instant = draw(instants_near_changes())
    values: dict[str, Any] = {}
    for endpoint in ENDPOINTS:
        for frame in FRAMES:
            moved = instant + timedelta(minutes=15 * draw(st.integers(-8, 12)))
            wall = moved.replace(tzinfo=None) if frame == "utc" else utc_to_wall(moved, zone)
            given_parts = draw(st.sampled_from(("", "d", "t", "dt", "dt")))
            if "d" in given_parts:
                values[DATE_FIELD[endpoint, frame]] = wall.date()
            if "t" in given_parts:
                values[TIME_FIELD[endpoint, frame]] = wall.time()
    values["allday"] = draw(st.sampled_from((None, None, None, True)))
    values["time_duration_s"] = draw(st.none() | st.sampled_from((900, 3600, 5400)))
    return Supplied(**values)


@settings(QUICK, max_examples=300)
@given(anything_supplied(), st.none() | zones, zones)
def test_supplied_values_are_never_altered(supplied: Supplied, zone: str | None, office: str) -> None:
    where = finding(zone) if zone is not None else ZoneFinding()
    outcome = reconcile(supplied, where, office)
    for name in FIELD_NAMES:
        value = getattr(supplied, name)
        if value is not None and name in outcome.values:
            assert outcome.values[name] == value
    assert reconcile(supplied, where, office) == outcome
    assert len(set(outcome.notices)) == len(outcome.notices)
    for endpoint, mark in (("start", outcome.start), ("stop", outcome.stop)):
        columns = [
            outcome.values[name] for name in (*DATE_FIELDS, *TIME_FIELDS) if name.split("_")[1] == endpoint
        ]
        assert (mark is None) == all(value is None for value in columns)


@QUICK
@given(
    instants_near_changes(),
    spans,
    zones,
    st.sets(st.sampled_from((*DATE_FIELDS, *TIME_FIELDS))),
    st.booleans(),
)
def test_any_part_of_a_consistent_record_gives_the_record_back(
    case: tuple[str, datetime], seconds: int, office: str, dropped: set[str], keep_duration: bool
) -> None:
    zone, instant = case
    names = {"local": zone, "office": office}
    full: dict[str, Any] = {"time_duration_s": seconds}
    for endpoint, moment in (("start", instant), ("stop", instant + timedelta(seconds=seconds))):
        for frame in FRAMES:
            wall = moment.replace(tzinfo=None) if frame == "utc" else utc_to_wall(moment, names[frame])
            full.update(pair(endpoint, frame, wall))
    # The UTC start, and either the duration or the UTC stop, are enough to tell everything else.
    needed = {"date_start_utc", "time_start_utc"}
    needed |= {"time_duration_s"} if keep_duration else {"date_stop_utc", "time_stop_utc"}
    part = {name: value for name, value in full.items() if name in needed or name not in dropped}
    outcome = reconcile(Supplied(**part), finding(zone), office)
    assert {name: outcome.values[name] for name in full} == full
    assert outcome.discrepancies == ()
    assert outcome.assumed_folds == ()


@QUICK
@given(instants_near_changes(), spans)
def test_an_unknown_zone_is_served_by_its_offset(case: tuple[str, datetime], seconds: int) -> None:
    zone, instant = case
    offset = _offset(zone, instant)
    assume(offset % 900 == 0)
    supplied = Supplied(
        time_duration_s=seconds,
        **pair("start", "utc", instant.replace(tzinfo=None)),
        **pair("start", "local", utc_to_wall(instant, zone)),
    )
    outcome = reconcile(supplied, ZoneFinding(), "America/Denver")
    assert outcome.offsets == {"start": offset, "stop": offset}
    assert outcome.start == "exact"
    assert outcome.stop == "inferred"
    stop = instant + timedelta(seconds=seconds + offset)
    assert outcome.values["date_stop_local"] == stop.date()
    assert outcome.values["time_stop_local"] == stop.time()
    assert outcome.zone_name is None
