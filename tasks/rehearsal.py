"""The door for a dry run: what the commands of a request would do at once, done inside its transaction.

The same functions as in the workers compute the times and write the mails; nothing is sent, and the front door
rolls everything back. What it takes is loaded when the first dry run comes: a web process that serves none stays
light, and none ever loads Celery or the provider's client.
"""

# ruff: noqa: PLC0415 - see above

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, text

from models.appointment_clocks import read_clocks, write_clocks
from models.command_claims import Claim
from settings import get_settings
from tasks.catalogue import KINDS, RECONCILE_TIMES

# What this transaction has queued itself: `now()` is when it began.
_QUEUED = text(
    "SELECT id, kind, sequence, recipient, send_id, request_id FROM commands"
    " WHERE appointment_id = :id AND created_at = now() AND state IN ('waiting', 'pending') ORDER BY id"
)
# Mails wait for the clocks, whoever asked for them.
_CLOCKS_ARE_DUE = text(
    "SELECT EXISTS (SELECT FROM commands WHERE appointment_id = :id AND kind = :kind AND state <> 'done')"
)
_TAKES_ATLAS = text(
    "SELECT EXISTS (SELECT FROM orders o JOIN properties p ON p.id = o.property_id WHERE o.id IN (:order_id,"
    " (SELECT order_id FROM appointments WHERE id = :id), (SELECT order_id FROM appointments WHERE uuid = :uuid))"
    " AND (p.zip IS NOT NULL OR p.latitude IS NOT NULL AND p.longitude IS NOT NULL))"
)


@dataclass(frozen=True, slots=True)
class RehearsedMail:
    """A mail as it would go out now; `repr` shows only its kind. `problem` says why it could not be written."""

    kind: str
    to: str = field(repr=False)
    to_name: str = field(default="", repr=False)
    cc: tuple[str, ...] = field(default=(), repr=False)
    subject: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    html: str = field(default="", repr=False)
    calendar: str | None = field(default=None, repr=False)
    left_out: tuple[str, ...] = field(default=(), repr=False)
    problem: str | None = None

    def to_json(self) -> dict[str, Any]:
        """An element of `data.mails`."""
        return {
            "kind": self.kind,
            "to": {"email": self.to, "name": self.to_name},
            "cc": list(self.cc),
            "left_out": list(self.left_out),
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "calendar": self.calendar,
            "problem": self.problem,
        }


def prepare() -> None:
    """Load what a rehearsal takes, before any lock is taken that others may wait for."""
    import tasks.clock_outcome
    import tasks.letters
    import tasks.mail.compose  # noqa: F401


def load_atlas_for(connection: Connection, order_id: Any, appointment_id: Any, uuid: Any) -> None:
    """Load the atlas too when the property of this order, or of this appointment's, is found by it alone or checked
    against it; also to be done before anything is locked.
    """
    from models.clock import load_atlas

    named = {"order_id": order_id, "id": appointment_id, "uuid": uuid}
    if not load_atlas.cache_info().currsize and connection.execute(_TAKES_ATLAS, named).scalar_one():
        load_atlas()


def rehearse(connection: Connection, appointment_id: int) -> list[RehearsedMail]:
    """Do what this transaction has queued for the appointment: its times are stored, its mails returned.

    Notifications are not made: they are about appointments that stay.
    """
    from tasks.clock_outcome import decide_today

    queued = connection.execute(_QUEUED, {"id": appointment_id}).all()
    if connection.execute(_CLOCKS_ARE_DUE, {"id": appointment_id, "kind": RECONCILE_TIMES.name}).scalar_one():
        decision = decide_today(read_clocks(connection, appointment_id))
        write_clocks(connection, appointment_id, decision)
    return [
        _written(connection, _as_claimed(appointment_id, command))
        for command in queued
        if KINDS[command.kind].is_mail
    ]


def _written(connection: Connection, claimed: Claim) -> RehearsedMail:
    from tasks.letters import letter_for
    from tasks.mail.addresses import AddressError
    from tasks.mail.compose import compose

    settings = get_settings()
    try:
        mail = compose(letter_for(connection, claimed, settings), mail_from=settings.mail_from)
    except AddressError as fault:
        return RehearsedMail(claimed.kind, claimed.recipient, problem=str(fault))
    return RehearsedMail(
        kind=mail.kind,
        to=mail.to.email,
        to_name=mail.to.name,
        cc=tuple(copy.email for copy in mail.cc),
        subject=mail.subject,
        text=mail.text,
        html=mail.html,
        calendar=mail.attachments[0].content.decode() if mail.attachments else None,
        left_out=tuple(address for address, _reason in mail.dropped_copies),
    )


def _as_claimed(appointment_id: int, command: Any) -> Claim:
    """The command as a worker would hold it on its first try."""
    return Claim(
        id=command.id,
        appointment_id=appointment_id,
        kind=command.kind,
        sequence=command.sequence,
        recipient=command.recipient,
        send_id=command.send_id,
        attempts=1,
        doubts=0,
        misses=0,
        request_id=command.request_id,
        lease_token=uuid4(),
        in_doubt=False,
        doubt_age_s=0.0,
    )
