"""One row for each mail that was handed, or about to be handed, to the provider.

A row is written before the first byte goes out and keeps its `send_id` over retries; a resend by a person
makes a new row. Bodies are not kept: they can be composed again from the appointment.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Integer,
    String,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Instant

OUTCOMES = ("sending", "accepted", "held", "refused", "not-accepted", "unknown")
"""*sending*: no answer yet. *held*: accepted, but the provider keeps it back. The others as design law 8."""


class Email(Base):
    """One message to one set of recipients. `provider_id` is Mandrill's `_id` for the main recipient.

    `last_event` is what the provider told of the main recipient's message at last (`models/mail_events.py`).
    """

    __tablename__ = "emails"
    __table_args__ = (
        CheckConstraint("outcome IN (" + ", ".join(f"'{o}'" for o in OUTCOMES) + ")", name="outcome_known"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    send_id: Mapped[UUID] = mapped_column(Uuid, unique=True)
    # No foreign key: the command may be in the archive.
    command_id: Mapped[int] = mapped_column(BigInteger, index=True)
    appointment_id: Mapped[int] = mapped_column(ForeignKey("appointments.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    recipient: Mapped[str] = mapped_column(String(320))
    copies: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    outcome: Mapped[str] = mapped_column(String(16), server_default="sending")
    provider_id: Mapped[str | None] = mapped_column(String(64), index=True)
    cause: Mapped[str | None] = mapped_column(String(128))
    detail: Mapped[str | None] = mapped_column(Text)
    http_status: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    decided_at: Mapped[datetime | None] = mapped_column(Instant)
    attempts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    """What became of each try, oldest first: `at`, `outcome`, `cause`, `http_status`, `code` (the provider's number of
    the error), `detail`, and the `template` with its `template_version` if a mail was written for it."""
    last_event: Mapped[str | None] = mapped_column(String(40))
    last_event_at: Mapped[datetime | None] = mapped_column(Instant)
