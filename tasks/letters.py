"""From the database to a letter: looks up every fact that a mail about an appointment may show.

It is looked up at the moment of sending, so that a mail says what is true then (`tasks/appointment_now.py`); only
what was before a change comes from the command (`models/mail_facts.py`), and whoever is no longer part of it reads
of nothing else.
"""

import datetime as dt
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection, text

from models.clock.display import at_offset, in_zone
from models.command_claims import Claim
from models.mail_facts import MailFacts, Role, Told
from models.prepared import Prepared
from settings import Settings
from tasks.appointment_now import AppointmentNow, appointment_now
from tasks.catalogue import KINDS
from tasks.mail.addresses import Mailbox
from tasks.mail.letter import Kind, Letter, Moment, Previous, Reason, Wall
from tasks.mails_so_far import Entry, entry_of, mails_so_far

_LAST_COMMAND = text(
    "SELECT id, sequence, recipient, facts FROM all_commands WHERE appointment_id = :id AND kind = :kind"
    " AND coalesce(CAST(:only_to AS text), facts ->> 'role', 'client') = :role"
    " ORDER BY id DESC LIMIT 1"
)
_FACTS = text("SELECT facts FROM all_commands WHERE id = :id")
_PAST = Prepared(
    "SELECT (SELECT created_at FROM all_commands WHERE id = $1),"
    " (SELECT address FROM properties WHERE id = $2), (SELECT name FROM users WHERE id = $3)"
)


class NothingToWriteError(LookupError):
    """No such letter can be written. The message is a sentence."""


class _Past(NamedTuple):
    """When the mail was planned, and what belongs today to the ids of what was before."""

    planned_at: dt.datetime | None = None
    address: str | None = None
    photographer_name: str | None = None


class _Command(NamedTuple):
    """The command that a letter is of."""

    id: int | None
    sequence: int
    recipient: str
    told: MailFacts


def letter_for(connection: Connection, claimed: Claim, settings: Settings) -> Letter:
    """The letter that a mail command sends: its facts as they stand now, its recipient as it was planned.

    Raises `sqlalchemy.exc.NoResultFound` when there is no such command.
    """
    told = MailFacts.from_json(connection.execute(_FACTS, {"id": claimed.id}).scalar_one())
    mails = mails_so_far(connection, claimed.appointment_id)
    entry = entry_of(mails, claimed.recipient, claimed.send_id)
    now = appointment_now(connection, claimed.appointment_id)
    if now is None:
        raise NothingToWriteError(f"There is no appointment {claimed.appointment_id}.")
    return letter_of(connection, claimed, claimed.kind, told, entry, now, settings)


