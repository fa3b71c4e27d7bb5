"""The door for what comes back about mails: the provider's events, and an address that a person corrected.

The front door imports this and `tasks/door.py`, and no more of this room. It loads the pure reading of events
and addresses only: no client of the provider, no templates, no Celery.
"""

from tasks.mail.addresses import AddressError, Mailbox, checked_mailbox
from tasks.mail.events import (
    CHECK_KEY,
    FIELD,
    SIGNATURE_HEADER,
    EventsError,
    is_signed,
    told_events,
)
from tasks.provider_events import Taken, take_in

__all__ = [
    "CHECK_KEY",
    "FIELD",
    "SIGNATURE_HEADER",
    "AddressError",
    "EventsError",
    "Taken",
    "checked_address",
    "is_signed",
    "take_in",
    "told_events",
]


def checked_address(address: str) -> str:
    """The address as mails are sent to it. Raises `AddressError`, whose sentence does not repeat it."""
    return checked_mailbox(Mailbox(address)).email
