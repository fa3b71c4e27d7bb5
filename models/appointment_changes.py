"""The history of an appointment: who changed what, when, through which application, from what to what.

A row is written in the transaction of the change itself and never altered. How the appointment was created is
not repeated here: the appointment's own row tells it, with these changes undone.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, Integer, String, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Instant


class AppointmentChange(Base):
    """One change by one request.

    `changes` is a list of `{"field", "old", "new"}` in the canonical spellings of answers; it covers the columns
    that callers set, and `supplied` fields that the change superseded. Who called is taken from the token.
    `sequence` is the appointment's after the change.
    """

    __tablename__ = "appointment_changes"
    __table_args__ = (
        CheckConstraint("action IN ('update', 'cancel')", name="action_known"),
        CheckConstraint("caller_kind IN ('application', 'session')", name="caller_kind_known"),
        Index("ix_appointment_changes_appointment_id", "appointment_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    appointment_id: Mapped[int] = mapped_column(ForeignKey("appointments.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    action: Mapped[str] = mapped_column(String(16))
    changes: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    sequence: Mapped[int] = mapped_column(Integer)
    updated_at_mt: Mapped[str] = mapped_column(String(255))
    caller_kind: Mapped[str] = mapped_column(String(16))
    caller_role: Mapped[str] = mapped_column(String(16))
    caller_name: Mapped[str] = mapped_column(String(320))
    caller_user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    caller_application_id: Mapped[int] = mapped_column(ForeignKey("applications.id"))
    request_id: Mapped[str] = mapped_column(String(64))
