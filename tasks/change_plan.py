"""Which mails follow from a change of an appointment: who has to be told, in which kind of mail, and which mails
that have not gone out yet are superfluous by then. Whether there is something to tell at all, and the difference
from what, is decided when a mail goes out (`tasks/telling.py`).

    knows nothing, or that it is off ─► send-confirmation, or send-assignment to the photographer
    knows that it stands             ─► send-change; to a client whose request is now confirmed, send-confirmation
    is no longer part of it          ─► send-cancellation, as withdrawn, if they know that it stands
    is written to elsewhere now      ─► the new address: as if told there; the old one: as withdrawn, if it has an entry
    it is cancelled                  ─► send-cancellation, to those who know that it stands, wherever they were told

What somebody *knows* is what a mail may have told them: one that was dropped unsent, or refused for good, told
nothing. An unsent mail is replaced by the new one, which takes over what the other remembered of the time
before, because that is what the recipient still knows. Pure: the rows are read and written by `tasks/door.py`.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from models.command_states import State
from models.commands import NewCommand
from models.mail_facts import MailFacts, Role, Told
from tasks.catalogue import SEND_ASSIGNMENT, SEND_CANCELLATION, SEND_CHANGE, SEND_CONFIRMATION
from tasks.mails_so_far import MailSoFar, entry_of, same_address

TEXTS: Final = ("location", "summary", "appt_type", "description", "optional")
"""Columns of which a change mail says that they changed, and no more."""

PHOTOGRAPHER: Final = frozenset({"photographer_user_id", "photographer_name"})
"""What concerns the client alone, as long as the photographer stays the same person."""

VISIBLE: Final = frozenset({*TEXTS, *PHOTOGRAPHER, "confirmed", "order_id"})
"""Columns that people were told, besides the times and whether it is cancelled."""

TIMES: Final = "times"
"""Stands among the visible changes for any field from which the times follow."""

ROLES: Final[tuple[Role, ...]] = ("client", "photographer")

Knows = Literal["nothing", "stands", "off"]


@dataclass(frozen=True, slots=True)
class People:
    """Whom an appointment's mails go to. A None is nobody, or somebody without an address."""

    client: str | None = field(default=None, repr=False)
    photographer: str | None = field(default=None, repr=False)
    client_id: int | None = None
    photographer_user_id: int | None = None
    has_order: bool = False

    def address(self, role: Role) -> str | None:
        """Where that role's mails go."""
        return (self.client if role == "client" else self.photographer) or None

    def party(self, role: Role) -> int | None:
        """Who that is, whatever their address."""
        return self.client_id if role == "client" else self.photographer_user_id


@dataclass(frozen=True, slots=True)
class Alteration:
    """What a change is to people. `visible` are names of `VISIBLE`, and `TIMES`."""

    before: People
    after: People
    was_cancelled: bool
    is_cancelled: bool
    is_confirmed: bool
    visible: frozenset[str]

    @property
    def is_told(self) -> bool:
        """Whether it is one that people are told of: then the appointment's sequence rises."""
        if self.was_cancelled and self.is_cancelled:
            return False
        return bool(self.visible) or self.was_cancelled != self.is_cancelled


@dataclass(frozen=True, slots=True)
class MailPlan:
    """Ids of unsent mails to drop, the mails to queue, and in plain sentences whom nobody can write to."""

    drop: Sequence[int] = ()
    commands: Sequence[NewCommand] = ()
    unreachable: Sequence[str] = ()


def plan_update(
    altered: Alteration, told: Told, so_far: Sequence[MailSoFar], state: State = State.PENDING
) -> MailPlan:
    """What follows from a change after which the appointment stands, or goes on being cancelled.

    `told` is the appointment as it was before; `state` is what the new mails begin in.
    """
    if not altered.is_told:
        return MailPlan()
    if altered.is_cancelled:
        return plan_cancel(altered, told, so_far, state)
    mails = _Mails(so_far, told, altered, state)
    for role in ROLES:
        if _concerns(role, altered):
            mails.tell(role)
    for role in ROLES:
        if _is_replaced(role, altered):
            mails.withdraw(role)
    unreachable: tuple[str, ...] = ()
    if altered.after.has_order and not altered.after.client:
        unreachable = ("The order's client has no e-mail address, so no mail tells them of this change.",)
        if "client" in mails.told_at_former_address:
            unreachable = (
                "The order's client has no e-mail address any more; this change is told to the one they had.",
            )
    return MailPlan(mails.dropped, mails.commands, unreachable)


