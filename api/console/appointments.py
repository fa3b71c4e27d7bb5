"""The list of appointments, with filters and a search; the page of one is in `appointment.py`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, request, url_for

from api.console.appointment_filters import (
    DIRECTION_CHOICES,
    FRAME_CHOICES,
    SORT_CHOICES,
    STATUS_CHOICES,
    Filters,
    read_filters,
)
from api.console.appointment_words import Badge, When, badges, title, when
from api.console.render import page, problem
from models import database
from models.appointment_calendar import list_photographers
from models.appointment_context import Context, read_context
from models.appointment_list import EVERYTHING, list_appointments
from models.appointment_search import Found, search
from models.clock.display import in_zone
from models.cursors import CursorError
from models.moment import now
from settings import get_settings

TAB = "appointments"
PAGE = 50


@dataclass(frozen=True, slots=True)
class Row:
    """An appointment as a list shows it."""

    id: int
    title: str
    when: When
    badges: list[Badge]
    photographer: str
    order_id: int | None
    context: Context
    is_cancelled: bool


def add_to(blueprint: Blueprint) -> None:
    """The list."""
    blueprint.add_url_rule("/appointments", "appointments", listed)


def listed() -> Response:
    """The list, or with a search what it finds."""
    office_zone, moment = get_settings().office_time_zone, now()
    filters = read_filters(request.args, office_zone, moment)
    found: Found | None = None
    next_cursor = None
    try:
        with database.transaction() as connection:
            photographers = list_photographers(connection, filters.photographer_id)
            if filters.get("q"):
                found = search(connection, filters.get("q"), filters.narrowed(), moment)
                listed_rows = [*found.by_id, *found.by_words]
            else:
                one = list_appointments(
                    connection, filters.wanted(), EVERYTHING, PAGE, filters.get("cursor") or None
                )
                listed_rows, next_cursor = one.appointments, one.next_cursor
            context = read_context(connection, listed_rows)
    except CursorError:
        return problem(
            "This place in the list is gone",
            "The address does not name a place that the list gave out.",
            "Start again from the top of the list.",
            status=400,
        )
    chosen = filters.get("photographer")
    return page(
        "appointments.html",
        tab=TAB,
        title="Appointments",
        filters=filters,
        by_id=rows(found.by_id, context, office_zone) if found else [],
        shown=rows(found.by_words if found else listed_rows, context, office_zone),
        found=found,
        told=_told(found, office_zone) if found else "",
        next_cursor=next_cursor,
        photographers=[("", "Anybody"), *((str(one.id), one.name) for one in photographers)],
        choices={
            "status": STATUS_CHOICES,
            "frame": FRAME_CHOICES,
            "sort": SORT_CHOICES,
            "direction": DIRECTION_CHOICES,
        },
        quick=_quick(filters, office_zone),
        calendar=url_for("console.calendar_week", photographer=chosen or None),
        zone=office_zone,
    )


def rows(found: Sequence[Mapping[str, Any]], context: Mapping[int, Context], office_zone: str) -> list[Row]:
    """These appointments as a list shows them."""
    return [
        Row(
            id=row["id"],
            title=title(row),
            when=when(row, office_zone),
            badges=badges(row),
            photographer=row["photographer_name"] or "",
            order_id=row["order_id"],
            context=context[row["id"]],
            is_cancelled=bool(row["cancelled"]),
        )
        for row in found
    ]


def _quick(filters: Filters, office_zone: str) -> list[tuple[str, str, bool]]:
    """Lists that are often wanted: word, query, and whether this is it."""
    today = str(in_zone(now(), office_zone).date())
    wanted = (
        ("Upcoming", {"from": today}),
        ("Today", {"from": today, "to": today}),
        ("To be confirmed", {"from": today, "status": "requested"}),
        ("Time undecided", {"status": "undecided"}),
        ("Changed today", {"changed": f"{today}T00:00", "sort": "changed", "direction": "desc"}),
        ("Newest", {"sort": "created", "direction": "desc"}),
    )
    given = {name: value for name, value in filters.given.items() if name != "cursor"}
    return [(word, Filters(query, office_zone).query(), query == given) for word, query in wanted]


def _told(found: Found, office_zone: str) -> str:
    """How far the search got, in a sentence; empty when it looked at everything."""
    if found.by_id:
        return "Only ids were looked at. Add a word, such as a part of the street, to search in texts."
    if found.is_more:
        return f"The first {len(found.by_words)} are shown. Give more words, or set a filter, to find the others."
    if found.is_given_up:
        return "The search by words took too long and was given up. Set days, a photographer or an order."
    if found.looked_back_to is not None:
        day = in_zone(found.looked_back_to, office_zone)
        return (
            f"The search was cut short: what begins before {day:%-d %b %Y} was not looked through."
            " Set days to look there."
        )
    return ""
