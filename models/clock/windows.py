"""The window in which a client would like the appointment (clocks.md section 8): kept as sent, looked over.

``window_time_*`` are seconds after midnight at the property. They never fill a start or a stop.
"""

from __future__ import annotations

from models.clock.discrepancies import Discrepancy
from models.clock.spellings import spell_date
from models.clock.supplied import Supplied

# The minutes of a day: as seconds that would be a window before 00:24.
_SUSPECT_END = 1440


def window_discrepancies(supplied: Supplied) -> list[Discrepancy]:
    """A window that runs backwards, or whose times look like minutes."""
    found: list[Discrepancy] = []
    first, last = supplied.window_date_start, supplied.window_date_end
    if first is not None and last is not None and first > last:
        found.append(Discrepancy("window_date_reversed", supplied=f"{spell_date(first)}..{spell_date(last)}"))
    begin, end = supplied.window_time_start, supplied.window_time_end
    if begin is not None and end is not None:
        if end <= begin:
            found.append(Discrepancy("window_time_reversed", supplied=f"{begin}..{end}"))
        elif end <= _SUSPECT_END:
            found.append(Discrepancy("window_unit_suspect", supplied=f"{begin}..{end}"))
    return found
