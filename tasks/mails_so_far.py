"""What has been written to whom about how an appointment stands: its mail commands, oldest first, with what each told.

Both sides read it: a change, to decide which mails follow (`tasks/change_plan.py`), and a mail that is about to go
out, to decide what its reader still has to be told (`tasks/telling.py`). The caller holds the appointment's row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from models.command_states import DROP, State
from models.mail_facts import MailFacts, Role, Shown
from models.prepared import Prepared
from tasks.catalogue import KINDS, SEND_CANCELLATION

MAILS: Final = sorted(kind.name for kind in KINDS.values() if kind.is_mail and not kind.stands_alone)

_MAILS_SO_FAR = Prepared(
    "SELECT c.id, c.kind, c.state, c.sequence, c.recipient, c.facts,"  # noqa: S608 - constants
    " c.state = 'done' AND c.last_error IS NOT NULL AS is_dropped,"
    " (SELECT json_agg(json_build_array(e.send_id, e.outcome, e.recipient) ORDER BY e.id)"
    " FROM emails e WHERE e.command_id = c.id) AS emails"
    f" FROM all_commands c WHERE c.appointment_id = $1 AND c.kind IN ({', '.join(repr(kind) for kind in MAILS)})"
    " ORDER BY c.id"
)
_SURE: Final = frozenset({"accepted", "held"})
_PERHAPS: Final = frozenset({"sending", "unknown"})


@dataclass(frozen=True, slots=True)
class Telling:
    """One mail that the provider has (`is_sure`), or may have. `shown` is unknown of those of earlier releases."""

    send_id: UUID
    is_sure: bool
    is_in_the_air: bool
    """A worker is handing it over at this moment."""
    shown: Shown | None = None


@dataclass(frozen=True, slots=True)
class MailSoFar:
    """A mail command of the appointment. `may_have_arrived`: the provider may have it, or is just being given it."""

    id: int
    kind: str
    recipient: str = field(repr=False)
    facts: MailFacts
    is_unsent: bool
    may_have_arrived: bool
    sequence: int = 0
    is_dropped: bool = False
    tellings: tuple[Telling, ...] = ()
    corrected: tuple[str, ...] = field(default=(), repr=False)
    """Addresses that it was sent to before a person corrected them to `recipient`."""

    @property
    def role(self) -> Role:
        """Whom it is written to."""
        return KINDS[self.kind].only_to or self.facts.role

    @property
    def tells_off(self) -> bool:
        """Whether it says that the appointment is off, at least for its reader."""
        return self.kind == SEND_CANCELLATION.name


def same_address(one: str, other: str) -> bool:
    """Whether two addresses are one mailbox, as far as can be told."""
    return one.casefold() == other.casefold()


@dataclass(frozen=True, slots=True)
class Entry:
    """The appointment's entry in the calendar of one mailbox, as our files left it.

    `exists` is None where a mail of an earlier release, which did not write its file down, may have made one.
    `shown` is what the mail showed that wrote the entry last.
    """

    exists: bool | None = False
    shown: Shown | None = None


def entry_of(mails: Sequence[MailSoFar], address: str, but: UUID | None = None) -> Entry:
    """What the calendar at `address` has, by all mails to it but the one sent under `but`, whoever they were for.

    A file in doubt is believed if it made the entry and not if it took it out: to take out twice does no harm.
    """
    told = sorted(
        (
            (mail.sequence if telling.shown is None else telling.shown.sequence, mail.id, telling)
            for mail in mails
            if same_address(mail.recipient, address)
            for telling in mail.tellings
            if telling.send_id != but
        ),
        key=lambda one: one[:2],
    )
    entry = Entry()
    for _sequence, _id, telling in told:
        if telling.shown is None:
            entry = Entry(None)
        elif telling.shown.calendar == "REQUEST":
            entry = Entry(True, telling.shown)
        elif telling.shown.calendar == "CANCEL" and telling.is_sure:
            entry = Entry()
    return entry


def mails_so_far(connection: Connection, appointment_id: int) -> list[MailSoFar]:
    """The appointment's mail commands, the archived ones too, oldest first."""
    found = []
    for id_, kind, state, sequence, recipient, facts_then, is_dropped, emails in _MAILS_SO_FAR.rows(
        connection, appointment_id
    ):
        facts = MailFacts.from_json(facts_then)
        tellings = tuple(
            Telling(
                send_id=UUID(send_id),
                is_sure=outcome in _SURE,
                is_in_the_air=outcome == "sending" and state == State.SENDING,
                shown=facts.shown.get(send_id),
            )
            for send_id, outcome, _recipient in emails or ()
            if outcome in _SURE | _PERHAPS
        )
        found.append(
            MailSoFar(
                id=id_,
                kind=kind,
                recipient=recipient,
                facts=facts,
                is_unsent=state in DROP.sources,
                may_have_arrived=bool(tellings) or state in (State.SENDING, State.UNKNOWN),
                sequence=sequence,
                is_dropped=is_dropped,
                tellings=tellings,
                corrected=tuple(
                    address
                    for _send_id, _outcome, address in emails or ()
                    if not same_address(address, recipient)
                ),
            )
        )
    return found
