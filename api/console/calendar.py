"""The calendar: a day of all photographers, a week of one, and a week of all; by the office's or property's clock."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request, url_for

from api.console.calendar_layout import lay_out
from api.console.calendar_parts import LOCAL, OFFICE, Clocks, Column
from api.console.render import page
from api.params import MAX_ID
from models import database
from models.appointment_calendar import (
    MOST,
    Calendar,
    Days,
    Photographer,
    list_photographers,
    read_calendar,
)
from models.appointment_context import Context, read_context
from models.clock.days import day_begins, quarters
from models.clock.display import in_zone
from models.moment import now
from settings import get_settings

TAB = "appointments"
FRAME_CHOICES = (("", "Office’s clock"), (LOCAL, "Each property’s clock"))
CANCELLED_CHOICES = (("", "Struck through"), ("hide", "Hidden"))
NOBODY = "nobody"
"""The key of the column of what has no photographer."""
MARGIN = timedelta(hours=26)
"""Between the same wall time on the two clocks that are furthest apart."""


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above a column, and where it leads."""

    text: str
    link: str = ""
    is_today: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """What the URL asks for. `problems` are sentences about what was not understood."""

    first_day: date
    photographer_id: int | None
    clocks: Clocks
    with_cancelled: bool
    today: date
    problems: tuple[str, ...]

    def query(self, **changes: object) -> dict[str, Any]:
        """The rest of the choice, for a link to another day, week or photographer; None takes something away."""
        wanted = {
            "photographer": self.photographer_id,
            "frame": LOCAL if self.clocks.frame == LOCAL else None,
            "cancelled": None if self.with_cancelled else "hide",
            **changes,
        }
        return {name: value for name, value in wanted.items() if value is not None}

    def days(self, number: int) -> Days:
        """These days from the first one on."""
        zone = self.clocks.office_zone
        last = self.first_day + timedelta(days=number - 1)
        return Days(
            self.first_day,
            last,
            day_begins(self.first_day, zone),
            day_begins(last + timedelta(days=1), zone),
            MARGIN if self.clocks.frame == LOCAL else timedelta(0),
        )


def add_to(blueprint: Blueprint) -> None:
    """The two pages."""
    blueprint.add_url_rule("/appointments/day", "calendar_day", day)
    blueprint.add_url_rule("/appointments/week", "calendar_week", week)


def day() -> Response:
    """All photographers side by side."""
    chosen = _chosen("date")
    with database.transaction() as connection:
        photographers = list_photographers(connection, chosen.photographer_id)
        found = read_calendar(
            connection, chosen.days(1), chosen.photographer_id, with_cancelled=chosen.with_cancelled
        )
        context = read_context(connection, [*found.started, *found.undecided])
    people = _people(found, photographers)
    columns = [Column(str(key), chosen.first_day) for key in people]
    ruler = lay_out(columns, _keyed(found.started), _keyed(found.undecided), context, chosen.clocks)
    busy = [column for column in columns if not column.is_empty]
    shown = busy or columns[: 1 if chosen.photographer_id else 0]
    return page(
        "calendar_day.html",
        title=f"{chosen.first_day:%A %-d %B %Y}",
        columns=[(_head_of(chosen, _key(column), people), column) for column in shown],
        idle=[people[_key(column)] for column in columns if column.is_empty and _key(column) != NOBODY],
        ruler=ruler,
        **_names(chosen, photographers, found, 1, "calendar_day", "date"),
        week=url_for("console.calendar_week", week=_iso_week(chosen.first_day), **chosen.query()),
    )


def week() -> Response:
    """A week of one photographer by the hour; without one, the week of all in a table."""
    chosen = _chosen("week")
    with database.transaction() as connection:
        photographers = list_photographers(connection, chosen.photographer_id)
        found = read_calendar(
            connection, chosen.days(7), chosen.photographer_id, with_cancelled=chosen.with_cancelled
        )
        context = read_context(connection, [*found.started, *found.undecided])
    dates = [chosen.first_day + timedelta(days=number) for number in range(7)]
    names = {
        **_names(chosen, photographers, found, 7, "calendar_week", "week"),
        "dates": dates,
        "day_links": [url_for("console.calendar_day", date=str(one), **chosen.query()) for one in dates],
    }
    last = dates[-1]
    start = (
        f"{chosen.first_day:%-d %B}"
        if chosen.first_day.year == last.year
        else f"{chosen.first_day:%-d %B %Y}"
    )
    title = f"{_iso_week(chosen.first_day)}: {start} to {last:%-d %B %Y}"
    if chosen.photographer_id is not None:
        columns = [Column(str(one), one) for one in dates]
        ruler = lay_out(
            columns,
            [(None, row) for row in found.started],
            [(None, row) for row in found.undecided],
            context,
            chosen.clocks,
        )
        who = next((one.name for one in photographers if one.id == chosen.photographer_id), None)
        return page(
            "calendar_week.html",
            title=f"{who or f'User {chosen.photographer_id}'}, {title}",
            columns=[
                (Head(f"{one:%a %-d %b}", link, one == chosen.today), column)
                for one, link, column in zip(dates, names["day_links"], columns, strict=True)
            ],
            ruler=ruler,
            **names,
        )
    return page(
        "calendar_all.html", title=title, lines=_lines(chosen, found, photographers, dates, context), **names
    )


def _head_of(chosen: Chosen, key: Any, people: Mapping[Any, str]) -> Head:
    if key == NOBODY:
        return Head(people[key])
    wanted = chosen.query(photographer=key, week=_iso_week(chosen.first_day))
    return Head(people[key], url_for("console.calendar_week", **wanted))


