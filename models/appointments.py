"""The appointment: what was asked for, word for word, and what the clocks made of it.

Wall-clock values (`date_*`, `time_*`) are explicit `date` and `time` columns in one of three frames: *utc*,
*local* (the property's zone) and *office*. Instants are `timestamptz`. `supplied` is the snapshot that
reconciliation always starts from (clocks.md section 1), so the columns can be computed again at any time.
"""

from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    Time,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Instant

RESOLUTIONS = "'unresolved', 'gap', 'fold', 'inferred', 'derived', 'exact', 'allday'"
STATUS = (
    "greatest(4 * coalesce(cancelled::int, 0), 2 * coalesce(optional::int, 0), coalesce(confirmed::int, 0))"
)
"""Of each appointment one number, as SQL: 4 cancelled, else 2 optional, else 1 confirmed, else 0 requested."""
START = "coalesce(starts_at, busy_from)"
"""When it begins: the instant, or the property's midnight before whole days; null while that is undecided."""
DAY = "coalesce(date_start_local, date_start_office, date_start_utc, requested_date)"
"""The day of an appointment without a time of day: the same on every calendar, like whole days."""


class Appointment(Base):
    """One on-site photography appointment. The first block are the parameters of the create route."""

    __tablename__ = "appointments"
    __table_args__ = (
        CheckConstraint("time_duration_s >= 1", name="duration_positive"),
        CheckConstraint("window_time_start BETWEEN 0 AND 86400", name="window_start_within_a_day"),
        CheckConstraint("window_time_end BETWEEN 0 AND 86400", name="window_end_within_a_day"),
        CheckConstraint(
            "cancelled IS NOT FALSE OR NOT (coalesce(on_site_cancel, false) OR coalesce(same_day_cancel, false))",
            name="a_reason_implies_cancelled",
        ),
        CheckConstraint(f"start_resolution IN ({RESOLUTIONS})", name="start_resolution_known"),
        CheckConstraint(f"stop_resolution IN ({RESOLUTIONS})", name="stop_resolution_known"),
        CheckConstraint("caller_kind IN ('application', 'session')", name="caller_kind_known"),
        Index(
            "uq_appointments_idempotency",
            "idempotency_scope",
            "idempotency_key",
            unique=True,
            postgresql_where=text("idempotency_key IS NOT NULL"),
        ),
        Index(
            "ix_appointments_busy_span",
            "photographer_user_id",
            "busy_until",
            "busy_from",
            postgresql_where=text(
                "busy_until IS NOT NULL AND photographer_user_id IS NOT NULL"
                " AND cancelled IS NOT TRUE AND optional IS NOT TRUE"
            ),
        ),
        # What lists are read by (`models/appointment_list.py`). The first two have nothing to do with a new row.
        Index(
            "ix_appointments_start",
            text(START),
            "id",
            postgresql_where=text(f"{START} IS NOT NULL"),
        ),
        Index(
            "ix_appointments_status",
            text(STATUS),
            text(START),
            "id",
            postgresql_where=text(f"{START} IS NOT NULL"),
        ),
        Index(
            "ix_appointments_undecided",
            text(DAY),
            "id",
            postgresql_where=text(f"{START} IS NULL"),
        ),
        Index("ix_appointments_changed", text("greatest(changed_at, reconciled_at)"), "id"),
        Index(
            "ix_appointments_without_order",
            "caller_user_id",
            postgresql_where=text("order_id IS NULL AND caller_user_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    uuid: Mapped[UUID] = mapped_column(Uuid, unique=True)

    confirmed: Mapped[bool | None] = mapped_column(Boolean)
    cancelled: Mapped[bool | None] = mapped_column(Boolean)
    allday: Mapped[bool | None] = mapped_column(Boolean)
    appt_type: Mapped[str | None] = mapped_column(String(255))
    confirmed_at: Mapped[datetime | None] = mapped_column(Instant)
    confirmed_by: Mapped[str | None] = mapped_column(String(255))
    date_start_local: Mapped[date | None] = mapped_column(Date)
    date_start_office: Mapped[date | None] = mapped_column(Date)
    date_stop_local: Mapped[date | None] = mapped_column(Date)
    date_stop_office: Mapped[date | None] = mapped_column(Date)
    delivery_type: Mapped[str | None] = mapped_column(String(255))
    description: Mapped[str | None] = mapped_column(Text)
    location: Mapped[str | None] = mapped_column(String(255))
    notes: Mapped[str | None] = mapped_column(Text)
    on_site_cancel: Mapped[bool | None] = mapped_column(Boolean)
    optional: Mapped[bool | None] = mapped_column(Boolean)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"), index=True)
    order_request_appt_id: Mapped[int | None] = mapped_column(
        ForeignKey("order_request_appts.id"), index=True
    )
    photographer_name: Mapped[str | None] = mapped_column(String(255))
    photographer_user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"), index=True)
    requested_date: Mapped[date | None] = mapped_column(Date)
    requested_time: Mapped[time | None] = mapped_column(Time)
    same_day_cancel: Mapped[bool | None] = mapped_column(Boolean)
    time_start_local: Mapped[time | None] = mapped_column(Time)
    time_start_office: Mapped[time | None] = mapped_column(Time)
    time_stop_local: Mapped[time | None] = mapped_column(Time)
    time_stop_office: Mapped[time | None] = mapped_column(Time)
    summary: Mapped[str | None] = mapped_column(String(255))
    time_duration: Mapped[str | None] = mapped_column(String(255))
    created_by: Mapped[str | None] = mapped_column(String(255))
    created_in: Mapped[str | None] = mapped_column(String(255))
    updated_at_mt: Mapped[str] = mapped_column(String(255))
    updated_by: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime | None] = mapped_column(Instant)
    updated_at: Mapped[datetime | None] = mapped_column(Instant)
    month_first: Mapped[bool | None] = mapped_column(Boolean)
    date_stop_utc: Mapped[date | None] = mapped_column(Date)
    date_start_utc: Mapped[date | None] = mapped_column(Date)
    time_start_utc: Mapped[time | None] = mapped_column(Time)
    time_stop_utc: Mapped[time | None] = mapped_column(Time)
    time_duration_s: Mapped[int | None] = mapped_column(Integer)
    ready_to_schedule: Mapped[bool | None] = mapped_column(Boolean)
    window_date_start: Mapped[date | None] = mapped_column(Date)
    window_date_end: Mapped[date | None] = mapped_column(Date)
    window_time_start: Mapped[int | None] = mapped_column(Integer)
    window_time_end: Mapped[int | None] = mapped_column(Integer)

    # What was asked, and by whom it really was.
    supplied: Mapped[dict[str, Any]] = mapped_column(JSONB)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    updated_at_mt_instant: Mapped[datetime] = mapped_column(Instant)
    idempotency_scope: Mapped[str | None] = mapped_column(String(63))
    idempotency_key: Mapped[str | None] = mapped_column(String(255))
    caller_kind: Mapped[str] = mapped_column(String(16))
    caller_role: Mapped[str] = mapped_column(String(16))
    caller_user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    caller_application_id: Mapped[int] = mapped_column(ForeignKey("applications.id"))
    request_id: Mapped[str] = mapped_column(String(64))
    inserted_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    changed_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    history_since: Mapped[datetime | None] = mapped_column(Instant)
    """Changes up to then are no longer kept (`models/retention.py`); null while all are."""

    # What reconciliation found. `sequence` counts the changes that people were told about.
    sequence: Mapped[int] = mapped_column(Integer, server_default="0")
    reconciled_at: Mapped[datetime | None] = mapped_column(Instant)
    starts_at: Mapped[datetime | None] = mapped_column(Instant)
    stops_at: Mapped[datetime | None] = mapped_column(Instant)
    busy_from: Mapped[datetime | None] = mapped_column(Instant)
    busy_until: Mapped[datetime | None] = mapped_column(Instant)
    """From when until when the photographer is taken: start and stop, or whole days at the property."""
    start_resolution: Mapped[str | None] = mapped_column(String(16))
    stop_resolution: Mapped[str | None] = mapped_column(String(16))
    zone_name: Mapped[str | None] = mapped_column(String(63))
    zone_source: Mapped[str | None] = mapped_column(String(16))
    start_offset_s: Mapped[int | None] = mapped_column(Integer)
    stop_offset_s: Mapped[int | None] = mapped_column(Integer)
    adopted: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    """The snapshot to start from since new time zone rules moved the instant of a wall time that people were
    told; null while that is still `supplied`, which is never changed."""
    office_zone: Mapped[str | None] = mapped_column(String(63))
    tzdata_version: Mapped[str | None] = mapped_column(String(16))
    discrepancies: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB)
