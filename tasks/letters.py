"""From the database to a letter: looks up every fact that a mail about an appointment may show.

One query, at the moment of sending, so that a mail says what is true then. The appointment's internal notes
are not selected.
"""

from typing import Any

from sqlalchemy import Connection, Row, text

from models.clock.display import at_offset, in_zone
from models.command_ledger import Claim
from settings import Settings
from tasks.catalogue import SEND_ASSIGNMENT
from tasks.mail.addresses import Mailbox
from tasks.mail.letter import Letter, Moment, Wall

_FACTS = text("""
SELECT a.uuid, a.confirmed, a.order_id, a.location, a.summary, a.description, a.appt_type, a.allday,
  a.photographer_name, a.starts_at, a.stops_at, a.start_resolution, a.stop_resolution,
  a.date_start_local, a.time_start_local, a.date_stop_local, a.time_stop_local,
  a.zone_name, a.start_offset_s, a.stop_offset_s, a.office_zone, a.time_duration_s,
  a.requested_date, a.requested_time,
  p.address, c.name AS client_name, c.email AS client_email, c.assistant_emails, c.additional_emails,
  u.name AS photographer_user_name
FROM appointments a
LEFT JOIN orders o ON o.id = a.order_id
LEFT JOIN properties p ON p.id = o.property_id
LEFT JOIN clients c ON c.id = o.client_id
LEFT JOIN users u ON u.id = a.photographer_user_id
WHERE a.id = :id
""")


def letter_for(connection: Connection, claimed: Claim, settings: Settings) -> Letter:
    """The letter that a mail command sends: its facts as they stand now, its recipient as it was planned."""
    facts = connection.execute(_FACTS, {"id": claimed.appointment_id}).one()
    to_photographer = claimed.kind == SEND_ASSIGNMENT.name
    photographer = facts.photographer_name or facts.photographer_user_name or ""
    return Letter(
        kind=claimed.kind,  # type: ignore[arg-type] # the catalogue's mail kinds are the letter's
        confirmed=bool(facts.confirmed),
        appointment_id=claimed.appointment_id,
        appointment_uuid=str(facts.uuid),
        order_id=facts.order_id,
        to=Mailbox(claimed.recipient, photographer if to_photographer else facts.client_name or ""),
        cc=() if to_photographer else _copies(facts, claimed.recipient),
        client_name=facts.client_name or "",
        photographer_name=photographer,
        address=facts.address or "",
        location=facts.location or "",
        summary=facts.summary or "",
        description=facts.description or "",
        appt_type=facts.appt_type or "",
        allday=bool(facts.allday),
        unresolved=facts.starts_at is None and not facts.allday,
        local_start=_local(facts, "start"),
        local_stop=_local(facts, "stop"),
        zone_name=facts.zone_name,
        office_start=None if facts.starts_at is None else in_zone(facts.starts_at, facts.office_zone),
        office_stop=None if facts.stops_at is None else in_zone(facts.stops_at, facts.office_zone),
        office_zone_name=facts.office_zone,
        duration_s=facts.time_duration_s,
        requested_date=facts.requested_date,
        requested_time=facts.requested_time,
        public_url=settings.public_url,
    )


def _copies(facts: Row[Any], recipient: str) -> tuple[Mailbox, ...]:
    """The client's assistants and additional addresses, each once, never the recipient again."""
    seen = {recipient.casefold()}
    copies = []
    for email in [*(facts.assistant_emails or ()), *(facts.additional_emails or ())]:
        if email.casefold() not in seen:
            seen.add(email.casefold())
            copies.append(Mailbox(email))
    return tuple(copies)


def _local(facts: Row[Any], endpoint: str) -> Moment | None:
    """One endpoint as the property's clocks show it: an instant where one is known, else the wall reading."""
    instant = facts.starts_at if endpoint == "start" else facts.stops_at
    offset_s = getattr(facts, f"{endpoint}_offset_s")
    wall_date = getattr(facts, f"date_{endpoint}_local")
    if facts.allday:
        return None if wall_date is None else Wall(wall_date)
    if instant is not None and facts.zone_name is not None:
        return in_zone(instant, facts.zone_name)
    if instant is not None and offset_s is not None:
        return at_offset(instant, offset_s)
    return None if wall_date is None else Wall(wall_date, getattr(facts, f"time_{endpoint}_local"))
