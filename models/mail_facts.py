"""What a mail about a change has to know and the appointment's row has forgotten by then: `commands.facts`.

A mail says what is true when it is sent, so nearly everything is looked up then. Only what was *before* must be
written down when the change is made, in the same transaction; and when a mail begins to be sent, what it showed,
because the next mail tells its reader the difference from that:

    told = told_now(connection, appointment_id)          # before the UPDATE
    facts = MailFacts(role="client", previous=told, changed=("location",))
    … INSERT INTO commands (…, facts) VALUES (…, facts.to_json()) …

It holds times and ids, and names of columns, never the texts themselves: a description may hold a gate code,
and commands are kept, archived and listed where appointments are not.
"""

import datetime as dt
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import Connection, text

Role = Literal["client", "photographer"]


class Told(BaseModel):
    """When and where an appointment was, as people were told. The names are those of the columns."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    confirmed: bool = False
    allday: bool = False
    starts_at: AwareDatetime | None = None
    stops_at: AwareDatetime | None = None
    date_start_local: dt.date | None = None
    time_start_local: dt.time | None = None
    date_stop_local: dt.date | None = None
    time_stop_local: dt.time | None = None
    time_duration_s: int | None = None
    zone_name: str | None = None
    start_offset_s: int | None = None
    stop_offset_s: int | None = None
    property_id: int | None = None
    photographer_user_id: int | None = None
    order_id: int | None = None


class Shown(Told):
    """What one mail showed to its reader. `sequence` is the appointment's at that moment."""

    sequence: int
    cancelled: bool = False
    calendar: Literal["REQUEST", "CANCEL"] | None = None
    """What its calendar file did with the entry; None: there was no file."""


class MailFacts(BaseModel):
    """The whole of `commands.facts`. What a newer release added is ignored by an older one, and the reverse."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    role: Role = "client"
    """Whom the recipient is to the appointment; an address alone does not tell."""
    previous: Told | None = None
    changed: tuple[str, ...] = ()
    """Columns with a text that changed: of them, only that they did is known."""
    withdrawn: bool = False
    """The appointment goes on without the recipient, who reads of what was before and of nothing else."""
    party: int | None = None
    """Id of the client, or of the photographer's user, that it was planned for. Null in what a create queues."""
    readdressed: bool = False
    """With `withdrawn`: the reader's mails go to another address now, and this one is told so."""
    told_elsewhere: bool = False
    """The reader was told at an address that is theirs no more: they know of it although this one does not."""
    again: bool = False
    """A person asked for it: it is sent although its reader may know all of it."""
    shown: dict[str, Shown] = Field(default_factory=dict)
    """What it showed, by the `send_id` under which it was handed over."""

    def to_json(self) -> dict[str, Any]:
        """The value of the column."""
        return self.model_dump(mode="json", exclude_none=True)

    def with_calendar(self, send_id: str, method: Literal["REQUEST", "CANCEL"]) -> "MailFacts":
        """The same, and that the mail with this `send_id` has a calendar file of that method."""
        shown = self.shown[send_id].model_copy(update={"calendar": method})
        return self.model_copy(update={"shown": {**self.shown, send_id: shown}})

    @classmethod
    def from_json(cls, value: dict[str, Any] | None) -> "MailFacts":
        """Read the column; null means that nothing had to be remembered. Raises `ValueError`."""
        return cls() if value is None else cls.model_validate(value)


_TOLD = text(
    "SELECT coalesce(a.confirmed, false) AS confirmed, coalesce(a.allday, false) AS allday,"
    " a.starts_at, a.stops_at, a.date_start_local, a.time_start_local, a.date_stop_local, a.time_stop_local,"
    " a.time_duration_s, a.zone_name, a.start_offset_s, a.stop_offset_s, a.photographer_user_id, o.property_id,"
    " a.order_id"
    " FROM appointments a LEFT JOIN orders o ON o.id = a.order_id WHERE a.id = :id"
)


def told_now(connection: Connection, appointment_id: int) -> Told:
    """What people know of an appointment as it stands; to be read before it is changed.

    Raises `sqlalchemy.exc.NoResultFound` when there is none.
    """
    return Told(**connection.execute(_TOLD, {"id": appointment_id}).mappings().one())
