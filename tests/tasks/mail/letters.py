"""A letter with every fact filled in, to be varied by the tests."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tasks.mail.addresses import Mailbox
from tasks.mail.compose import Mail, compose
from tasks.mail.letter import Letter

DENVER = ZoneInfo("America/Denver")
NEW_YORK = ZoneInfo("America/New_York")
MAIL_FROM = "PlanOmatic <appointments@example.com>"
START = datetime(2026, 11, 26, 16, 0, tzinfo=UTC)
STOP = START + timedelta(minutes=90)


def a_letter(**changes: Any) -> Letter:
    facts: dict[str, Any] = {
        "kind": "send-confirmation",
        "confirmed": True,
        "appointment_id": 1042,
        "appointment_uuid": "0190c2f5-7a2b-7cc0-9d2e-3f1c5b8a7e61",
        "order_id": 77,
        "to": Mailbox("client@example.com", "Dana Client"),
        "cc": (Mailbox("assistant@example.com", "Alex Assistant"),),
        "client_name": "Dana Client",
        "photographer_name": "Robin Lens",
        "address": "123 Main Street, Denver, CO 80202",
        "location": "Meet at the side gate",
        "summary": "Floor plan and photos",
        "description": "Two storeys.\nThe gate code is 4711.",
        "appt_type": "Photo shoot",
        "local_start": START.astimezone(DENVER),
        "local_stop": STOP.astimezone(DENVER),
        "zone_name": "America/Denver",
        "office_start": START.astimezone(DENVER),
        "office_stop": STOP.astimezone(DENVER),
        "office_zone_name": "America/Denver",
        "duration_s": 5400,
        "requested_date": date(2026, 11, 27),
        "requested_time": time(10, 0),
        "public_url": "https://appointments.example.com",
    }
    return Letter(**{**facts, **changes})


def a_mail(**changes: Any) -> Mail:
    return compose(a_letter(**changes), mail_from=MAIL_FROM)
