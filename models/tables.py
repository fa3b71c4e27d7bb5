"""All tables in one import: what migrations, and whoever needs the whole metadata, look at."""

from models import (
    accounts,
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
