"""How the console says of an appointment when it is and how it stands: for lists, calendars and its own page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final

from api.console.words import on_frame
from models.appointment_list import status_of
from models.clock.display import in_zone

FRAMES: Final = (("Property", "local"), ("Office", "office"), ("UTC", "utc"))
STATUS_BADGES: Final = {
    "requested": ("requested", "plain", "…"),
    "confirmed": ("confirmed", "good", "✓"),
    "optional": ("tentative", "warn", "?"),
    "cancelled": ("cancelled", "bad", "✕"),
}
KINDS: Final = {"reconcile-times": "Work out the times"}

Badge = tuple[str, str, str]
"""Word, tone and sign, as the macro `badge` takes them."""


@dataclass(frozen=True, slots=True)
class When:
    """`main` is when, on the clock that `clock` names; `office` the same on the office's, where that differs."""

    main: str
    clock: str = ""
    office: str = ""
    is_settled: bool = True


@dataclass(frozen=True, slots=True)
class FrameRow:
    """One line of the table of frames. `sent` says that the column holds something else than the clock shows."""

    label: str
    zone: str
    start: str
    stop: str
    sent: str = ""


def when(row: Mapping[str, Any], office_zone: str) -> When:
    """When an appointment is, for people: on the property's clock, and on the office's where it shows other times."""
    start, stop = row["starts_at"], row["stops_at"]
    if row["allday"] and row["date_start_local"] is not None:
        return When(
            _days(row["date_start_local"], row["date_stop_local"]), "whole days, the same on every clock"
        )
    if start is None:
        return When(_unsettled(row), "", is_settled=False)
    at_office = in_zone(start, office_zone)
    ends_at_office = None if stop is None else in_zone(stop, office_zone)
    here = on_frame(row, start, "local", "start")
    if here is None:
        return When(_span(at_office, ends_at_office), "The office’s clock; the property’s zone is not known")
    there = None if stop is None else on_frame(row, stop, "local", "stop") or ends_at_office
    zone = row["zone_name"] or "The property’s offset; its zone is not known"
    if here.utcoffset() == at_office.utcoffset():
        return When(_span(here, there), zone)
    is_same_day = at_office.date() == here.date()
    return When(_span(here, there), zone, _span(at_office, ends_at_office, with_day=not is_same_day))


def badges(row: Mapping[str, Any]) -> list[Badge]:
    """How it stands: its status, and what about it is not settled."""
    told = [STATUS_BADGES[status_of(row)]]
    if row["cancelled"]:
        if row["on_site_cancel"]:
            told.append(("on site", "bad", ""))
        if row["same_day_cancel"]:
            told.append(("same day", "bad", ""))
    elif row["reconciled_at"] is None:
        told.append(("times being worked out", "busy", "↻"))
    elif row["starts_at"] is None and not row["allday"]:
        told.append(("time undecided", "warn", "?"))
    return told


def title(row: Mapping[str, Any]) -> str:
    """What it is called: its summary, else its type."""
    return row["summary"] or row["appt_type"] or "Appointment"


def frame_rows(row: Mapping[str, Any]) -> list[FrameRow]:
    """Start and stop on the three clocks, each with its zone."""
    zones = {
        "local": row["zone_name"] or "not known",
        "office": row["office_zone"] or "not worked out yet",
        "utc": "UTC",
    }
    rows = []
    for label, frame in FRAMES:
        ends = [_end(row, endpoint, frame) for endpoint in ("start", "stop")]
        sent = [text for _, text in ends if text]
        rows.append(FrameRow(label, zones[frame], ends[0][0], ends[1][0], "; ".join(sent)))
    return rows


def _end(row: Mapping[str, Any], endpoint: str, frame: str) -> tuple[str, str]:
    """What the frame's clock shows at start or stop, and what the columns say instead, if they do."""
    instant: datetime | None = row[f"{endpoint}s_at"]
    day: date | None = row[f"date_{endpoint}_{frame}"]
    at: time | None = row[f"time_{endpoint}_{frame}"]
    moment = None if instant is None else on_frame(row, instant, frame, endpoint)
    if row["allday"] and day is not None:
        return f"{day:%a %-d %b %Y}, all day", ""
    stored = ", ".join(filter(None, (f"{day:%a %-d %b %Y}" if day else "", f"{at:%H:%M}" if at else "")))
    if moment is None:
        return f"{stored} (not settled)" if stored else "", ""
    differs = (day is not None and day != moment.date()) or (
        at is not None and at.replace(microsecond=0) != moment.time().replace(microsecond=0)
    )
    return f"{moment:%a %-d %b %Y, %H:%M} {moment.tzname() or ''}".strip(), (
        f"{endpoint} sent as {stored}" if differs else ""
    )


def _span(start: datetime, stop: datetime | None, *, with_day: bool = True) -> str:
    zone = start.tzname() or ""
    begins = f"{start:%a %-d %b %Y, %H:%M}" if with_day else f"{start:%H:%M}"
    if stop is None:
        return f"{begins} {zone}, no end set"
    if stop.date() == start.date() and stop.tzname() == zone:
        return f"{begins}–{stop:%H:%M} {zone}"
    if stop.date() == start.date():
        return f"{begins} {zone} – {stop:%H:%M} {stop.tzname() or ''}"
    first_zone = "" if stop.tzname() == zone else f" {zone}"
    return f"{begins}{first_zone} – {stop:%a %-d %b, %H:%M} {stop.tzname() or ''}"


def _days(first: date, last: date | None) -> str:
    if last is None or last <= first:
        return f"{first:%a %-d %b %Y}, all day"
    return f"{first:%a %-d %b} – {last:%a %-d %b %Y}, all day"


def _unsettled(row: Mapping[str, Any]) -> str:
    day, at, whose = None, None, ""
    for label, frame in FRAMES:
        day, at = row[f"date_start_{frame}"], row[f"time_start_{frame}"]
        if day is not None or at is not None:
            whose = "" if at is None else f" ({label.lower() if frame != 'utc' else 'UTC'})"
            break
    else:
        day, at = row["requested_date"], row["requested_time"]
        whose = " (requested)" if day is not None or at is not None else ""
    parts = ", ".join(filter(None, (f"{day:%a %-d %b %Y}" if day else "", f"{at:%H:%M}" if at else "")))
    return f"{parts}{whose}, not settled" if parts else "No day yet"
