"""Where the start and the stop lie on the line of instants (clocks.md sections 4 to 6).

An :class:`Endpoint` holds what was supplied of one endpoint and the clocks of its frames.
:func:`lay_out` settles both, because each may be evidence for the other: which of two equal wall times is
meant, where a bare stop time belongs, what start plus duration gives. All sums are made on instants, never on
walls, so that a duration is elapsed time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from models.clock.frames import FRAMES, Frame
from models.clock.frames import Endpoint as EndpointName
from models.clock.offsets import Offset
from models.clock.supplied import Supplied
from models.clock.tz import Clock

Mark = Literal["gap", "fold", "inferred", "derived", "exact"]


@dataclass(frozen=True, slots=True)
class Settled:
    """An endpoint's instant, how it came about, and what it rests on.

    ``candidates`` has two instants while an ambiguous wall time is open. ``typed`` is the wall that a bare
    stop time was taken for.
    """

    instant: datetime
    mark: Mark
    basis: Literal["utc", "local", "office", "duration"]
    candidates: tuple[datetime, ...] = ()
    typed: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether the wall time may still mean either of two instants."""
        return len(self.candidates) > 1


class Endpoint:
    """The supplied values of one endpoint with the clocks to read them by.

    A frame whose clock is ``None`` (local, when neither zone nor offset is known) is left out of everything.
    """

    __slots__ = ("clocks", "dates", "name", "offset", "times")

    def __init__(
        self,
        name: EndpointName,
        supplied: Supplied,
        clocks: dict[Frame, Clock | None],
        offset: Offset | None = None,
    ) -> None:
        self.name: EndpointName = name
        self.clocks = clocks
        self.offset = offset
        self.dates: dict[Frame, date | None] = {frame: supplied.given_date(name, frame) for frame in FRAMES}
        self.times: dict[Frame, time | None] = {frame: supplied.given_time(name, frame) for frame in FRAMES}

    @property
    def is_given(self) -> bool:
        """Whether anything at all was supplied."""
        return any(v is not None for v in self.dates.values()) or any(
            v is not None for v in self.times.values()
        )

    def pair(self, frame: Frame) -> datetime | None:
        """The wall time of a complete pair."""
        day, at = self.dates[frame], self.times[frame]
        return None if day is None or at is None else datetime.combine(day, at)

    def settle(self) -> Settled | None:
        """The instant by the first complete pair in order of authority; the other frames judge ambiguity."""
        for frame in FRAMES:
            clock, wall = self.clocks[frame], self.pair(frame)
            if clock is None or wall is None:
                continue
            reading = clock.read(wall)
            if reading.later is None:
                # An offset that was itself read from a doubtful office time is no better than that time.
                own = self.offset is not None and self.offset.own and frame == "local"
                mark: Mark = self.offset.mark if own and self.offset is not None else reading.kind
                return Settled(reading.instant, mark, frame)
            for other in FRAMES:
                if other == frame:
                    continue
                agreeing = [instant for instant in reading.candidates if self._agrees(other, instant)]
                if len(agreeing) == 1:
                    return Settled(agreeing[0], "exact", frame)
            return Settled(reading.instant, "fold", frame, candidates=reading.candidates)
        return None

    def _agrees(self, frame: Frame, instant: datetime) -> bool:
        clock, day, at = self.clocks[frame], self.dates[frame], self.times[frame]
        if clock is None or (day is None and at is None):
            return False
        wall = clock.wall(instant)
        if day is not None and at is not None:
            typed = datetime.combine(day, at)
            return typed == wall or clock.read(typed).shifted == wall
        return wall.date() == day or wall.time() == at

    def bare_time(self) -> Frame | None:
        """The first frame with a time but no date."""
        for frame in FRAMES:
            if self.clocks[frame] is not None and self.times[frame] is not None and self.dates[frame] is None:
                return frame
        return None

    def shows(self, frame: Frame, instant: datetime) -> bool:
        """Whether the supplied time of ``frame`` is what its clock shows at ``instant``."""
        clock = self.clocks[frame]
        return clock is not None and clock.wall(instant).time() == self.times[frame]

    def first_after(self, frame: Frame, start: datetime) -> Settled:
        """The first moment strictly after ``start`` when the clock of ``frame`` shows its supplied time."""
        clock, at = self.clocks[frame], self.times[frame]
        assert clock is not None and at is not None  # noqa: S101  (frame comes from bare_time)
        wall = datetime.combine(clock.wall(start).date(), at)
        while True:
            reading = clock.read(wall)
            after = [instant for instant in reading.candidates if instant > start]
            if after:
                kind = "fold" if len(after) > 1 else reading.kind
                mark: Mark = "inferred" if kind == "exact" or len(reading.candidates) > len(after) else kind
                return Settled(after[0], mark, frame, typed=wall)
            wall += timedelta(days=1)


def lay_out(
    start_end: Endpoint, stop_end: Endpoint, duration_s: int | None
) -> tuple[Settled | None, Settled | None]:
    """The instants of start and stop, as far as the evidence goes; ``None`` for one that cannot be placed."""
    span = None if duration_s is None else timedelta(seconds=duration_s)
    start, stop = start_end.settle(), stop_end.settle()
    bare = stop_end.bare_time() if stop is None else None

    if start is not None and start.is_open and span is not None:
        start = _start_by_stop(start, span, _unique_stop(start, stop, stop_end, bare))
    if stop is not None and stop.is_open and start is not None:
        stop = _stop_by_start(stop, span, start.instant)

    if stop is None and start is not None:
        if span is not None and (bare is None or stop_end.shows(bare, start.instant + span)):
            stop = Settled(start.instant + span, "derived", "duration")
        elif bare is not None:
            stop = stop_end.first_after(bare, start.instant)
    elif start is None and stop is not None and span is not None:
        start = Settled(stop.instant - span, "derived", "duration")
    return start, stop


def _unique_stop(
    start: Settled, stop: Settled | None, stop_end: Endpoint, bare: Frame | None
) -> datetime | None:
    """The stop's instant if it is the same whichever start is meant."""
    if stop is not None:
        return None if stop.is_open else stop.instant
    if bare is None:
        return None
    found = [stop_end.first_after(bare, candidate) for candidate in start.candidates]
    same = found[0].instant == found[1].instant
    return found[0].instant if same and "fold" not in (found[0].mark, found[1].mark) else None


def _start_by_stop(start: Settled, span: timedelta, stop: datetime | None) -> Settled:
    if stop is not None:
        for candidate in start.candidates:
            if stop - candidate == span:
                return Settled(candidate, "exact", start.basis)
    return start


def _stop_by_start(stop: Settled, span: timedelta | None, start: datetime) -> Settled:
    if span is not None and start + span in stop.candidates:
        return Settled(start + span, "exact", stop.basis)
    after = [candidate for candidate in stop.candidates if candidate > start]
    # With both after the start, the start rules out neither: the earlier is then still an assumption.
    return Settled(after[0], "exact", stop.basis) if len(after) == 1 else stop
