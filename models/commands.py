"""The tables of commands: the queued units of work that follow from a request, and the archive of those done.

The database is the truth about them; a message in the broker only wakes somebody up. Leases, schedules and
ages are measured with the database's clock, so that hosts need not agree on the time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Instant
from models.command_states import CLAIMABLE, LEASED, State, among


class CommandColumns:
    """One unit of work. `models/command_states.py` tells what its states mean.

    `recipient` is the address a mail goes to, empty for commands that write to nobody. `sequence` is the
    appointment's when the command was made, so that a later change can be told again.

    `publishes` counts messages, `attempts` the times that a worker began the work itself. `doubt_since` is set
    while the provider may have accepted the mail without our knowing; `doubts` counts how often that came
    about, `misses` how often the provider has said since that it has nothing. `send_id` is what the provider
    is asked by: it stays the same over retries and changes when a person decides to send again.

    `facts` is what a mail has to know and the appointment's row has forgotten by then
    (`models/mail_facts.py`); null for commands that look everything up.
    """

    appointment_id: Mapped[int] = mapped_column(ForeignKey("appointments.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(32))
    sequence: Mapped[int] = mapped_column(Integer, server_default="0")
    recipient: Mapped[str] = mapped_column(String(320), server_default="")
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    doubts: Mapped[int] = mapped_column(Integer, server_default="0")
    misses: Mapped[int] = mapped_column(Integer, server_default="0")
    send_id: Mapped[UUID] = mapped_column(Uuid, server_default=func.gen_random_uuid())
    available_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    published_at: Mapped[datetime | None] = mapped_column(Instant)
    publishes: Mapped[int] = mapped_column(Integer, server_default="0")
    lease_token: Mapped[UUID | None] = mapped_column(Uuid)
    lease_until: Mapped[datetime | None] = mapped_column(Instant)
    doubt_since: Mapped[datetime | None] = mapped_column(Instant)
    last_error: Mapped[str | None] = mapped_column(Text)
    request_id: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    finished_at: Mapped[datetime | None] = mapped_column(Instant)
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class Command(CommandColumns, Base):
    """A command that something may still happen to, or that was finished a short while ago."""

    __tablename__ = "commands"
    __table_args__ = (
        CheckConstraint(f"state IN {among(State)}", name="state_known"),
        CheckConstraint(
            f"(state IN {among(LEASED)}) = (lease_token IS NOT NULL)", name="leased_states_have_a_lease"
        ),
        CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name="lease_whole"),
        UniqueConstraint("appointment_id", "kind", "sequence", "recipient"),
        Index(
            "ix_commands_due", "kind", "available_at", postgresql_where=text(f"state IN {among(CLAIMABLE)}")
        ),
        Index(
            "ix_commands_due_first",
            "kind",
            "available_at",
            postgresql_where=text(f"state IN {among(CLAIMABLE)} AND attempts = 0"),
        ),
        Index(
            "ix_commands_due_repeats",
            "kind",
            "available_at",
            postgresql_where=text(f"state IN {among(CLAIMABLE)} AND attempts > 0"),
        ),
        Index("ix_commands_leases", "lease_until", postgresql_where=text(f"state IN {among(LEASED)}")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)


class ArchivedCommand(CommandColumns, Base):
    """A command that was done some days ago, moved out of the way so that the hot table stays small."""

    __tablename__ = "commands_archive"
    __table_args__ = (
        CheckConstraint(f"state = '{State.DONE}'", name="only_done"),
        Index("ix_commands_archive_appointment_id", "appointment_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


@dataclass(frozen=True, slots=True)
class NewCommand:
    """A command to be written with its appointment, in one transaction."""

    kind: str
    state: State
    recipient: str = ""
    facts: Mapping[str, Any] | None = field(default=None, repr=False)
    """What the row will have forgotten by then (`models/mail_facts.py`)."""
