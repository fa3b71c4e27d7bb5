"""What contradicts what: one value per contradiction, and the notifications that follow from them.

A background task cannot refuse a request that was already answered, so every contradiction is reported
instead: one notification for each, once (clocks.md sections 1 and 9).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from models.clock.frames import Endpoint, Frame

Kind = Literal[
    "frame_mismatch",
    "nonexistent_time",
    "duration_mismatch",
    "duration_conflict",
    "stop_before_start",
    "updated_at_mismatch",
    "zone_source_mismatch",
    "implausible_offset",
    "offset_inconsistent",
    "allday_with_time",
    "allday_with_duration",
    "window_unit_suspect",
    "window_time_reversed",
    "window_date_reversed",
    "tz_rules_changed",
    "assumed_fold",
]
Severity = Literal["low", "normal"]

# ``assumed_fold`` is a notification only: in a result the mark ``fold`` says it already.
LOW: Final[frozenset[str]] = frozenset({"assumed_fold"})

NotificationKey = tuple[int, str, Endpoint | None, Frame | None, str | None, str | None]
"""(appointment id, kind, endpoint, frame, supplied, expected)."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One contradiction. ``supplied`` is what was sent, ``expected`` what the other evidence says.

    Members that a kind does not use are ``None``. Both are text in canonical spelling; durations and offsets
    are decimal seconds, windows ``a..b``. ``sources`` are, for a zone, who named ``expected`` and then who named
    ``supplied``; they are told in words only, and make no other contradiction of it.
    """

    kind: Kind
    endpoint: Endpoint | None = None
    frame: Frame | None = None
    supplied: str | None = None
    expected: str | None = None
    sources: tuple[str, ...] = field(default=(), compare=False)

    @property
    def severity(self) -> Severity:
        """How loudly it is told."""
        return "low" if self.kind in LOW else "normal"

    def key(self, appointment_id: int) -> NotificationKey:
        """What makes a notification about this the same notification."""
        return (appointment_id, self.kind, self.endpoint, self.frame, self.supplied, self.expected)

    def to_json(self) -> dict[str, str | None]:
        """The form of clocks.md section 10."""
        return {
            "kind": self.kind,
            "endpoint": self.endpoint,
            "frame": self.frame,
            "supplied": self.supplied,
            "expected": self.expected,
        }


@dataclass(frozen=True, slots=True)
class NotificationChanges:
    """Which notifications to open and which to close so that they say what is now true."""

    opened: tuple[Discrepancy, ...]
    closed: frozenset[NotificationKey]


def notification_changes(
    appointment_id: int, existing: Iterable[NotificationKey], found: Iterable[Discrepancy]
) -> NotificationChanges:
    """Compare the open notifications of an appointment with what a run found.

    An existing key makes no second notification; a key that was not found again is closed.
    """
    known = frozenset(existing)
    wanted = {discrepancy.key(appointment_id): discrepancy for discrepancy in found}
    return NotificationChanges(
        opened=tuple(discrepancy for key, discrepancy in wanted.items() if key not in known),
        closed=frozenset(known - wanted.keys()),
    )
