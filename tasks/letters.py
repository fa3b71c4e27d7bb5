"""From the database to a letter: looks up every fact that a mail about an appointment may show.

One query, at the moment of sending, so that a mail says what is true then; only what was before a change comes
from the command (`models/mail_facts.py`), and whoever is no longer part of it reads of nothing else. The
appointment's internal notes are not selected.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, text

from models.clock.display import at_offset, in_zone
from models.command_ledger import Claim
from models.mail_facts import MailFacts, Role, Told
from settings import Settings
from tasks.catalogue import SEND_ASSIGNMENT
from tasks.mail.addresses import Mailbox
from tasks.mail.letter import Kind, Letter, Moment, Previous, Reason, Wall
from tasks.mails_so_far import Entry, entry_of, mails_so_far

_FACTS = text("""
SELECT a.uuid, a.confirmed, a.order_id, a.location, a.summary, a.description, a.appt_type, a.allday,
  a.photographer_name, a.starts_at, a.stops_at, a.start_resolution, a.stop_resolution,
  a.date_start_local, a.time_start_local, a.date_stop_local, a.time_stop_local,
  a.zone_name, a.start_offset_s, a.stop_offset_s, a.office_zone, a.time_duration_s,
  a.requested_date, a.requested_time, a.optional, a.sequence, a.changed_at,
  a.cancelled, a.on_site_cancel, a.same_day_cancel,
  p.address, c.name AS client_name, c.email AS client_email, c.phone AS client_phone,
  c.assistant_emails, c.additional_emails,
  u.name AS photographer_user_name, u.email AS photographer_email,
  command.facts, command.sequence AS command_sequence, command.created_at AS planned_at,
  property_before.address AS address_before, user_before.name AS photographer_before
