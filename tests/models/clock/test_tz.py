"""Section 11: the rules of time zones come from the pinned package, through one module."""

from __future__ import annotations

import re
import zoneinfo
from datetime import UTC, datetime
from pathlib import Path

import pytest
import tzdata

from models.clock import is_zone_name, reconcile, tzdata_version, utc_to_wall, wall_to_instant, zone_names
from models.clock.supplied import Supplied
from models.clock.tz import fixed_clock
from models.clock.zones import NO_ZONE

CLOCK = Path(__file__).parents[3] / "models" / "clock"


def test_the_files_of_the_operating_system_are_not_looked_at() -> None:
    assert zoneinfo.TZPATH == ()
    assert tzdata_version() == tzdata.IANA_VERSION


@pytest.mark.parametrize(
    ("zone", "hour"),
    [
        ("America/Vancouver", 11),  # British Columbia
        ("America/Edmonton", 12),  # Alberta
        ("America/Inuvik", 12),  # Northwest Territories
        ("America/Yellowknife", 12),
        ("America/Winnipeg", 13),  # Manitoba
    ],
)
def test_the_rules_know_who_stopped_changing_clocks_in_2026(zone: str, hour: int) -> None:
    january, july = datetime(2027, 1, 12, 18, tzinfo=UTC), datetime(2027, 7, 12, 18, tzinfo=UTC)
    assert (utc_to_wall(january, zone).hour, utc_to_wall(july, zone).hour) == (hour, hour)


def test_an_outcome_names_the_rules_that_it_was_made_by() -> None:
    assert reconcile(Supplied(), NO_ZONE, "America/Denver").tzdata_version == tzdata.IANA_VERSION


def test_only_one_module_reads_wall_times() -> None:
    # display.py shows instants, which has neither gaps nor folds; a wall becomes an instant in tz.py alone.
    touching = {path.name for path in CLOCK.glob("*.py") if re.search(r"\bzoneinfo\b", path.read_text())}
    assert touching <= {"tz.py", "display.py"}
    reading = {path.name for path in CLOCK.glob("*.py") if "utcoffset" in path.read_text()}
    assert reading == {"tz.py"}


@pytest.mark.parametrize(
    "name", ["Etc/UTC", "Etc/GMT+7", "Factory", "Napakiak", "", "America", "../etc/passwd"]
)
def test_names_that_are_no_zone_of_a_place(name: str) -> None:
    assert not is_zone_name(name)


def test_old_spellings_of_zones_are_zones() -> None:
    assert {"US/Mountain", "America/Indianapolis"} <= zone_names()


def test_a_reading_tells_gap_and_fold_apart() -> None:
    gap = wall_to_instant(datetime(2026, 3, 8, 2, 30), "America/Denver")
    fold = wall_to_instant(datetime(2026, 11, 1, 1, 30), "America/Denver")
    plain = wall_to_instant(datetime(2026, 7, 4, 10), "America/Denver")
    assert (gap.kind, gap.shifted) == ("gap", datetime(2026, 3, 8, 3, 30))
    assert (fold.kind, len(fold.candidates)) == ("fold", 2)
    assert (plain.kind, plain.candidates) == ("exact", (datetime(2026, 7, 4, 16, tzinfo=UTC),))


def test_instants_are_aware_and_walls_are_not() -> None:
    with pytest.raises(ValueError, match="none"):
        utc_to_wall(datetime(2026, 7, 4), "America/Denver")
    with pytest.raises(ValueError, match="has one"):
        wall_to_instant(datetime(2026, 7, 4, tzinfo=UTC), "America/Denver")


def test_an_unknown_office_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="IANA"):
        reconcile(Supplied(), NO_ZONE, "Mountain Time")


def test_a_fixed_clock_has_no_seasons() -> None:
    assert fixed_clock(-25200).read(datetime(2026, 3, 8, 2, 30)).kind == "exact"
