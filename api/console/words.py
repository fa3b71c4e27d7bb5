"""How the console puts values into words: instants on somebody's clock, ages, counts, names of states."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Any

from models.clock.display import at_offset, in_zone
from models.notification_words import is_complaint, title
from settings import get_settings
from tasks.door import KINDS

_SPANS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))

CONFIRMATION = "send-confirmation"
MAIL_KINDS = {
    kind.name: kind.short_name.replace("-", " ").capitalize() for kind in KINDS.values() if kind.is_mail
}


def age(instant: datetime, moment: datetime) -> str:
    """How far `instant` is from `moment`: "5 minutes ago", "in 2 hours"."""
    seconds = (moment - instant).total_seconds()
    for size, name in _SPANS:
        number = int(abs(seconds) // size)
        if number:
            span = plural(number, name)
            return f"{span} ago" if seconds > 0 else f"in {span}"
    return "just now" if seconds > -30 else "in less than a minute"


def plural(number: int, one: str, many: str | None = None) -> str:
    """ "1 mail", "3 mails"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def on_clock(instant: datetime, zone: str | None = None) -> str:
    """ "Sat 21 Nov 2026, 10:00:05 MST" on the clocks of `zone` (IANA), else of the office."""
    return _spelled(in_zone(instant, zone or get_settings().office_time_zone), with_seconds=True)


def clock_time(instant: datetime) -> str:
    """ "10:00:05 MST" on the office's clocks."""
    shown = in_zone(instant, get_settings().office_time_zone)
    return f"{shown:%H:%M:%S} {shown.tzname() or ''}".strip()


def read_instant(text: str) -> datetime:
    """An instant that was stored as text, with its offset."""
    return datetime.fromisoformat(text)


def iso(instant: datetime) -> str:
    """For the attribute `datetime` of `<time>`."""
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")


def frames(row: Mapping[str, Any], endpoint: str) -> list[tuple[str, str]]:
    """An appointment's start or stop (`endpoint`) on the clocks of property, office and UTC, each with its zone.

    `row` has the columns of `appointments`. Frames of which nothing is known are left out.
    """
    shown: list[tuple[str, str]] = []
    instant: datetime | None = row[f"{endpoint}s_at"]
    for label, frame in (("Property", "local"), ("Office", "office"), ("UTC", "utc")):
        day: date | None = row[f"date_{endpoint}_{frame}"]
        at: time | None = row[f"time_{endpoint}_{frame}"]
        moment = None if instant is None else on_frame(row, instant, frame, endpoint)
        if row["allday"] and day is not None:
            shown.append((label, f"{day:%a %-d %b %Y}, all day"))
        elif moment is not None:
            shown.append((label, _spelled(moment)))
        elif day is not None or at is not None:
            parts = [f"{day:%a %-d %b %Y}" if day else "", f"{at:%H:%M}" if at else ""]
            shown.append((label, ", ".join(filter(None, parts)) + " (not settled)"))
    return shown


def on_frame(row: Mapping[str, Any], instant: datetime, frame: str, endpoint: str) -> datetime | None:
    """`instant` on the clock of a frame (local, office, utc); None where that clock is not known.

    `row` has the columns of `appointments`; `endpoint` (start, stop) is which end of it the instant is.
    """
    if frame == "utc":
        return in_zone(instant, "UTC")
    zone = row["zone_name"] if frame == "local" else row["office_zone"]
    if zone is not None:
        return in_zone(instant, zone)
    offset_s = row[f"{endpoint}_offset_s"] if frame == "local" else None
    return None if offset_s is None else at_offset(instant, offset_s)


def _spelled(moment: datetime, *, with_seconds: bool = False) -> str:
    at = f"{moment:%H:%M:%S}" if with_seconds else f"{moment:%H:%M}"
    return f"{moment:%a %-d %b %Y}, {at} {moment.tzname() or ''}".strip()


def mail_kind(kind: str | None) -> str:
    """A command's kind as people call that mail."""
    return MAIL_KINDS.get(kind or "", kind or "")


def notification_title(row: Mapping[str, Any]) -> str:
    """What a heading says about a notification."""
    return title(row["status"], row["cause"], row["cause_key"])


def is_about_complaint(row: Mapping[str, Any]) -> bool:
    """Whether a notification says that its mail was delivered and marked as spam."""
    return is_complaint(row["status"], row["cause"], row["cause_key"])


FILTERS: dict[str, Callable[..., Any]] = {
    "age": age,
    "plural": plural,
    "on_clock": on_clock,
    "clock_time": clock_time,
    "iso": iso,
    "read_instant": read_instant,
    "mail_kind": mail_kind,
    "notification_title": notification_title,
    "is_complaint": is_about_complaint,
}
