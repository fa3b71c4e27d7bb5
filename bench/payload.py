"""The body that is posted: 45 of the 50 parameters, about 1.4 KB, as a FileMaker script writes them."""

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from bench.records import Records

_UUID = "00000000-0000-4000-8000-000000000000"
_DAY, _WINDOW_END = b"{day}", b"{window_end}"
_DAYS = 720
"""So far ahead the diaries reach: no photographer is booked twice within 36,000 creates, as in a real office."""


def fields(records: Records, number: int) -> dict[str, Any]:
    """Appointment `number`: each order and photographer in turn, and a later day with each turn.

    Its `uuid` is a placeholder.
    """
    turn, place = divmod(number, len(records.orders))
    day = datetime.now(UTC).date() + timedelta(days=7 + turn % _DAYS)
    us_date = f"{day.month}/{day.day}/{day.year}"
    later = day + timedelta(days=2)
    order, photographer = records.orders[place], records.photographers[place % len(records.photographers)]
    return {
        "token": records.token,
        "application": "planoauth",
        "session_view": "none",
        "confirmed": True,
        "cancelled": False,
        "allday": False,
        "appt_type": "photo shoot",
        "confirmed_by": "Dana Whitfield",
        "date_start_local": us_date,
        "date_start_office": us_date,
        "date_stop_local": us_date,
        "date_stop_office": us_date,
        "delivery_type": "download",
        "description": "Interior and exterior photographs, a floor plan and a twilight view of the front.",
        "location": f"{100 + place} Larimer Street, Denver, CO 80202",
        "notes": "The doorman has the key from 10:30; the tenant's dog is friendly.",
        "optional": False,
        "order_id": order.id,
        "order_request_appt_id": order.request_id,
        "photographer_name": photographer.name,
        "photographer_user_id": photographer.id,
        "requested_date": us_date,
        "requested_time": "11:00:00",
        "time_start_local": "11:00:00",
        "time_start_office": "11:00:00",
        "time_stop_local": "12:30:00",
        "time_stop_office": "12:30:00",
        "summary": "Photo shoot, Larimer Street",
        "time_duration": "1:30",
        "created_by": "Dana Whitfield",
        "created_in": "PlanOrder",
        "updated_at_mt": "11/20/2026 2:05:09 PM",
        "updated_by": "Dana Whitfield",
        "uuid": _UUID,
        "confirmed_at": "2026-11-20T21:05:00Z",
        "month_first": True,
        "time_duration_s": 5400,
        "ready_to_schedule": True,
        "window_date_start": us_date,
        "window_date_end": f"{later.month}/{later.day}/{later.year}",
        "window_time_start": 28_800,
        "window_time_end": 64_800,
        "on_site_cancel": False,
        "same_day_cancel": False,
        "updated_at": "2026-11-20T21:05:09Z",
    }


def bodies(records: Records) -> Callable[[], bytes]:
    """A function that gives the next appointment's body, with a new uuid. Costs some 5 µs."""
    numbers = itertools.count()
    today = datetime.now(UTC).date()
    templates = [_template(records, number) for number in range(len(records.orders))]
    days = [today + timedelta(days=7 + turn) for turn in range(_DAYS + 2)]
    spelled = [f"{day.month}/{day.day}/{day.year}".encode() for day in days]

    def body() -> bytes:
        turn, place = divmod(next(numbers), len(templates))
        turn %= _DAYS
        text = templates[place].replace(_DAY, spelled[turn]).replace(_WINDOW_END, spelled[turn + 2])
        return text.replace(_UUID.encode(), str(uuid4()).encode())

    return body


def _template(records: Records, number: int) -> bytes:
    return json.dumps(
        {
            name: {"window_date_end": _WINDOW_END.decode()}.get(name, _DAY.decode())
            if "date" in name and isinstance(value, str) and "/" in value and name != "updated_at_mt"
            else value
            for name, value in fields(records, number).items()
        },
        separators=(",", ":"),
    ).encode()