def plan_cancel(
    altered: Alteration, told: Told, so_far: Sequence[MailSoFar], state: State = State.PENDING
) -> MailPlan:
    """What follows when the appointment is called off: whoever knows of it is told, and nobody else."""
    mails = _Mails(so_far, told, altered, state)
    for role in ROLES:
        mails.call_off(role)
    return MailPlan(mails.dropped, mails.commands)


def _concerns(role: Role, altered: Alteration) -> bool:
    if role == "client" or altered.was_cancelled or _is_replaced(role, altered):
        return True
    return bool(altered.visible - PHOTOGRAPHER) or "photographer_user_id" in altered.visible


def _is_replaced(role: Role, altered: Alteration) -> bool:
    before, after = altered.before, altered.after
    if role == "client":
        return before.client_id is not None and before.client_id != after.client_id
    return before.photographer_user_id != after.photographer_user_id


class _Mails:
    """The mails of one change while they are being decided."""

    def __init__(self, so_far: Sequence[MailSoFar], told: Told, altered: Alteration, state: State) -> None:
        self.so_far = so_far
        self.told = told
        self.altered = altered
        self.state = state
        self.dropped: list[int] = []
        self.commands: list[NewCommand] = []
        self.told_at_former_address: set[Role] = set()

    def tell(self, role: Role) -> None:
        """Whoever is part of it now reads what is true now, where they are written to now.

        Where else they were told of it, they hear that their mails go to another address, if an entry of ours is in
        the calendar there; else nobody would bring that up to date.
        """
        record, party = self.altered.after.address(role), self.altered.after.party(role)
        former = [] if _is_replaced(role, self.altered) else self._standing(role, party)
        address = self._in_use(role, record)
        if address is None and former:
            address = former[-1]
            self.told_at_former_address.add(role)
        elsewhere = [other for other in former if address is None or not same_address(other, address)]
        knows = "nothing" if address is None else self._knows(role, address)
        told_elsewhere = knows == "nothing" and bool(elsewhere)
        previous, changed = self._known_before(role, elsewhere[-1] if told_elsewhere else address)
        self._drop(role, address)
        if address is None:
            return
        first = SEND_CONFIRMATION if role == "client" else SEND_ASSIGNMENT
        if knows == "stands" or told_elsewhere:
            facts = MailFacts(
                role=role, previous=previous, changed=changed, party=party, told_elsewhere=told_elsewhere
            )
            is_newly_confirmed = self.altered.is_confirmed and not previous.confirmed
            kind = first if role == "client" and is_newly_confirmed else SEND_CHANGE
            self._queue(kind.name, address, facts)
        else:
            self._queue(first.name, address, MailFacts(role=role, party=party))
        for other in elsewhere:
            if entry_of(self.so_far, other).exists is not False:
                self._take_out(role, other, party, readdressed=True)

    def withdraw(self, role: Role) -> None:
        """Whoever was part of it, and is not any more, is told so and nothing else."""
        address = self.altered.before.address(role)
        if address is None or not self._is_written_to(address):
            self._drop(role, address)
        for told in self._standing(role):
            self._take_out(role, told, self.altered.before.party(role))

    def call_off(self, role: Role) -> None:
        """Whoever knows that it stands hears that it is off: everywhere they were told, and where they are now."""
        party = self.altered.before.party(role)
        address = self._in_use(role, self.altered.before.address(role))
        standing = self._standing(role)
        is_moved = bool(self._standing(role, party)) and address is not None
        known_before = {told: self._known_before(role, told)[0] for told in standing}
        self._drop(role, address)
        for told in self._standing(role):
            previous = known_before.get(told) or self._known_before(role, told)[0]
            self._queue(SEND_CANCELLATION.name, told, MailFacts(role=role, previous=previous, party=party))
        if is_moved and address is not None and self._knows(role, address) == "nothing":
            facts = MailFacts(
                role=role, previous=known_before[standing[-1]], party=party, told_elsewhere=True
            )
            self._queue(SEND_CANCELLATION.name, address, facts)

    def _take_out(self, role: Role, address: str, party: int | None, *, readdressed: bool = False) -> None:
        if self._is_written_to(address):
            return
        previous, _changed = self._known_before(role, address)
        facts = MailFacts(role=role, previous=previous, withdrawn=True, party=party, readdressed=readdressed)
        self._queue(SEND_CANCELLATION.name, address, facts)

    def _standing(self, role: Role, party: int | None = None) -> list[str]:
        """Every address at which this role was told that it stands and not that it is off, the latest last.

        With a `party`, only where that person was told. To be taken off is told once, whatever became of that mail.
        """
        found: dict[str, str] = {}
        for mail in self.so_far:
            key = mail.recipient.casefold()
            if mail.role != role or mail.id in self.dropped or mail.is_dropped:
                continue
            if mail.tells_off and (mail.may_have_arrived or mail.facts.withdrawn):
                found.pop(key, None)
            elif mail.may_have_arrived and (party is None or mail.facts.party in (None, party)):
                found.pop(key, None)
                found[key] = mail.recipient
        return list(found.values())

    def _in_use(self, role: Role, address: str | None) -> str | None:
        """The address to write to: a person may have corrected the record's where a mail did not arrive."""
        found = address
        for mail in self.so_far:
            if address is None or mail.role != role:
                continue
            if same_address(mail.recipient, address) and mail.may_have_arrived:
                found = address
            elif any(same_address(wrong, address) for wrong in mail.corrected):
                found = mail.recipient
        return found

    def _of(self, role: Role, address: str | None) -> Iterator[MailSoFar]:
        for mail in self.so_far:
            if address is not None and mail.role == role and same_address(mail.recipient, address):
                yield mail

    def _knows(self, role: Role, address: str) -> Knows:
        knows: Knows = "nothing"
        for mail in self._of(role, address):
            if mail.may_have_arrived:
                knows = "off" if mail.kind == SEND_CANCELLATION.name else "stands"
        return knows

    def _known_before(self, role: Role, address: str | None) -> tuple[Told, tuple[str, ...]]:
        """The appointment as this person knows it, and which texts they do not know yet.

        As far as can be told now: when the mail goes out, that is looked at again (`tasks/telling.py`).
        """
        unsent = [mail.facts for mail in self._of(role, address) if mail.is_unsent]
        remembered = [facts.previous for facts in unsent if facts.previous is not None]
        shown = [
            telling.shown
            for mail in self._of(role, address)
            for telling in mail.tellings
            if telling.shown is not None and not mail.tells_off
        ]
        last = max(shown, key=lambda each: each.sequence, default=None)
        known = last or next(iter(remembered), self.told)
        new = {*self.altered.visible, *(name for facts in unsent for name in facts.changed)}
        return known, tuple(name for name in TEXTS if name in new)

    def _drop(self, role: Role, address: str | None) -> None:
        """What this role has not been sent yet, to any address; but who was taken off still has to hear of it."""
        self.dropped += [
            mail.id
            for mail in self.so_far
            if mail.is_unsent
            and mail.role == role
            and mail.id not in self.dropped
            and (not mail.facts.withdrawn or (address is not None and same_address(mail.recipient, address)))
        ]

    def _queue(self, kind: str, address: str, facts: MailFacts) -> None:
        # Client and photographer may share a mailbox: one mail of a kind is enough for it.
        if any(new.kind == kind and same_address(new.recipient, address) for new in self.commands):
            return
        self.commands.append(NewCommand(kind, self.state, address, facts.to_json()))

    def _is_written_to(self, address: str) -> bool:
        people: Collection[str | None] = (self.altered.after.client, self.altered.after.photographer)
        return any(other is not None and same_address(other, address) for other in people)
