"""What a mail that is about to go out has to tell its reader, if anything: decided at the last moment, under a lock.

A command is planned when an appointment changes and is sent later: by then the appointment may have changed again,
its times may be computed anew, the reader may be another. So the worker that holds the command asks once more, in
the transaction that writes down what the mail shows:

    it is somebody else's appointment now ─► superfluous: who lost it gets a mail of their own
    a later mail to the same reader waits ─► superfluous: that one tells everything
    another mail to them is on the wire   ─► not yet: what they know is clear in a moment
    the times are being computed          ─► not yet
    they know nothing of it               ─► it is the first to tell; a cancellation is superfluous
    they know all of it                   ─► superfluous
    else                                  ─► what has changed since the last mail that they may have read

A kind that stands alone (`tasks/catalogue.py`) is asked the first, the fourth and whether the appointment is off.

What they *know* is what was shown by mails that the provider has or may have (`MailFacts.shown`), never what the
row was. Where one of these is in doubt and showed something else, nobody knows what they know: then the mail
says how it is, and not how it was before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from models.appointment_history import changed_since, touched
from models.command_claims import Claim
from models.mail_facts import MailFacts, Role, Shown, Told
from tasks.appointment_now import AppointmentNow, appointment_now
from tasks.catalogue import (
    KINDS,
    SEND_ASSIGNMENT,
    SEND_CANCELLATION,
    SEND_CHANGE,
    SEND_CONFIRMATION,
)
from tasks.change_plan import TEXTS
from tasks.mails_so_far import Entry, MailSoFar, Telling, entry_of, mails_so_far, same_address

_MOST_REMEMBERED = 5
_FACTS = text("SELECT facts FROM commands WHERE id = :id")


@dataclass(frozen=True, slots=True)
class Tell:
    """Send it as a mail of this kind; `facts` is what the command has to remember from now on."""

    kind: str
    facts: MailFacts
    entry: Entry
    """What the reader's calendar has."""
    now: AppointmentNow
    """The appointment as it was when this was decided."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """`awaits_times`: until they are computed; else until another mail to the same reader is decided."""

    awaits_times: bool


@dataclass(frozen=True, slots=True)
class Superfluous:
    """There is nothing to tell, or somebody else tells it."""


@dataclass(frozen=True, slots=True)
class _Reader:
    """Whom a mail was planned for, when the appointment's sequence was `sequence`."""

    role: Role
    recipient: str = field(repr=False)
    party: int | None
    sequence: int


@dataclass(frozen=True, slots=True)
class _Known:
    """A mail that the reader may have read, and which."""

    mail: MailSoFar
    telling: Telling

    @property
    def order(self) -> tuple[int, int]:
        shown = self.telling.shown
        return (self.mail.sequence if shown is None else shown.sequence, self.mail.id)

    @property
    def is_off(self) -> bool:
        return self.mail.tells_off or (self.telling.shown is not None and self.telling.shown.cancelled)


@dataclass(frozen=True, slots=True)
class _Sight:
    """All that the decision looks at. `known` is what the reader may have read, in the order of what it told."""

    claimed: Claim
    mine: MailSoFar
    mails: Sequence[MailSoFar]
    known: Sequence[_Known]
    present: AppointmentNow
    now: Shown
    is_behind: bool
    """Another mail to the same reader is being handed over at this moment."""

    @property
    def of_role(self) -> list[_Known]:
        """What they may have read as whom this mail is written to."""
        return [one for one in self.known if one.mail.role == self.mine.role]

    @property
    def stands(self) -> bool:
        """Whether they know of it, and not that it is off; at this address, or at one that was theirs."""
        return not self.of_role[-1].is_off if self.of_role else self.mine.facts.told_elsewhere

    @property
    def entry(self) -> Entry:
        """What the reader's calendar has."""
        return entry_of(self.mails, self.mine.recipient, self.claimed.send_id)


def decide(connection: Connection, claimed: Claim) -> Tell | NotYet | Superfluous:
    """What is to become of a mail whose command the caller has claimed. The caller holds the appointment's row."""
    if KINDS[claimed.kind].stands_alone:
        return _alone(connection, claimed)
    return _in_turn(connection, claimed)


