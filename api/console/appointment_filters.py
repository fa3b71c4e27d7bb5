"""The state of the list of appointments as its URL tells it: filters, search, order, and where to go on.

    /console/appointments?status=requested&from=2026-12-01&to=2026-12-31&frame=office
    /console/appointments?q=larimer

Without any of them the list begins today. Whatever is not understood is left out and told, so that an old bookmark
still shows a list.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, cast
from urllib.parse import urlencode

from api.params import MAX_ID
from models.appointment_list import STATUSES, Wanted
from models.appointment_search import Narrowed
from models.clock import SpellingError, parse_date, wall_to_instant
from models.clock.display import in_zone
from models.clock.frames import Frame

LONGEST: Final = 200
STATUS_CHOICES: Final = (
    ("", "Any"),
    ("requested", "Requested"),
    ("confirmed", "Confirmed"),
    ("optional", "Tentative"),
    ("cancelled", "Cancelled"),
    ("undecided", "Time undecided"),
)
FRAME_CHOICES: Final = (("", "Office"), ("local", "Property"), ("utc", "UTC"))
SORT_CHOICES: Final = (("", "Start"), ("changed", "Last change"), ("created", "Creation"))
DIRECTION_CHOICES: Final = (("", "Earliest first"), ("desc", "Latest first"))
NAMES: Final = (
    *(
        "q",
        "status",
        "photographer",
        "order",
        "from",
        "to",
        "frame",
        "changed",
        "sort",
        "direction",
        "cursor",
    ),
)
_RARE: Final = ("order", "frame", "changed", "sort", "direction")
_CHOICES: Final = {
    "status": STATUSES.keys(),
    "frame": {"local", "office", "utc"},
    "sort": {"start", "changed", "created"},
    "direction": {"asc", "desc"},
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the URL asks for, as texts by the names of `NAMES`, and sentences about what was not understood."""

    given: Mapping[str, str] = field(repr=False)
    office_zone: str
    is_usual: bool = False
    problems: tuple[str, ...] = ()

    def get(self, name: str) -> str:
        """The text of a filter; empty when it is not set."""
        return self.given.get(name, "")

    def query(self, **changes: str | None) -> str:
        """The query string of this list with `changes`; None and "" take a filter away. The cursor never stays."""
        renamed = {name.rstrip("_"): value or "" for name, value in changes.items()}
        wanted = {**self.given, "cursor": "", **renamed}
        kept = {name: wanted[name] for name in NAMES if wanted.get(name)}
        # Without anything the list would begin today.
        return urlencode(kept or {"from": ""})

    @property
    def is_narrowed(self) -> bool:
        """Whether anything is asked for that the list does not show anyhow."""
        return not self.is_usual and any(name != "cursor" for name in self.given)

    @property
    def more_is_open(self) -> bool:
        """Whether one of the rarer filters is set, so that they are shown."""
        return any(self.get(name) for name in _RARE)

    @property
    def photographer_id(self) -> int | None:
        """The photographer's user id."""
        return _number(self.get("photographer"))

    def wanted(self) -> Wanted:
        """As the models list it."""
        sort = self.get("sort") or "start"
        return Wanted(
            order_id=_number(self.get("order")),
            photographer_user_id=self.photographer_id,
            first_day=_day(self.get("from")),
            last_day=_day(self.get("to")),
            frame=cast("Frame", self.get("frame") or "office"),
            status=self.get("status") or None,
            changed_since=_changed(self.get("changed"), self.office_zone),
            sort=sort,
            descending=self.get("direction") == "desc",
        )

    def narrowed(self) -> Narrowed:
        """As the models search with it."""
        wanted: Any = self.wanted()
        return Narrowed(**{name: getattr(wanted, name) for name in Narrowed.__dataclass_fields__})


def read_filters(args: Mapping[str, str], office_zone: str, now: datetime) -> Filters:
    """The filters of a query string. `now` (aware) and the office's zone tell what today is."""
    if not any(name in args for name in NAMES):
        return Filters({"from": str(in_zone(now, office_zone).date())}, office_zone, is_usual=True)
    given: dict[str, str] = {}
    problems: list[str] = []
    for name in NAMES:
        value = args.get(name, "").strip()
        if not value:
            continue
        odd = _odd(name, value, office_zone)
        if odd:
            problems.append(f"The filter “{name}” was left out: {odd}")
        else:
            given[name] = value
    first, last = _day(given.get("from", "")), _day(given.get("to", ""))
    if first is not None and last is not None and last < first:
        del given["to"]
        problems.append("The filter “to” was left out: it is before “from”.")
    return Filters(given, office_zone, problems=tuple(problems))


def _odd(name: str, value: str, office_zone: str) -> str:
    """Why a value cannot be used; empty when it can."""
    if name != "cursor" and (len(value) > LONGEST or not value.isprintable()):
        return "it is too long, or holds control characters."
    if name in _CHOICES and value not in _CHOICES[name]:
        return "it has no such choice."
    if name in ("order", "photographer") and _number(value) is None:
        return "an id is a whole number above 0."
    if name in ("from", "to") and _day(value) is None:
        return "a day is spelled 2026-12-31 and lies between 2000 and 2099."
    if name == "changed" and _changed(value, office_zone) is None:
        return "a moment is spelled 2026-12-31T09:00, on the office's clock."
    return ""


def _number(value: str) -> int | None:
    is_id = value.isascii() and value.isdigit() and len(value) < 20 and 0 < int(value) <= MAX_ID
    return int(value) if is_id else None


def _day(value: str) -> date | None:
    try:
        return parse_date(value, month_first=False) if value else None
    except SpellingError:
        return None


def _changed(value: str, office_zone: str) -> datetime | None:
    """The instant at which the office's clock shows this; an instant with an offset is taken as it is."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if not 2000 <= moment.year <= 2099:
        return None
    return moment if moment.tzinfo is not None else wall_to_instant(moment, office_zone).instant
