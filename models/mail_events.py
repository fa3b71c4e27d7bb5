"""What the mail provider told us after it had a mail: one row for each event, kept whatever its kind.

A row is written once for (`provider_id`, `event`, `at`), however often and in whatever order the provider tells
it, so that everything which follows from an event follows once. What an event means is decided from all the
rows of a mail, never from the order in which they came.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Connection, Identity, String, Text, UniqueConstraint, Uuid, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Instant

PROOFS = (
    *("send", "delivered", "deferral", "soft_bounce", "hard_bounce"),
    *("open", "click", "spam", "unsub"),
)
"""Events that happen only to a mail which the provider has taken."""

REFUSALS = ("reject", "hard_bounce")
"""Events after which the recipient will not get the mail."""

PASSING_REASONS = ("soft-bounce",)
"""Reasons of a rejection that end by themselves; the mail is tried again without a person."""


class MailEvent(Base):
    """One event of one message. `provider_id` is the provider's id of the message to this `recipient`."""

    __tablename__ = "mail_events"
    __table_args__ = (UniqueConstraint("provider_id", "event", "at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    provider_id: Mapped[str] = mapped_column(String(80))
    event: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(Instant)
    send_id: Mapped[UUID | None] = mapped_column(Uuid, index=True)
    recipient: Mapped[str] = mapped_column(String(320), server_default="")
    reason: Mapped[str | None] = mapped_column(String(128))
    detail: Mapped[str | None] = mapped_column(Text)
    received_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A row to be, or as it was written. `at` is aware."""

    provider_id: str
    event: str
    at: datetime
    send_id: UUID | None = None
    recipient: str = ""
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the events of a mail say about its main recipient. `reason` is that of a refusal."""

    is_refused: bool
    event: str
    provider_id: str | None
    reason: str | None


_KEEP = text(
    "INSERT INTO mail_events (provider_id, event, at, send_id, recipient, reason, detail)"
    " SELECT provider_id, event, at, send_id, recipient, reason, detail"
    " FROM jsonb_to_recordset(CAST(:events AS jsonb)) AS told (provider_id text, event text, at timestamptz,"
    " send_id uuid, recipient text, reason text, detail text)"
    # In one order, because two who store the same events at once wait for each other's.
    " ORDER BY provider_id, event, at, recipient"
    " ON CONFLICT DO NOTHING RETURNING provider_id, event, at, send_id, recipient, reason, detail"
)
_VERDICTS = text(
    "SELECT DISTINCT ON (m.send_id) m.send_id, v.event, v.reason, own.provider_id,"
    " v.event = ANY(:refusals) AND v.is_main AS is_refused"
    " FROM emails m CROSS JOIN LATERAL ("
    "  SELECT e.event, e.reason, e.provider_id, lower(e.recipient) = lower(m.recipient) AS is_main"
    "  FROM mail_events e WHERE e.send_id = m.send_id"
    " ) v LEFT JOIN LATERAL (SELECT o.provider_id FROM mail_events o WHERE o.send_id = m.send_id"
    " AND lower(o.recipient) = lower(m.recipient) LIMIT 1) own ON true"
    " WHERE m.send_id = ANY(:send_ids) AND (v.event = ANY(:proofs)"
    " OR (v.event = ANY(:refusals) AND v.is_main AND coalesce(v.reason, '') <> ALL(:passing)))"
    " ORDER BY m.send_id, (v.event = ANY(:refusals) AND v.is_main) DESC, v.event = 'delivered' DESC"
)


def keep(connection: Connection, events: Iterable[StoredEvent]) -> list[StoredEvent]:
    """Store events; those that were not known yet, once each."""
    told = list(events)
    rows = [
        {
            **asdict(event),
            "at": event.at.isoformat(),
            "send_id": None if event.send_id is None else str(event.send_id),
        }
        for event in told
    ]
    if not rows:
        return []
    new = [StoredEvent(**row) for row in connection.execute(_KEEP, {"events": json.dumps(rows)}).mappings()]
    as_told = {_identity(event): number for number, event in enumerate(told)}
    return sorted(new, key=lambda event: as_told.get(_identity(event), 0))


def _identity(event: StoredEvent) -> tuple[str, str, datetime, str]:
    return event.provider_id, event.event, event.at, event.recipient


def verdicts(connection: Connection, send_ids: Sequence[UUID]) -> dict[UUID, Verdict]:
    """What is known of these mails from events alone, by `send_id`; a mail of which nothing is proven is absent.

    An event about any recipient proves that the provider took the mail; only one about the main recipient
    refuses it. A rejection that will pass (`PASSING_REASONS`) proves nothing.
    """
    if not send_ids:
        return {}
    rows = connection.execute(
        _VERDICTS,
        {
            "send_ids": list(send_ids),
            "proofs": list(PROOFS),
            "refusals": list(REFUSALS),
            "passing": list(PASSING_REASONS),
        },
    )
    return {row.send_id: Verdict(row.is_refused, row.event, row.provider_id, row.reason) for row in rows}