def _in_turn(connection: Connection, claimed: Claim) -> Tell | NotYet | Superfluous:
    """A mail that tells how the appointment stands, by what its reader knows."""
    sight = _look(connection, claimed)
    mine = sight.mine
    is_anothers = not mine.facts.withdrawn and _is_anothers(connection, sight)
    if _is_superseded(mine, sight.mails) or (is_anothers and not mine.tells_off):
        return Superfluous()
    if sight.is_behind:
        return NotYet(awaits_times=False)
    if mine.facts.withdrawn or is_anothers:
        # It may have been called off and then gone to somebody else, of which nobody is told otherwise.
        return _withdrawal(sight)
    if sight.present.awaits_times:
        return NotYet(awaits_times=True)
    told = _what(connection, sight)
    if told is None:
        return Superfluous()
    return Tell(told[0], _remembering(told[1], claimed, sight.now), sight.entry, sight.present)


def _look(connection: Connection, claimed: Claim) -> _Sight:
    mails = mails_so_far(connection, claimed.appointment_id)
    mine = next(mail for mail in mails if mail.id == claimed.id)
    to_reader = [mail for mail in mails if same_address(mail.recipient, mine.recipient)]
    known = [
        _Known(mail, telling)
        for mail in to_reader
        for telling in mail.tellings
        # What this command sent under its present `send_id` was surely not accepted: it is sent once more.
        if telling.send_id != claimed.send_id
    ]
    present = _present(connection, claimed)
    return _Sight(
        claimed=claimed,
        mine=mine,
        mails=mails,
        known=sorted(known, key=lambda one: one.order),
        present=present,
        now=present.shown,
        is_behind=any(one.telling.is_in_the_air for one in known if one.mail is not mine),
    )


def _present(connection: Connection, claimed: Claim) -> AppointmentNow:
    present = appointment_now(connection, claimed.appointment_id)
    if present is None:
        raise LookupError(f"There is no appointment {claimed.appointment_id}.")
    return present


def _alone(connection: Connection, claimed: Claim) -> Tell | NotYet | Superfluous:
    """A mail that tells something of its own, whatever its reader was told of the appointment."""
    present = _present(connection, claimed)
    planned = MailFacts.from_json(connection.execute(_FACTS, {"id": claimed.id}).scalar_one())
    role = KINDS[claimed.kind].only_to or planned.role
    reader = _Reader(role, claimed.recipient, planned.party, claimed.sequence)
    if present.cancelled or _has_lost_it(connection, claimed.appointment_id, reader, present):
        return Superfluous()
    if present.awaits_times:
        return NotYet(awaits_times=True)
    facts = _remembering(planned.model_copy(update={"role": role}), claimed, present.shown)
    return Tell(claimed.kind, facts, Entry(), present)


def _withdrawal(sight: _Sight) -> Tell | Superfluous:
    """To somebody who is no longer part of it: of what they knew, and of nothing else."""
    facts = sight.mine.facts
    previous = _as_told(sight.of_role[-1].telling.shown) if sight.of_role else None
    previous = previous or facts.previous
    if previous is None or not (sight.stands or facts.again):
        return Superfluous()
    update = {"role": sight.mine.role, "previous": previous, "withdrawn": True}
    off = sight.now.model_copy(update={"sequence": sight.mine.sequence, "cancelled": True})
    remembered = _remembering(facts.model_copy(update=update), sight.claimed, off)
    return Tell(SEND_CANCELLATION.name, remembered, sight.entry, sight.present)


def _what(connection: Connection, sight: _Sight) -> tuple[str, MailFacts] | None:
    """The kind of mail and what it compares with, to somebody who is part of it; None when there is no news."""
    mine, role = sight.mine, sight.mine.role
    facts = mine.facts.model_copy(update={"role": role})
    if mine.tells_off and not sight.now.cancelled:
        return None
    if mine.facts.again:
        return mine.kind, facts
    if sight.now.cancelled:
        return (SEND_CANCELLATION.name, facts) if sight.stands else None
    if not sight.stands:
        first = SEND_CONFIRMATION if role == "client" else SEND_ASSIGNMENT
        return first.name, facts.model_copy(update={"previous": None, "changed": ()})
    return _news(connection, sight, facts)