def _lines(
    chosen: Chosen,
    found: Calendar,
    photographers: list[Photographer],
    dates: list[date],
    context: Mapping[int, Context],
) -> list[tuple[str, str, list[Column]]]:
    """The week of all: for each photographer who has something the name, the link to their week, and the days."""
    lines = []
    for key, name in _people(found, photographers).items():
        columns = [Column(str(one), one) for one in dates]
        own = [row for row in found.started if _whose(row) == key]
        waiting = [row for row in found.undecided if _whose(row) == key]
        if not own and not waiting:
            continue
        lay_out(
            columns, [(None, row) for row in own], [(None, row) for row in waiting], context, chosen.clocks
        )
        wanted = chosen.query(photographer=None if key == NOBODY else key, week=_iso_week(chosen.first_day))
        link = "" if key == NOBODY else url_for("console.calendar_week", **wanted)
        lines.append((name, link, columns))
    return lines


def _names(
    chosen: Chosen, photographers: list[Photographer], found: Calendar, number: int, endpoint: str, name: str
) -> dict[str, Any]:
    """What all calendars know: where to go on, what can be chosen, and what has to be said."""

    def to(first: date) -> str:
        value = str(first) if number == 1 else _iso_week(first)
        return url_for(f"console.{endpoint}", **chosen.query(**{name: value}))

    zone = chosen.clocks.office_zone
    step = timedelta(days=number)
    listing = {"from": str(chosen.first_day), "to": str(chosen.first_day + step - timedelta(days=1))}
    if chosen.photographer_id is not None:
        listing["photographer"] = str(chosen.photographer_id)
    return {
        "tab": TAB,
        "chosen": chosen,
        "cut": f"There is more than the {MOST} appointments that a calendar shows. Choose a photographer or a day."
        if found.is_cut
        else "",
        "previous": to(chosen.first_day - step),
        "following": to(chosen.first_day + step),
        "today": to(chosen.today),
        "listing": f"{url_for('console.appointments')}?{urlencode(listing)}",
        "field": (name, str(chosen.first_day) if number == 1 else _iso_week(chosen.first_day)),
        "action": url_for(f"console.{endpoint}"),
        "photographers": [("", "All"), *((str(one.id), one.name) for one in photographers)],
        "frame_choices": FRAME_CHOICES,
        "cancelled_choices": CANCELLED_CHOICES,
        "zone": zone,
        "zone_now": in_zone(day_begins(chosen.first_day, zone) + timedelta(hours=12), zone).tzname(),
        "clock_changes": _clock_changes(chosen.first_day, number, zone),
    }


def _clock_changes(first: date, number: int, zone: str) -> list[str]:
    """What has to be known of days on which the office's clocks are changed."""
    told = []
    for offset in range(number):
        one = first + timedelta(days=offset)
        shown = [in_zone(instant, zone) for instant in quarters(one, zone)]
        before, after = shown[0].tzname(), shown[-1].tzname()
        if len(shown) > 96:
            told.append(
                f"On {one:%a %-d %b} the office’s clocks go back ({before} to {after}): that day has {len(shown) / 4:g}"
                " hours, and one of them comes twice."
            )
        elif len(shown) < 96:
            told.append(
                f"On {one:%a %-d %b} the office’s clocks go forward ({before} to {after}): that day has"
                f" {len(shown) / 4:g} hours, and one of them does not come."
            )
    return told


def _chosen(name: str) -> Chosen:
    office_zone = get_settings().office_time_zone
    today = in_zone(now(), office_zone).date()
    problems: list[str] = []
    given = request.args.get(name, "").strip()
    first = _day_of(given) if name == "date" else _monday_of(given)
    if given and first is None:
        problems.append(
            f"“{name}” was left out: it is no {'day like 2026-12-04' if name == 'date' else 'week like 2026-W48'}."
        )
    first = first or (today if name == "date" else today - timedelta(days=today.weekday()))
    who = request.args.get("photographer", "").strip()
    is_id = who.isascii() and who.isdigit() and len(who) < 20 and 0 < int(who) <= MAX_ID
    if who and not is_id:
        problems.append("“photographer” was left out: it is no user’s id.")
    frame = LOCAL if request.args.get("frame") == LOCAL else OFFICE
    return Chosen(
        first,
        int(who) if is_id else None,
        Clocks(frame, office_zone),
        request.args.get("cancelled") != "hide",
        today,
        tuple(problems),
    )


def _day_of(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 < found.year < 2099 else None


def _monday_of(text: str) -> date | None:
    """The first day of an ISO week like 2026-W48."""
    year, _, number = text.upper().partition("-W")
    if not (text.isascii() and year.isdigit() and number.isdigit() and len(year) == 4 and len(number) <= 2):
        return None
    try:
        return date.fromisocalendar(int(year), int(number), 1) if 2000 < int(year) < 2099 else None
    except ValueError:
        return None


def _iso_week(one: date) -> str:
    year, number, _ = one.isocalendar()
    return f"{year}-W{number:02d}"


def _people(found: Calendar, photographers: list[Photographer]) -> dict[Any, str]:
    """Names by key: the photographers, then others who are named on an appointment, then nobody."""
    people: dict[Any, str] = {one.id: one.name for one in photographers}
    is_open = False
    for row in (*found.started, *found.undecided):
        key = _whose(row)
        if key == NOBODY:
            is_open = True
        elif key not in people:
            people[key] = row["photographer_name"] or f"User {key}"
    return {**people, NOBODY: "No photographer"} if is_open else people


def _whose(row: Mapping[str, Any]) -> Any:
    return row["photographer_user_id"] or NOBODY


def _keyed(rows: list[dict[str, Any]]) -> list[tuple[str | None, Mapping[str, Any]]]:
    return [(str(_whose(row)), row) for row in rows]


def _key(column: Column) -> Any:
    return NOBODY if column.key == NOBODY else int(column.key)
