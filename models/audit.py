"""Who did what by hand: one row for each action of a person or an application on a record.

Rows are only ever added. They hold ids, states and masked addresses; never a token, a key or the text of a mail.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Identity, Index, String, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Instant


class AuditEntry(Base):
    """One action. `via` is the application that it came through, or `command-line`.

    `scope` and `idempotency_key` tell a repeated request from a second one.
    """

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_subject", "subject", "subject_id", "at"),
        Index(
            "uq_audit_entries_idempotency",
            "action",
            "scope",
            "idempotency_key",
            unique=True,
            postgresql_where=text("idempotency_key IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    actor: Mapped[str] = mapped_column(String(255))
    via: Mapped[str] = mapped_column(String(63))
    scope: Mapped[str] = mapped_column(String(63))
    action: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(BigInteger)
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    request_id: Mapped[str | None] = mapped_column(String(64))
    idempotency_key: Mapped[str | None] = mapped_column(String(255))


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a `name` for people, the application they came `via`, and a `scope` that is theirs alone."""

    name: str = field(repr=False)
    via: str
    scope: str
    request_id: str | None = None


_NOTE = text(
    "INSERT INTO audit_entries (actor, via, scope, action, subject, subject_id, detail, request_id, idempotency_key)"
    " SELECT :actor, :via, :scope, :action, :subject, entry.id, entry.detail, :request_id, :idempotency_key"
    " FROM jsonb_to_recordset(CAST(:entries AS jsonb)) AS entry (id bigint, detail jsonb)"
    " ON CONFLICT DO NOTHING RETURNING id"
)
_READ = text(
    "SELECT at, actor, via, action, detail, request_id FROM audit_entries"
    " WHERE subject = :subject AND subject_id = :id ORDER BY at, id"
)


def note(
    connection: Connection,
    actor: Actor,
    action: str,
    subject: str,
    details: dict[int, dict[str, Any]],
    idempotency_key: str | None = None,
) -> bool:
    """Write an action down, once for each record of `details`; False when the key was used for it before.

    In the transaction of the action itself. With an `idempotency_key` there is one record only.
    """
    if not details:
        return True
    written = connection.execute(
        _NOTE,
        {
            "actor": actor.name[:255],
            "via": actor.via,
            "scope": actor.scope,
            "action": action,
            "subject": subject,
            "entries": json.dumps([{"id": number, "detail": detail} for number, detail in details.items()]),
            "request_id": actor.request_id,
            "idempotency_key": idempotency_key,
        },
    )
    return written.first() is not None


def entries(connection: Connection, subject: str, subject_id: int) -> list[dict[str, Any]]:
    """What was done to a record, oldest first."""
    return [dict(row) for row in connection.execute(_READ, {"subject": subject, "id": subject_id}).mappings()]