def _is_superseded(mine: MailSoFar, mails: Sequence[MailSoFar]) -> bool:
    """Whether a later mail tells this reader everything. What a person asked for only gives way to one to come."""
    for mail in mails:
        if mail.id <= mine.id or mail.is_dropped or mail.role != mine.role:
            continue
        if mine.facts.again and not mail.is_unsent:
            continue
        if mine.tells_off and mail.tells_off and mail.sequence == mine.sequence:
            # The same reader at two addresses: both of them were told, and both of them hear that it is off.
            continue
        # Who was taken off and is back, and who is taken off now, read that; others read of their own part.
        if same_address(mail.recipient, mine.recipient) or not (mine.facts.withdrawn or mail.facts.withdrawn):
            return True
    return False


def _is_anothers(connection: Connection, sight: _Sight) -> bool:
    """Whether the appointment has gone to another client, or photographer, since the mail was planned."""
    mine = sight.mine
    reader = _Reader(mine.role, mine.recipient, mine.facts.party, mine.sequence)
    return _has_lost_it(connection, sight.claimed.appointment_id, reader, sight.present)


def _has_lost_it(
    connection: Connection, appointment_id: int, reader: _Reader, present: AppointmentNow
) -> bool:
    is_client = reader.role == "client"
    if reader.party is not None:
        return bool(reader.party != (present.client_id if is_client else present.photographer_user_id))
    # Planned by a create, or by an earlier release: only the address tells who was meant. People may have got
    # another address meanwhile, so it counts only where the appointment has gone from hand to hand.
    column = "order_id" if is_client else "photographer_user_id"
    address = (present.client_email if is_client else present.photographer_email) or ""
    return not same_address(address, reader.recipient) and touched(
        connection, appointment_id, reader.sequence, column
    )


def _news(connection: Connection, sight: _Sight, planned: MailFacts) -> tuple[str, MailFacts] | None:
    """For a reader who knows that it stands."""
    known, now, role = sight.known, sight.now, sight.mine.role
    appointment_id = sight.claimed.appointment_id
    # What is older than the last mail that surely arrived has been replaced by it.
    last_sure = max((number for number, one in enumerate(known) if one.telling.is_sure), default=0)
    shown = [one.telling.shown for one in known[last_sure:] if not one.is_off]
    seen = [each for each in shown if each is not None]
    if len(seen) < len(shown) or not seen:
        return sight.mine.kind, planned  # mails of an earlier release: as the change found it
    ignored = _not_compared(role)
    last = seen[-1].model_dump(exclude=ignored)
    are_alike = all(each.model_dump(exclude=ignored) == last for each in seen)
    texts = set[str]().union(*(changed_since(connection, appointment_id, each.sequence) for each in seen))
    told = {*TEXTS, "photographer_name"} if role == "client" else set(TEXTS)
    if are_alike and last == now.model_dump(exclude=ignored) and not texts & told:
        return None
    facts = planned.model_copy(
        update={
            "previous": _as_told(seen[-1]) if are_alike else None,
            "changed": tuple(name for name in TEXTS if name in texts),
        }
    )
    is_newly_confirmed = role == "client" and now.confirmed and not any(each.confirmed for each in seen)
    return (SEND_CONFIRMATION if is_newly_confirmed else SEND_CHANGE).name, facts


def _not_compared(role: Role) -> set[str]:
    """What may differ without being news to this reader; photographers know who they are."""
    return {"sequence", "calendar", *(() if role == "client" else ("photographer_user_id",))}


def _as_told(shown: Shown | None) -> Told | None:
    return None if shown is None else Told.model_validate(shown.model_dump())


def _remembering(facts: MailFacts, claimed: Claim, shown: Shown) -> MailFacts:
    earlier = {key: value for key, value in facts.shown.items() if key != str(claimed.send_id)}
    kept = dict([*earlier.items()][-(_MOST_REMEMBERED - 1) :])
    return facts.model_copy(update={"shown": {**kept, str(claimed.send_id): shown}})
