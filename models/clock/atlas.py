"""The atlas: time zones by position (timezonefinder) and by US ZIP code (zipcodes), both offline.

The data takes tens of megabytes and numpy, so nothing is imported until :func:`load_atlas` is called; a web
process that never asks for it never pays for it.

The ZIP table is checked, because it errs: military ZIPs lack a zone, one row has a village for a zone, and
some rows name another zone than the boundaries at their own centroid. There the boundaries win.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

from models.clock.tz import is_zone_name

_ZIP = re.compile(r"([0-9]{5})(?:-?[0-9]{4})?", re.ASCII)

_ANY_ZIP = "80202"


class Atlas:
    """Answers by position and by ZIP code, cached. Make it with :func:`load_atlas`."""

    def __init__(self, finder: Any, zip_table: Any) -> None:
        self._finder = finder
        self._zip_table = zip_table
        self._at = lru_cache(maxsize=8192)(self._look_up_position)
        self._zip = lru_cache(maxsize=8192)(self._look_up_zip)

    def zone_at(self, lat: float, lng: float) -> str | None:
        """The zone at a position in degrees; ``None`` at sea and for a position that is not on Earth."""
        return self._at(float(lat), float(lng))

    def zone_of_zip(self, zip_code: str) -> str | None:
        """The zone of a five- or nine-digit ZIP; ``None`` for one that is malformed, unknown or nowhere."""
        found = _ZIP.fullmatch(zip_code.strip())
        return self._zip(found[1]) if found else None

    def _look_up_position(self, lat: float, lng: float) -> str | None:
        if not (math.isfinite(lat) and math.isfinite(lng) and abs(lat) <= 90 and abs(lng) <= 180):
            return None
        name = self._finder.timezone_at(lat=lat, lng=lng)
        return name if name is not None and is_zone_name(name) else None

    def _look_up_zip(self, zip_code: str) -> str | None:
        rows = self._zip_table.matching(zip_code)
        if not rows:
            return None
        row = rows[0]
        at_centroid = self.zone_at(float(row["lat"] or "nan"), float(row["long"] or "nan"))
        if at_centroid is not None:
            return at_centroid
        name = row["timezone"]
        return name if name and is_zone_name(name) else None


@lru_cache(maxsize=1)
def load_atlas() -> Atlas:
    """The one atlas of this process. The first call takes about a third of a second and 60 MB.

    Whoever asks it later, with rows locked maybe, waits for nothing any more.
    """
    import zipcodes  # noqa: PLC0415  (see the module docstring)
    from timezonefinder import TimezoneFinder  # noqa: PLC0415

    made = Atlas(TimezoneFinder(), zipcodes)
    made.zone_of_zip(_ANY_ZIP)  # the first question unpacks the table
    return made
