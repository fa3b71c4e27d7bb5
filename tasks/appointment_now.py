"""How an appointment stands at the moment when a mail about it is decided on and written: one row, in one query.

What belongs to it today is in the row: order, client, property and photographer. Its internal notes are not.
"""

import datetime as dt
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from models.command_states import OPEN, among
from models.mail_facts import Shown
from models.prepared import Prepared
from tasks.catalogue import RECONCILE_TIMES


class AppointmentNow(NamedTuple):
    """The fields are columns of `appointments`, and of what it refers to where the name says so."""

    uuid: UUID
    confirmed: bool | None
    order_id: int | None
    location: str | None
    summary: str | None
    description: str | None
    appt_type: str | None
    allday: bool | None
    photographer_name: str | None
    starts_at: dt.datetime | None
    stops_at: dt.datetime | None
    date_start_local: dt.date | None
    time_start_local: dt.time | None
    date_stop_local: dt.date | None
    time_stop_local: dt.time | None
    zone_name: str | None
    start_offset_s: int | None
    stop_offset_s: int | None
    office_zone: str | None
    time_duration_s: int | None
    requested_date: dt.date | None
    requested_time: dt.time | None
    optional: bool | None
    sequence: int
    changed_at: dt.datetime
    cancelled: bool | None
    on_site_cancel: bool | None
    same_day_cancel: bool | None
    photographer_user_id: int | None
    property_id: int | None
    address: str | None
    client_id: int | None
    client_name: str | None
    client_email: str | None
    client_phone: str | None
    assistant_emails: list[str] | None
    additional_emails: list[str] | None
    photographer_user_name: str | None
    photographer_email: str | None
    awaits_times: bool
    """Its times are being computed."""

    @property
    def shown(self) -> Shown:
        """What a mail that is written now shows."""
        stands: dict[str, Any] = {name: getattr(self, name) for name in _SHOWN}
        return Shown(**{**stands, **{name: bool(stands[name]) for name in _NO_UNLESS_SAID}})


_SHOWN: Final = tuple(name for name in Shown.model_fields if name in AppointmentNow._fields)
_NO_UNLESS_SAID: Final = ("confirmed", "allday", "cancelled")
_ELSEWHERE: Final = {
    "property_id": "o.property_id",
    "address": "p.address",
    "client_id": "o.client_id",
    "client_name": "c.name",
    "client_email": "c.email",
    "client_phone": "c.phone",
    "assistant_emails": "c.assistant_emails",
    "additional_emails": "c.additional_emails",
    "photographer_user_name": "u.name",
    "photographer_email": "u.email",
    "awaits_times": "EXISTS (SELECT FROM commands k WHERE k.appointment_id = a.id"
    f" AND k.kind = '{RECONCILE_TIMES.name}' AND (k.state IN {among(OPEN)}"
    " OR k.state = 'failed' AND a.reconciled_at IS NULL))",
}
_NOW = Prepared(f"""
SELECT {", ".join(_ELSEWHERE.get(name, f"a.{name}") for name in AppointmentNow._fields)}
FROM appointments a
LEFT JOIN orders o ON o.id = a.order_id
LEFT JOIN properties p ON p.id = o.property_id
LEFT JOIN clients c ON c.id = o.client_id
LEFT JOIN users u ON u.id = a.photographer_user_id
WHERE a.id = $1
""")  # noqa: S608 - constants


def appointment_now(connection: Connection, appointment_id: int) -> AppointmentNow | None:
    """The appointment as it stands; None when there is none."""
    row = _NOW.row(connection, appointment_id)
    return None if row is None else AppointmentNow._make(row)
