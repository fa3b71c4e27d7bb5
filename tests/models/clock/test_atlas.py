"""The atlas by itself, over tables that are wrong in the ways in which the real ones are."""

from typing import Any

import pytest

from models.clock.atlas import Atlas

DENVER, BOISE = "America/Denver", "America/Boise"


class Boundaries:
    """A finder that knows two places, and one that is no zone; it remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, float]] = []

    def timezone_at(self, *, lat: float, lng: float) -> str | None:
        self.asked.append((lat, lng))
        known = {(39.7, -105.0): DENVER, (43.6, -116.2): BOISE, (1.0, 2.0): "Atlantis/Capital"}
        return known.get((lat, lng), DENVER if abs(lat) == 90 or abs(lng) == 180 else None)


class ZipTable:
    """Rows by ZIP, as the library gives them."""

    def __init__(self, **rows: list[dict[str, Any]]) -> None:
        self.rows = {name.removeprefix("zip"): found for name, found in rows.items()}
        self.asked: list[str] = []

    def matching(self, zip_code: str) -> list[dict[str, Any]]:
        self.asked.append(zip_code)
        return self.rows.get(zip_code, [])


def row(lat: str | None, long: str | None, timezone: str | None) -> dict[str, Any]:
    return {"lat": lat, "long": long, "timezone": timezone}


@pytest.mark.parametrize(
    ("lat", "lng", "zone"),
    [
        (39.7, -105.0, DENVER),
        (43.6, -116.2, BOISE),
        (0.0, 0.0, None),  # at sea
        (1.0, 2.0, None),  # a zone that nobody else knows
        (90, 0, DENVER),
        (-90, 0, DENVER),
        (0, 180, DENVER),
        (0, -180, DENVER),
    ],
)
def test_a_position_has_the_zone_of_the_boundaries_if_it_is_one(
    lat: float, lng: float, zone: str | None
) -> None:
    assert Atlas(Boundaries(), ZipTable()).zone_at(lat, lng) == zone


@pytest.mark.parametrize(
    ("lat", "lng"),
    [
        *((90.5, 0), (-90.5, 0), (0, 180.5), (0, -180.5), (95, 200)),
        *((float("nan"), 0), (0, float("nan")), (float("inf"), 0), (0, float("-inf"))),
    ],
)
def test_a_position_that_is_not_on_earth_is_not_even_looked_for(lat: float, lng: float) -> None:
    boundaries = Boundaries()
    assert Atlas(boundaries, ZipTable()).zone_at(lat, lng) is None
    assert boundaries.asked == []


@pytest.mark.parametrize(
    ("rows", "zone"),
    [
        ([row("39.7", "-105.0", DENVER)], DENVER),
        ([row("43.6", "-116.2", DENVER)], BOISE),  # the boundaries know better
        ([row("39.7", "-105.0", None)], DENVER),
        ([row("0.0", "0.0", BOISE)], BOISE),  # its centroid lies in the sea
        ([row("", "", BOISE)], BOISE),
        ([row(None, "-105.0", BOISE)], BOISE),
        ([row("39.7", None, BOISE)], BOISE),
        ([row("0.0", "0.0", None)], None),  # as military ones are
        ([row("0.0", "0.0", "")], None),
        ([row("0.0", "0.0", "Farmingdale")], None),  # a village for a zone
        ([row("39.7", "-105.0", DENVER), row("43.6", "-116.2", BOISE)], DENVER),
        ([], None),
    ],
)
def test_a_zip_has_the_zone_of_its_centroid_or_else_that_of_the_table_if_it_is_one(
    rows: list[dict[str, Any]], zone: str | None
) -> None:
    assert Atlas(Boundaries(), ZipTable(zip80202=rows)).zone_of_zip(" 80202-1234 ") == zone


def test_what_was_asked_once_is_not_looked_up_again() -> None:
    boundaries, table = Boundaries(), ZipTable(zip80202=[row("39.7", "-105.0", None)])
    atlas = Atlas(boundaries, table)
    for _ in range(3):
        assert atlas.zone_of_zip("80202") == atlas.zone_at(39.7, -105) == DENVER
    assert (boundaries.asked, table.asked) == ([(39.7, -105.0)], ["80202"])
