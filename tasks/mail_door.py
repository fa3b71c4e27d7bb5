"""The door for what the front door does about mails: the provider's events, a corrected address, a look at a mail.

The front door imports this and `tasks/door.py`, and no more of this room. It loads the pure reading of events
and addresses only: no client of the provider, no templates, no Celery. `preview` loads what composes mails when
it is first called, and never what sends them.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from sqlalchemy import Connection

from settings import get_settings
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

if TYPE_CHECKING:
    from tasks.mail.letter import Role

__all__ = [
    "CHECK_KEY",
    "FIELD",
    "SIGNATURE_HEADER",
    "AddressError",
    "EventsError",
    "NoMailError",
    "Preview",
    "Taken",
    "checked_address",
    "is_signed",
    "preview",
    "take_in",
    "told_events",
]


def checked_address(address: str) -> str:
    """The address as mails are sent to it. Raises `AddressError`, whose sentence does not repeat it."""
    return checked_mailbox(Mailbox(address)).email


class NoMailError(LookupError):
    """No such mail can be written. The message is a sentence."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A mail as it would go out now. `calendar` is the name and the bytes of its calendar file.

    `dropped_copies` are addresses that cannot be written to, each with the reason.
    """

    kind: str
    role: str
    appointment_id: int
    sender: str = field(repr=False)
    to: str = field(repr=False)
    cc: tuple[str, ...] = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)
    calendar: tuple[str, bytes] | None = field(default=None, repr=False)
    dropped_copies: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def preview(connection: Connection, appointment_id: int, kind: str, role: str) -> Preview:
    """Write the mail of `kind` ("send-confirmation", …) to the appointment's `role`; nothing is sent.

    Raises:
        NoMailError: there is no such appointment, nobody to write to, or an address that cannot be used.
    """
    # Only here: a web process that shows no mail loads no templates.
    from tasks.letters import NothingToWriteError, letter_to_preview  # noqa: PLC0415
    from tasks.mail.compose import compose  # noqa: PLC0415

    settings = get_settings()
    try:
        letter = letter_to_preview(connection, appointment_id, kind, cast("Role", role), settings)
        made = compose(letter, mail_from=settings.mail_from)
    except (NothingToWriteError, AddressError) as why:
        raise NoMailError(str(why)) from None
    return Preview(
        kind=kind,
        role=letter.role,
        appointment_id=appointment_id,
        sender=_spelled(made.sender),
        to=_spelled(made.to),
        cc=tuple(_spelled(copy) for copy in made.cc),
        subject=made.subject,
        text=made.text,
        html=made.html,
        calendar=(made.attachments[0].name, made.attachments[0].content) if made.attachments else None,
        dropped_copies=made.dropped_copies,
    )


def _spelled(mailbox: Mailbox) -> str:
    return f"{mailbox.name} <{mailbox.email}>" if mailbox.name else mailbox.email
