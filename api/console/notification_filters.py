"""The state of the notifications' list as its URL tells it: filters, search, and where to go on.

    /console/notifications?state=open&severity=critical&q=carla@example.com

Whatever is not understood is left out and told, so that an old bookmark still shows a list.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from api.console.words import MAIL_KINDS
from api.params import MAX_ID
from models.labelled_ids import labelled_id
from models.notification_board import Sought
from models.notification_words import STATUS_TITLES
from models.notifications import STATES, UNFINISHED

LONGEST: Final = 320

STATE_CHOICES: Final = (
    ("", "Not over"),
    ("open", "Open"),
    ("retrying", "Retrying"),
    ("resolved", "Resolved"),
    ("ignored", "Ignored"),
    ("any", "All"),
)
SEVERITY_CHOICES: Final = (("", "Any"), ("critical", "Critical"), ("high", "High"), ("low", "Low"))
STATUS_CHOICES: Final = (("", "Any"), *STATUS_TITLES.items())
KIND_CHOICES: Final = (("", "Any"), *MAIL_KINDS.items())
AGES: Final = {"1h": 3_600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000}
AGE_CHOICES: Final = (
    ("", "Any time"),
    ("1h", "Last hour"),
    ("24h", "Last 24 hours"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
)
NAMES: Final = (
    *("q", "state", "severity", "status", "cause", "kind", "age", "appointment", "order", "group", "cursor"),
)


@dataclass(frozen=True, slots=True)
class Filters:
    """What the URL asks for, as texts by the names of `NAMES`, and sentences about what was not understood."""

    given: Mapping[str, str] = field(repr=False)
    problems: tuple[str, ...] = ()

    def get(self, name: str) -> str:
        """The text of a filter; empty when it is not set."""
        return self.given.get(name, "")

    def query(self, **changes: str | None) -> str:
        """The query string of this list with `changes`; None and "" take a filter away. The cursor never stays."""
        wanted = {**self.given, "cursor": "", **{name: value or "" for name, value in changes.items()}}
        return urlencode({name: wanted[name] for name in NAMES if wanted.get(name)})

    @property
    def query_here(self) -> str:
        """The query string of this very page."""
        return self.query(cursor=self.get("cursor"))

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the place in the list is asked for."""
        return any(name != "cursor" for name in self.given)

    @property
    def more_is_open(self) -> bool:
        """Whether one of the rarer filters is set, so that they are shown."""
        return any(self.get(name) for name in ("status", "cause", "kind", "age", "appointment", "order"))

    def sought(self) -> Sought:
        """As the models search for it."""
        state, words = self.get("state"), self.get("q")
        is_number = words.isascii() and words.isdigit() and 0 < int(words[:20]) <= MAX_ID
        is_address = "@" in words
        label, labelled = labelled_id(words) or ("", None)
        if label == "" and labelled is not None:
            is_number, words = True, str(labelled)

        def number(name: str) -> int | None:
            """What the filter of this name says, or else the search with the word before its number."""
            return int(self.get(name)) if self.get(name) else labelled if label == name else None

        return Sought(
            states=None if state == "any" else (state,) if state else UNFINISHED,
            severity=self.get("severity") or None,
            status=self.get("status") or None,
            cause=self.get("cause") or None,
            mail_kind=self.get("kind") or None,
            appointment_id=number("appointment"),
            order_id=number("order"),
            command_id=number("command"),
            id=number("notification"),
            max_age_s=AGES.get(self.get("age")),
            recipient=words if is_address else None,
            number=int(words) if is_number else None,
            words=words if words and not (is_number or is_address or labelled) else None,
            group=self.get("group") or None,
        )


_CHOICES: Final = {
    "state": dict(STATE_CHOICES).keys() | STATES.keys(),
    "severity": dict(SEVERITY_CHOICES).keys(),
    "kind": dict(KIND_CHOICES).keys(),
    "age": AGES.keys(),
}


def read_filters(args: Mapping[str, str]) -> Filters:
    """The filters of a query string."""
    given: dict[str, str] = {}
    problems: list[str] = []
    for name in NAMES:
        value = args.get(name, "").strip()
        if not value:
            continue
        if len(value) > LONGEST or not value.isprintable():
            problems.append(f"The filter “{name}” was left out: it is too long, or holds control characters.")
        elif name in _CHOICES and value not in _CHOICES[name]:
            problems.append(f"The filter “{name}” was left out: it has no such choice.")
        elif name in ("appointment", "order") and not _is_id(value):
            problems.append(f"The filter “{name}” was left out: an id is a whole number above 0.")
        else:
            given[name] = value
    return Filters(given, tuple(problems))


def _is_id(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) < 20 and 0 < int(value) <= MAX_ID