def letter_of(
    connection: Connection,
    claimed: Claim,
    spoken: str,
    told: MailFacts,
    entry: Entry,
    now: AppointmentNow,
    settings: Settings,
) -> Letter:
    """The same, of what was looked up before and decided on.

    `spoken` is the kind of mail: another than the command's if its reader knows more, or less. `told` is what the
    command remembers, `entry` what the reader's calendar has.
    """
    command = _Command(claimed.id, claimed.sequence, claimed.recipient, told)
    past = _past(connection, command)
    letter = _letter(now, past, claimed.appointment_id, spoken, command, settings)
    return replace(
        letter,
        has_entry=entry.exists,
        entry=None if entry.shown is None else _previous(entry.shown, now, past, settings.office_time_zone),
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
    which = {"id": appointment_id, "kind": kind, "role": role, "only_to": KINDS[kind].only_to}
    last = connection.execute(_LAST_COMMAND, which).one_or_none()
    now = appointment_now(connection, appointment_id)
    if now is None:
        raise NothingToWriteError(f"There is no appointment {appointment_id}.")
    recipient = now.photographer_email if role == "photographer" else now.client_email
    recipient = recipient if last is None else last.recipient
    if not recipient:
        whom = "photographer with a mail address" if role == "photographer" else "client with a mail address"
        raise NothingToWriteError(f"Appointment {appointment_id} has no {whom}; nobody would get this mail.")
    told = MailFacts.from_json(None if last is None else last.facts)
    if told.role != role:
        told = told.model_copy(update={"role": role})
    command = _Command(
        None if last is None else last.id, 0 if last is None else last.sequence, recipient, told
    )
    return _letter(now, _past(connection, command), appointment_id, kind, command, settings)


def _past(connection: Connection, command: _Command) -> _Past:
    previous = command.told.previous
    if previous is None:
        return _Past()
    row = _PAST.row(connection, command.id, previous.property_id, previous.photographer_user_id)
    return _Past() if row is None else _Past._make(row)


def _letter(
    now: AppointmentNow,
    past: _Past,
    appointment_id: int,
    kind: Kind,
    command: _Command,
    settings: Settings,
) -> Letter:
    told, recipient = command.told, command.recipient
    role: Role = KINDS[kind].only_to or told.role
    if told.withdrawn and told.previous is not None:
        return replace(
            _withdrawal(now, past, appointment_id, kind, command, told.previous, role, settings),
            readdressed=told.readdressed,
        )
    office_zone = now.office_zone or settings.office_time_zone
    to_photographer = role == "photographer"
    photographer = now.photographer_name or now.photographer_user_name or ""
    return Letter(
        kind=kind,
        role=role,
        confirmed=bool(now.confirmed),
        cancelled=bool(now.cancelled),
        tentative=bool(now.optional),
        appointment_id=appointment_id,
        appointment_uuid=str(now.uuid),
        sequence=now.sequence,
        changed_at=now.changed_at,
        previous=None if told.previous is None else _previous(told.previous, now, past, office_zone),
        changed=told.changed,
        reason=_reason(now),
        order_id=now.order_id,
        to=Mailbox(recipient, photographer if to_photographer else now.client_name or ""),
        cc=() if to_photographer else _copies(now, recipient),
        client_name=now.client_name or "",
        client_phone=(now.client_phone or "") if to_photographer else "",
        photographer_name=photographer,
        address=now.address or "",
        location=now.location or "",
        summary=now.summary or "",
        description=now.description or "",
        appt_type=now.appt_type or "",
        allday=bool(now.allday),
        unresolved=now.starts_at is None and now.time_start_local is None and not now.allday,
        local_start=_local(now, "start", office_zone),
        local_stop=_local(now, "stop", office_zone),
        zone_name=_zone_shown(now, office_zone),
        office_start=None if now.starts_at is None else in_zone(now.starts_at, office_zone),
        office_stop=None if now.stops_at is None else in_zone(now.stops_at, office_zone),
        office_zone_name=now.office_zone,
        duration_s=now.time_duration_s,
        requested_date=now.requested_date,
        requested_time=now.requested_time,
        office_phone=settings.office_phone,
        appointment_url="" if to_photographer else settings.appointment_url.format(uuid=now.uuid),
    )


def _withdrawal(
    now: AppointmentNow,
    past: _Past,
    appointment_id: int,
    kind: Kind,
    command: _Command,
    told: Told,
    role: Role,
    settings: Settings,
) -> Letter:
    """To somebody who is no longer part of it: where and when it was as they know it, and nothing of today.

    What it is now may be another client's business.
    """
    before = replace(
        _previous(told, now, past, settings.office_time_zone), photographer_name=past.photographer_name or ""
    )
    to_photographer = role == "photographer"
    return Letter(
        kind=kind,
        role=role,
        withdrawn=True,
        confirmed=before.confirmed,
        appointment_id=appointment_id,
        appointment_uuid=str(now.uuid),
        sequence=command.sequence,
        changed_at=past.planned_at,
        previous=before,
        order_id=told.order_id if to_photographer else None,
        to=Mailbox(command.recipient, (past.photographer_name or "") if to_photographer else ""),
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


def _previous(told: Told, now: AppointmentNow, past: _Past, office_zone: str) -> Previous:
    """What people were told, with the address and the name that belong to its ids today."""
    same_photographer = past.photographer_name == now.photographer_user_name
    return Previous(
        local_start=_local(told, "start", office_zone),
        local_stop=_local(told, "stop", office_zone),
        zone_name=_zone_shown(told, office_zone),
        duration_s=told.time_duration_s,
        allday=told.allday,
        unresolved=told.starts_at is None and not told.allday,
        confirmed=told.confirmed,
        address=past.address or "",
        # The name that was sent stands before the one of the record; of the past only the record is known.
        photographer_name=(now.photographer_name if same_photographer else None)
        or past.photographer_name
        or "",
    )


def _reason(now: AppointmentNow) -> Reason:
    if now.on_site_cancel:
        return "on-site"
    return "same-day" if now.same_day_cancel else ""


def _copies(now: AppointmentNow, recipient: str) -> tuple[Mailbox, ...]:
    """The client's assistants and additional addresses, each once, never the recipient again."""
    seen = {recipient.casefold()}
    copies = []
    for email in [*(now.assistant_emails or ()), *(now.additional_emails or ())]:
        if email.casefold() not in seen:
            seen.add(email.casefold())
            copies.append(Mailbox(email))
    return tuple(copies)


def _zone_shown(facts: AppointmentNow | Told, office_zone: str) -> str | None:
    """The name of the zone in which the mail shows the times; None where that is a bare offset, or none is known."""
    is_known = facts.zone_name is not None or facts.start_offset_s is not None
    return facts.zone_name if is_known or facts.starts_at is None else office_zone


def _local(facts: AppointmentNow | Told, endpoint: str, office_zone: str) -> Moment | None:
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