FROM appointments a
LEFT JOIN orders o ON o.id = a.order_id
LEFT JOIN properties p ON p.id = o.property_id
LEFT JOIN clients c ON c.id = o.client_id
LEFT JOIN users u ON u.id = a.photographer_user_id
LEFT JOIN all_commands command ON command.id = :command_id
LEFT JOIN properties property_before
  ON property_before.id = CAST(command.facts #>> '{previous,property_id}' AS bigint)
LEFT JOIN users user_before
  ON user_before.id = CAST(command.facts #>> '{previous,photographer_user_id}' AS bigint)
WHERE a.id = :id
""")
_LAST_COMMAND = text(
    "SELECT id, recipient FROM all_commands WHERE appointment_id = :id AND kind = :kind"
    " AND (kind = 'send-assignment' OR coalesce(facts ->> 'role', 'client') = :role)"
    " ORDER BY id DESC LIMIT 1"
)


class NothingToWriteError(LookupError):
    """No such letter can be written. The message is a sentence."""


def letter_for(
    connection: Connection,
    claimed: Claim,
    settings: Settings,
    spoken: str | None = None,
    entry: Entry | None = None,
) -> Letter:
    """The letter that a mail command sends: its facts as they stand now, its recipient as it was planned.

    `spoken` is the kind of mail if it is another than the command's, because its reader knows more, or less.
    `entry` is what the reader's calendar has; it is looked up when it is not given.
    """
    if entry is None:
        mails = mails_so_far(connection, claimed.appointment_id)
        entry = entry_of(mails, claimed.recipient, claimed.send_id)
    facts = connection.execute(_FACTS, {"id": claimed.appointment_id, "command_id": claimed.id}).one()
    kind: Kind = spoken or claimed.kind  # type: ignore[assignment] # the catalogue's mail kinds are the letter's
    told = MailFacts.from_json(facts.facts)
    letter = _letter(facts, claimed.appointment_id, kind, claimed.recipient, told, settings)
    return replace(
        letter,
        has_entry=entry.exists,
        entry=None if entry.shown is None else _previous(entry.shown, facts, settings.office_time_zone),
        # What calendars have is never older than what they are sent.
        sequence=max(letter.sequence, 0 if entry.shown is None else entry.shown.sequence),
    )


def letter_to_preview(
    connection: Connection, appointment_id: int, kind: Kind, role: Role, settings: Settings
) -> Letter:
    """The letter of that kind as it would go out now: after its last command, if there was one.

    Raises:
        NothingToWriteError: there is no such appointment, or nobody to write to.
    """
    last = connection.execute(_LAST_COMMAND, {"id": appointment_id, "kind": kind, "role": role}).one_or_none()
    facts = connection.execute(
        _FACTS, {"id": appointment_id, "command_id": None if last is None else last.id}
    ).one_or_none()
    if facts is None:
        raise NothingToWriteError(f"There is no appointment {appointment_id}.")
    recipient = facts.photographer_email if role == "photographer" else facts.client_email
    recipient = recipient if last is None else last.recipient
    if not recipient:
        whom = "photographer with a mail address" if role == "photographer" else "client with a mail address"
        raise NothingToWriteError(f"Appointment {appointment_id} has no {whom}; nobody would get this mail.")
    told = MailFacts.from_json(facts.facts)
    if told.role != role:
        told = told.model_copy(update={"role": role})
    return _letter(facts, appointment_id, kind, recipient, told, settings)


def _letter(
    facts: Row[Any], appointment_id: int, kind: Kind, recipient: str, told: MailFacts, settings: Settings
) -> Letter:
    role: Role = "photographer" if kind == SEND_ASSIGNMENT.name else told.role
    if told.withdrawn and told.previous is not None:
        return replace(
            _withdrawal(facts, appointment_id, kind, recipient, told.previous, role, settings),
            readdressed=told.readdressed,
        )
    office_zone = facts.office_zone or settings.office_time_zone
    to_photographer = role == "photographer"
    photographer = facts.photographer_name or facts.photographer_user_name or ""
    return Letter(
        kind=kind,
        role=role,
        confirmed=bool(facts.confirmed),
        cancelled=bool(facts.cancelled),
        tentative=bool(facts.optional),
        appointment_id=appointment_id,
        appointment_uuid=str(facts.uuid),
        sequence=facts.sequence,
        changed_at=facts.changed_at,
        previous=None if told.previous is None else _previous(told.previous, facts, office_zone),
        changed=told.changed,
        reason=_reason(facts),
        order_id=facts.order_id,
        to=Mailbox(recipient, photographer if to_photographer else facts.client_name or ""),
        cc=() if to_photographer else _copies(facts, recipient),
        client_name=facts.client_name or "",
        client_phone=(facts.client_phone or "") if to_photographer else "",
        photographer_name=photographer,
        address=facts.address or "",
        location=facts.location or "",
        summary=facts.summary or "",
        description=facts.description or "",
        appt_type=facts.appt_type or "",
        allday=bool(facts.allday),
        unresolved=facts.starts_at is None and facts.time_start_local is None and not facts.allday,
        local_start=_local(facts, "start", office_zone),
        local_stop=_local(facts, "stop", office_zone),
        zone_name=_zone_shown(facts, office_zone),
        office_start=None if facts.starts_at is None else in_zone(facts.starts_at, facts.office_zone),
        office_stop=None if facts.stops_at is None else in_zone(facts.stops_at, facts.office_zone),
        office_zone_name=facts.office_zone,
        duration_s=facts.time_duration_s,
        requested_date=facts.requested_date,
        requested_time=facts.requested_time,
        office_phone=settings.office_phone,
        appointment_url="" if to_photographer else settings.appointment_url.format(uuid=facts.uuid),
    )


def _withdrawal(
    facts: Row[Any],
    appointment_id: int,
    kind: Kind,
    recipient: str,
    told: Told,
    role: Role,
    settings: Settings,
) -> Letter:
    """To somebody who is no longer part of it: where and when it was as they know it, and nothing of today.

    What it is now may be another client's business.
    """
    before = replace(
        _previous(told, facts, settings.office_time_zone), photographer_name=facts.photographer_before or ""
    )
    to_photographer = role == "photographer"
    return Letter(
        kind=kind,
        role=role,
        withdrawn=True,
        confirmed=before.confirmed,
        appointment_id=appointment_id,
        appointment_uuid=str(facts.uuid),
        sequence=facts.command_sequence,
        changed_at=facts.planned_at,
        previous=before,
        order_id=told.order_id if to_photographer else None,
        to=Mailbox(recipient, (facts.photographer_before or "") if to_photographer else ""),
        address=before.address,
        allday=before.allday,
        unresolved=before.unresolved,
        local_start=before.local_start,
        local_stop=before.local_stop,
        zone_name=before.zone_name,
        office_start=None if told.starts_at is None else in_zone(told.starts_at, settings.office_time_zone),
        office_stop=None if told.stops_at is None else in_zone(told.stops_at, settings.office_time_zone),
        office_zone_name=settings.office_time_zone,
        duration_s=before.duration_s,
        office_phone=settings.office_phone,
    )


def _previous(told: Told, facts: Row[Any], office_zone: str) -> Previous:
    """What people were told, with the address and the name that belong to its ids today."""
    same_photographer = facts.photographer_before == facts.photographer_user_name
    return Previous(
        local_start=_local(told, "start", office_zone),
        local_stop=_local(told, "stop", office_zone),
        zone_name=_zone_shown(told, office_zone),
        duration_s=told.time_duration_s,
        allday=told.allday,
        unresolved=told.starts_at is None and not told.allday,
        confirmed=told.confirmed,
        address=facts.address_before or "",
        # The name that was sent stands before the one of the record; of the past only the record is known.
        photographer_name=(facts.photographer_name if same_photographer else None)
        or facts.photographer_before
        or "",
    )


def _reason(facts: Row[Any]) -> Reason:
    if facts.on_site_cancel:
        return "on-site"
    return "same-day" if facts.same_day_cancel else ""


def _copies(facts: Row[Any], recipient: str) -> tuple[Mailbox, ...]:
    """The client's assistants and additional addresses, each once, never the recipient again."""
    seen = {recipient.casefold()}
    copies = []
    for email in [*(facts.assistant_emails or ()), *(facts.additional_emails or ())]:
        if email.casefold() not in seen:
            seen.add(email.casefold())
            copies.append(Mailbox(email))
    return tuple(copies)


def _zone_shown(facts: Row[Any] | Told, office_zone: str) -> str | None:
    """The name of the zone in which the mail shows the times; None where that is a bare offset, or none is known."""
    is_known = facts.zone_name is not None or facts.start_offset_s is not None
    return facts.zone_name if is_known or facts.starts_at is None else office_zone


def _local(facts: Row[Any] | Told, endpoint: str, office_zone: str) -> Moment | None:
    """One endpoint as the property's clocks show it: an instant where one is known, else the wall reading.

    Where nobody knows the property's clocks, an instant is shown as the office's show it, with their zone's name:
    the time is settled, and only how the property counts it is not.
    """
    instant = facts.starts_at if endpoint == "start" else facts.stops_at
    offset_s = getattr(facts, f"{endpoint}_offset_s")
    wall_date = getattr(facts, f"date_{endpoint}_local")
    if facts.allday:
        return None if wall_date is None else Wall(wall_date)
    if instant is not None and facts.zone_name is not None:
        return in_zone(instant, facts.zone_name)
    if instant is not None and offset_s is not None:
        return at_offset(instant, offset_s)
    if instant is not None and (wall_date is None or getattr(facts, f"time_{endpoint}_local") is None):
        return in_zone(instant, office_zone)
    return None if wall_date is None else Wall(wall_date, getattr(facts, f"time_{endpoint}_local"))
