"""All tables in one import: what migrations, and whoever needs the whole metadata, look at."""

from models import (
    accounts,
    appointment_changes,
    appointments,
    audit,
    commands,
    emails,
    heartbeats,
    mail_events,
    notifications,
    orders,
    provider_gate,
    routing,
)
from models.base import Base

metadata = Base.metadata

__all__ = [
    "accounts",
    "appointment_changes",
    "appointments",
    "audit",
    "commands",
    "emails",
    "heartbeats",
    "mail_events",
    "metadata",
    "notifications",
    "orders",
    "provider_gate",
    "routing",
]
