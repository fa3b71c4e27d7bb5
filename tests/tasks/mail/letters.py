"""A letter with every fact filled in, to be varied by the tests."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tasks.mail.addresses import Mailbox
from tasks.mail.compose import Mail, compose
from tasks.mail.letter import Letter, Previous, Wall

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
        "sequence": 0,
        "changed_at": datetime(2026, 11, 20, 17, 30, tzinfo=UTC),
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
        "office_phone": "+1 303 555 0100",
        "appointment_url": "https://app.example.com/appointments/0190c2f5-7a2b-7cc0-9d2e-3f1c5b8a7e61",
    }
    return Letter(**{**facts, **changes})


def a_mail(**changes: Any) -> Mail:
    return compose(a_letter(**changes), mail_from=MAIL_FROM)


TOKYO = ZoneInfo("Asia/Tokyo")
DAY = timedelta(days=1)
TO_PHOTOGRAPHER: dict[str, Any] = {
    "role": "photographer",
    "to": Mailbox("robin@example.com", "Robin Lens"),
    "cc": (),
    "client_phone": "(303) 555-0117",
    "appointment_url": "",
}
UNDECIDED: dict[str, Any] = {
    "unresolved": True,
    "local_start": None,
    "local_stop": None,
    "office_start": None,
    "office_stop": None,
    "zone_name": None,
    "duration_s": None,
}


def before(**changes: Any) -> Previous:
    """What the appointment was: a day and an hour earlier than `a_letter`, otherwise the same."""
    facts: dict[str, Any] = {
        "local_start": (START - DAY - timedelta(hours=1)).astimezone(DENVER),
        "local_stop": (STOP - DAY - timedelta(hours=1)).astimezone(DENVER),
        "zone_name": "America/Denver",
        "duration_s": 5400,
        "confirmed": True,
        "address": "123 Main Street, Denver, CO 80202",
        "photographer_name": "Robin Lens",
    }
    return Previous(**{**facts, **changes})


def at(zone: ZoneInfo, name: str, start: datetime = START, stop: datetime | None = STOP) -> dict[str, Any]:
    """The facts of a time in another zone, with the office in Denver."""
    return {
        "local_start": start.astimezone(zone),
        "local_stop": None if stop is None else stop.astimezone(zone),
        "zone_name": name,
        "office_start": start.astimezone(DENVER),
        "office_stop": None if stop is None else stop.astimezone(DENVER),
        "duration_s": None if stop is None else round((stop - start).total_seconds()),
    }


def whole_days(first: date, last: date) -> dict[str, Any]:
    return {
        "allday": True,
        "local_start": Wall(first),
        "local_stop": Wall(last),
        "office_start": None,
        "office_stop": None,
        "duration_s": None,
    }


CHANGED = {"kind": "send-change", "sequence": 1}
CANCELLED = {"kind": "send-cancellation", "sequence": 2}
FIRST_HALF_PAST_ONE = datetime(2026, 11, 1, 7, 30, tzinfo=UTC)
LONG = "Photographs of every room with the shades up, the roof from the drone, and the garden. " * 12

CASES: dict[str, dict[str, Any]] = {
    "confirmed": {},
    "confirmed-in-another-zone": at(NEW_YORK, "America/New_York"),
    "confirmed-on-another-date-than-the-office": at(TOKYO, "Asia/Tokyo"),
    "confirmed-without-a-time": UNDECIDED,
    "confirmed-whole-day": whole_days(date(2026, 11, 26), date(2026, 11, 26)),
    "confirmed-several-days": whole_days(date(2026, 11, 26), date(2026, 11, 28)),
    "confirmed-over-the-change-of-clocks": at(
        DENVER, "America/Denver", FIRST_HALF_PAST_ONE, FIRST_HALF_PAST_ONE + timedelta(hours=1)
    ),
    "confirmed-past-midnight": at(
        DENVER, "America/Denver", START + timedelta(hours=13), START + timedelta(hours=18)
    ),
    "confirmed-tentative": {"tentative": True},
    "confirmed-bare": {
        "client_name": "",
        "photographer_name": "",
        "address": "",
        "location": "",
        "summary": "",
        "description": "",
        "appt_type": "",
        "order_id": None,
        "office_phone": "",
        "appointment_url": "",
        "to": Mailbox("client@example.com"),
    },
    "confirmed-long": {
        "summary": LONG[:255],
        "location": "Rückseite, über die Straße „Am Grünen Hügel“, 東京都千代田区丸の内一丁目",
        "description": f"{LONG}\n\n{LONG}\nhttps://example.com/{'very-long-path/' * 12}",
        "address": "Gebäude Ä, 1234 North Extraordinarily Long Boulevard, Truth or Consequences, NM 87901",
        "photographer_name": "Wolfeschlegelsteinhausenbergerdorff, Hubert Blaine",
    },
    "request": {"confirmed": False},
    "request-without-a-time": {"confirmed": False, **UNDECIDED},
    "assignment": {"kind": "send-assignment", **TO_PHOTOGRAPHER},
    "assignment-not-confirmed": {"kind": "send-assignment", "confirmed": False, **TO_PHOTOGRAPHER},
    "changed-time": {**CHANGED, "previous": before()},
    "changed-time-for-the-photographer": {**CHANGED, **TO_PHOTOGRAPHER, "previous": before()},
    "changed-place": {
        **CHANGED,
        **at(NEW_YORK, "America/New_York"),
        "address": "350 Fifth Avenue, New York, NY 10118",
        "previous": before(
            local_start=START.astimezone(DENVER),
            local_stop=STOP.astimezone(DENVER),
            photographer_name="Sasha Shutter",
        ),
        "changed": ("location", "description"),
    },
    "changed-to-undecided": {**CHANGED, **UNDECIDED, "previous": before()},
    "changed-request": {**CHANGED, "confirmed": False, "previous": before(confirmed=False)},
    "changed-without-what-was-before": CHANGED,
    "changed-several-days": {
        **CHANGED,
        **whole_days(date(2026, 11, 26), date(2026, 11, 28)),
        "previous": before(allday=True, local_start=Wall(date(2026, 11, 26)), local_stop=None),
    },
    "withdrawn-from-the-photographer": {
        **CANCELLED,
        **TO_PHOTOGRAPHER,
        "withdrawn": True,
        "previous": before(),
    },
    "cancelled": CANCELLED,
    "cancelled-on-site": {**CANCELLED, "reason": "on-site"},
    "cancelled-same-day": {**CANCELLED, "reason": "same-day"},
    "cancelled-for-the-photographer": {**CANCELLED, **TO_PHOTOGRAPHER},
    "cancelled-on-site-for-the-photographer": {**CANCELLED, **TO_PHOTOGRAPHER, "reason": "on-site"},
    "cancelled-request-without-a-time": {**CANCELLED, "confirmed": False, **UNDECIDED},
}
"""Every kind of mail, with the appointments that are easily shown wrong."""
