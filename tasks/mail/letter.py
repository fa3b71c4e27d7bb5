"""What a mail may say: every fact, already looked up, and nothing else.

A `Letter` is filled by the command that sends it and read by `compose`. It holds no database objects, so the
mail can be written after the transaction has ended. The appointment's internal `notes` have no place in it,
by design: what is not here cannot slip into a mail.
"""

import datetime as dt
from dataclasses import dataclass, field
from typing import Literal

from tasks.catalogue import KINDS
from tasks.mail.addresses import Mailbox

Kind = str
"""A kind of mail of the catalogue."""
Role = Literal["client", "photographer"]
Reason = Literal["", "on-site", "same-day"]
"""Why it was cancelled: at the property, on the day itself, or nothing that a mail would name."""


@dataclass(frozen=True, slots=True)
class Wall:
    """A date, and perhaps a time, as a clock on a wall shows them: no zone is known or none matters."""

    date: dt.date
    time: dt.time | None = None


Moment = dt.datetime | Wall
"""An aware datetime in the zone it is to be shown in, or a wall reading without a zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """When, where and with whom it was before a change. The names mean what they mean in `Letter`."""

    local_start: Moment | None = None
    local_stop: Moment | None = None
    zone_name: str | None = None
    duration_s: int | None = None
    allday: bool = False
    unresolved: bool = False
    confirmed: bool = False
    address: str = field(default="", repr=False)
    photographer_name: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Raise `ValueError` for a naive datetime."""
        _refuse_naive(self, "local_start", "local_stop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail to one person, with copies. Text fields may be empty; only ids appear in `repr`."""

    kind: Kind
    appointment_id: int
    order_id: int | None
    """None for an appointment that belongs to no order."""
    to: Mailbox
    role: Role = "client"
    """Whom the recipient is to the appointment; what goes to a photographer has no copies."""
    confirmed: bool = False
    cancelled: bool = False
    """The appointment is off by now. Whatever was to be told, that is what the mail tells."""
    withdrawn: bool = False
    """The appointment goes on without the recipient: this tells so, of what was before and of nothing else."""
    readdressed: bool = False
    """With `withdrawn`: it goes on with the recipient, whose mails go to another address now."""
    has_entry: bool | None = None
    """Whether our files left an entry of it in the recipient's calendar; None when that was not written down."""
    entry: Previous | None = None
    """When it is by that entry."""
    tentative: bool = False
    """The appointment is optional: it takes place only if nothing else comes up."""
    cc: tuple[Mailbox, ...] = ()
    appointment_uuid: str = field(default="", repr=False)
    """Of the calendar entry, for life."""
    sequence: int = 0
    """How many changes people were told about; calendars drop what is older than what they have."""
    changed_at: dt.datetime | None = None
    """Aware; when the appointment came to be as it is. Without it there is no calendar file."""
    previous: Previous | None = None
    """For `send-change`; None when what it was before is not known."""
    changed: tuple[str, ...] = ()
    """For `send-change`: which of location, summary, description and appt_type have another text."""
    reason: Reason = ""
    """Why it is off, when it is."""

    client_name: str = field(default="", repr=False)
    client_phone: str = field(default="", repr=False)
    """Told to the photographer, who may stand before a closed door; nobody else gets it."""
    photographer_name: str = field(default="", repr=False)
    address: str = field(default="", repr=False)
    """The property's postal address, on one line."""
    location: str = field(default="", repr=False)
    summary: str = field(default="", repr=False)
    description: str = field(default="", repr=False)
    appt_type: str = field(default="", repr=False)

    allday: bool = False
    unresolved: bool = False
    """The times are not settled; at most the dates are shown, with "time to be decided"."""
    local_start: Moment | None = None
    """In the property's zone. For a whole day, a `Wall` without a time."""
    local_stop: Moment | None = None
    """For a whole day the last day, inclusive (clocks.md section 7)."""
    zone_name: str | None = None
    """IANA name of the property's zone; None when only an offset was inferred, which is then written out."""
    office_start: Moment | None = None
    office_stop: Moment | None = None
    office_zone_name: str | None = None
    duration_s: int | None = None
    requested_date: dt.date | None = None
    requested_time: dt.time | None = None

    office_phone: str = field(default="", repr=False)
    """Where people call; the photographer's own number is not given to clients."""
    appointment_url: str = field(default="", repr=False)
    """The page on which the client moves or cancels it; linked when it is http or https. It holds no token."""

    def __post_init__(self) -> None:
        """Refuse naive datetimes: a time without a zone is a `Wall`, and must say so.

        Raises:
            ValueError: a moment is a datetime without an offset.
        """
        _refuse_naive(self, "local_start", "local_stop", "office_start", "office_stop", "changed_at")

    @property
    def tells_cancellation(self) -> bool:
        """Whether it is written to say that the appointment is off.

        A confirmation that waited for the provider while the appointment was cancelled would be untrue, and its
        calendar file would bring the entry back.
        """
        return self.cancelled or self.kind == "send-cancellation"

    @property
    def tells_change(self) -> bool:
        """Whether it is written to say what moved."""
        return self.kind == "send-change" and not self.cancelled

    @property
    def to_photographer(self) -> bool:
        """Whether it is written to the photographer; an assignment always is."""
        return (KINDS[self.kind].only_to or self.role) == "photographer"


def _refuse_naive(facts: object, *names: str) -> None:
    for name in names:
        moment = getattr(facts, name)
        if isinstance(moment, dt.datetime) and moment.utcoffset() is None:
            raise ValueError(f"{name} must be an aware datetime or a Wall, not a naive datetime.")
