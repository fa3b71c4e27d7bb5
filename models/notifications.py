"""What developers must see: one row for each thing that went wrong, kept until somebody or success ends it.

`subject_key` names the thing (for a mail: appointment, kind, sequence and recipient), so that the same
trouble updates its row instead of making another. `cause` groups rows that one mend will end.
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Text,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Instant

MANDRILL_EMAIL_FAILED = "mandrill-email-failed"
MANDRILL_EMAIL_HELD = "mandrill-email-held"
MANDRILL_UNAVAILABLE = "mandrill-unavailable"
COMMAND_FAILED = "command-failed"


class Notification(Base):
    """A failure that a person should know of, with what happened and what to do (`hint`)."""

    __tablename__ = "notifications"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'resolved', 'ignored')", name="state_known"),
        CheckConstraint("severity IN ('low', 'high', 'critical')", name="severity_known"),
        Index("ix_notifications_open", "last_at", postgresql_where=text("state = 'open'")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    status: Mapped[str] = mapped_column(String(64), index=True)
    state: Mapped[str] = mapped_column(String(16), server_default="open")
    severity: Mapped[str] = mapped_column(String(16), server_default="high")
    subject_key: Mapped[str] = mapped_column(String(512), unique=True)
    cause: Mapped[str] = mapped_column(String(128))
    message: Mapped[str] = mapped_column(Text)
    hint: Mapped[str] = mapped_column(Text, server_default="")
    appointment_id: Mapped[int | None] = mapped_column(
        ForeignKey("appointments.id", ondelete="CASCADE"), index=True
    )
    # No foreign key: the command may be in the archive.
    command_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    recipient: Mapped[str | None] = mapped_column(String(320))
    http_status: Mapped[int | None] = mapped_column(Integer)
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    may_have_been_sent: Mapped[bool] = mapped_column(Boolean, server_default="false")
    request_id: Mapped[str | None] = mapped_column(String(64))
    first_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    last_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    closed_by: Mapped[str | None] = mapped_column(String(255))
