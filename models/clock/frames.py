"""The names of the clocks: three frames, two endpoints, and the twelve fields they make.

A *frame* is the clock that a value is written in: UTC, the property's own (``local``) or the office's.
An *endpoint* is the start or the stop. A *pair* is the date and the time of one endpoint in one frame.
"""

from __future__ import annotations

from typing import Final, Literal

Frame = Literal["utc", "local", "office"]
Endpoint = Literal["start", "stop"]

# In order of authority (clocks.md section 4): UTC needs no rules of any zone, and the shoot happens at the
# property rather than at the office.
FRAMES: Final[tuple[Frame, ...]] = ("utc", "local", "office")
ENDPOINTS: Final[tuple[Endpoint, ...]] = ("start", "stop")

# All-day dates are chosen by people looking at a local calendar (section 7).
FLOATING_ORDER: Final[tuple[Frame, ...]] = ("local", "office", "utc")

DATE_FIELD: Final[dict[tuple[Endpoint, Frame], str]] = {
    (endpoint, frame): f"date_{endpoint}_{frame}" for endpoint in ENDPOINTS for frame in FRAMES
}
TIME_FIELD: Final[dict[tuple[Endpoint, Frame], str]] = {
    (endpoint, frame): f"time_{endpoint}_{frame}" for endpoint in ENDPOINTS for frame in FRAMES
}
DATE_FIELDS: Final[tuple[str, ...]] = tuple(DATE_FIELD.values())
TIME_FIELDS: Final[tuple[str, ...]] = tuple(TIME_FIELD.values())
"""The twelve columns are ``DATE_FIELDS`` and ``TIME_FIELDS`` together."""
