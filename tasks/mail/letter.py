"""What a mail may say: every fact, already looked up, and nothing else.

A `Letter` is filled by the command that sends it and read by `compose`. It holds no database objects, so the
mail can be written after the transaction has ended. The appointment's internal `notes` have no place in it,
by design: what is not here cannot slip into a mail.
"""

import datetime as dt
from dataclasses import dataclass, field
from typing import Literal

from tasks.mail.addresses import Mailbox

Kind = Literal["send-confirmation", "send-assignment"]


@dataclass(frozen=True, slots=True)
class Wall:
    """A date, and perhaps a time, as a clock on a wall shows them: no zone is known or none matters."""

    date: dt.date
    time: dt.time | None = None


Moment = dt.datetime | Wall
"""An aware datetime in the zone it is to be shown in, or a wall reading without a zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail to one person, with copies. Text fields may be empty; only ids appear in `repr`."""

    kind: Kind
    appointment_id: int
    order_id: int | None
    """None for an appointment that belongs to no order."""
    to: Mailbox
    confirmed: bool = False
    cc: tuple[Mailbox, ...] = ()
    appointment_uuid: str = field(default="", repr=False)

    client_name: str = field(default="", repr=False)
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

    public_url: str = field(default="", repr=False)
    """Of the service itself; linked in the foot of the mail when it is http or https."""

    def __post_init__(self) -> None:
        """Refuse naive datetimes: a time without a zone is a `Wall`, and must say so.

        Raises:
            ValueError: a moment is a datetime without an offset.
        """
        for name in ("local_start", "local_stop", "office_start", "office_stop"):
            moment = getattr(self, name)
            if isinstance(moment, dt.datetime) and moment.utcoffset() is None:
                raise ValueError(f"{name} must be an aware datetime or a Wall, not a naive datetime.")
