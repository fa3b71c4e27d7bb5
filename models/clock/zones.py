"""Which zone is local (clocks.md section 3): the property's own, its position's, its ZIP's, or none.

The office zone is never a stand-in: a wrong clock at the property is worse than none. Where nothing is known,
the appointment's own times may give an offset; see ``offsets.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from models.clock.tz import is_zone_name, winter_and_summer_offsets

ZoneSource = Literal["property", "latlng", "zip"]


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of where a property is. ``lat`` and ``lng`` are degrees, north and east positive."""

    iana: str | None = None
    lat: float | None = None
    lng: float | None = None
    zip: str | None = None


@dataclass(frozen=True, slots=True)
class Zone:
    """An IANA zone and the source that named it."""

    name: str
    source: ZoneSource


@dataclass(frozen=True, slots=True)
class ZoneFinding:
    """The zone of a property, and what the lower sources say (in their order, the winner left out)."""

    zone: Zone | None = None
    lower: tuple[Zone, ...] = ()

    def mismatches(self, year: int) -> tuple[Zone, ...]:
        """The lower sources whose offset differs from the winner's in January or July of ``year``."""
        if self.zone is None:
            return ()
        ours = winter_and_summer_offsets(self.zone.name, year)
        return tuple(
            zone
            for zone in self.lower
            if zone.name != self.zone.name and winter_and_summer_offsets(zone.name, year) != ours
        )


class ZoneAtlas(Protocol):
    """Finds zones by position and by ZIP code; ``None`` where it has no valid answer."""

    def zone_at(self, lat: float, lng: float) -> str | None:
        """The zone at a position in degrees."""
        ...

    def zone_of_zip(self, zip_code: str) -> str | None:
        """The zone of a US ZIP code."""
        ...


def zone_of(place: Place, atlas: ZoneAtlas | None = None) -> ZoneFinding:
    """The zone of ``place``. Without an atlas only the property's own IANA name is looked at."""
    found: list[Zone] = []
    own = (place.iana or "").strip()
    if own and is_zone_name(own):
        found.append(Zone(own, "property"))
    if atlas is not None:
        if place.lat is not None and place.lng is not None:
            name = atlas.zone_at(place.lat, place.lng)
            if name is not None:
                found.append(Zone(name, "latlng"))
        if place.zip:
            name = atlas.zone_of_zip(place.zip)
            if name is not None:
                found.append(Zone(name, "zip"))
    if not found:
        return NO_ZONE
    return ZoneFinding(found[0], tuple(found[1:]))


NO_ZONE = ZoneFinding()
