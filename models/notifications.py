"""What developers must see: one row for each thing that went wrong, kept until somebody or success ends it.

`subject_key` names the thing (for a mail: appointment, kind, sequence and recipient), so that the same
trouble updates its row instead of making another. `cause` names what happened; rows with the same `cause_key`
are ended by one mend, and when many of them come at once they hang on one incident (`models/incidents.py`).
"""

from datetime import datetime
from uuid import UUID

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
    Uuid,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Instant

MANDRILL_EMAIL_FAILED = "mandrill-email-failed"
MANDRILL_EMAIL_HELD = "mandrill-email-held"
MANDRILL_UNAVAILABLE = "mandrill-unavailable"
MAIL_INCIDENT = "mail-incident"
COMMAND_FAILED = "command-failed"
PHOTOGRAPHER_DOUBLE_BOOKED = "photographer-double-booked"

ABOUT_A_COMMAND = frozenset({MANDRILL_EMAIL_FAILED, COMMAND_FAILED})
"""Statuses of which something can be done again; of the others, `command_id` is what found them."""

STATES = {
    "open": "Somebody has to look at it.",
    "retrying": "A person had it done again; success resolves it, another failure opens it again.",
    "resolved": "It is over: success, or a person, ended it.",
    "ignored": "A person decided that nothing will be done; the same failure again does not open it.",
}
UNFINISHED = ("open", "retrying")
"""States in which it is not over."""

ABOUT_ONE_RECIPIENT = frozenset({"hard-bounce", "soft-bounce", "spam", "unsub", "custom", "invalid"})
"""Reasons that lie with one recipient: what mends one such mail mends no other, even if they come in crowds."""

FAILURE_CLASSES = {
    "not-sent": "The provider surely does not have the mail; all tries are used up.",
    "unknown": "The provider may have sent the mail.",
    "permanent": "The provider, or the recipient's mail server, will never take this mail as it is.",
    "held": "The provider has the mail and keeps it back.",
}


def mail_subject_key(appointment_id: int, kind: str, sequence: int, recipient: str) -> str:
    """The `subject_key` of a mail: one row for each appointment, kind, sequence and recipient."""
    return f"mail:{appointment_id}:{kind}:{sequence}:{recipient.casefold()}"


class Notification(Base):
    """A failure that a person should know of, with what happened and what to do (`hint`).

    The columns from `mail_kind` on are a mail's: what it was, what the provider called its failure (`cause`,
    `reason`, `http_status`, `provider_id`), and which worker of which release handed it to which host.
    `occurrences` counts what hangs on an incident.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        CheckConstraint("state IN ('open', 'retrying', 'resolved', 'ignored')", name="state_known"),
        CheckConstraint("severity IN ('low', 'high', 'critical')", name="severity_known"),
        CheckConstraint(
            "failure_class IN ('not-sent', 'unknown', 'permanent', 'held')", name="failure_class_known"
        ),
        Index("ix_notifications_open", "last_at", postgresql_where=text("state = 'open'")),
        Index("ix_notifications_newest", "last_at", "id"),
        Index(
            "ix_notifications_unfinished",
            "last_at",
            "id",
            postgresql_where=text("state IN ('open', 'retrying')"),
        ),
        Index(
            "ix_notifications_double_booked",
            text("split_part(subject_key, ':', 2)"),
            postgresql_where=text("status = 'photographer-double-booked' AND state <> 'resolved'"),
        ),
        Index(
            "ix_notifications_cause_key",
            "cause_key",
            "last_at",
            postgresql_where=text("cause_key IS NOT NULL"),
        ),
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

    cause_key: Mapped[str | None] = mapped_column(String(255))
    failure_class: Mapped[str | None] = mapped_column(String(16))
    mail_kind: Mapped[str | None] = mapped_column(String(32))
    sequence: Mapped[int | None] = mapped_column(Integer)
    send_id: Mapped[UUID | None] = mapped_column(Uuid, index=True)
    provider_id: Mapped[str | None] = mapped_column(String(80))
    reason: Mapped[str | None] = mapped_column(String(128))
    worker: Mapped[str | None] = mapped_column(String(255))
    task_id: Mapped[str | None] = mapped_column(String(64))
    release: Mapped[str | None] = mapped_column(String(255))
    endpoint_host: Mapped[str | None] = mapped_column(String(255))
    sentry_event_id: Mapped[str | None] = mapped_column(String(32))
    incident_id: Mapped[int | None] = mapped_column(
        ForeignKey("notifications.id", ondelete="SET NULL"), index=True
    )
    occurrences: Mapped[int] = mapped_column(Integer, server_default="1")
