"""What became of every create: a pure function over what the client, the database and the provider say.

The three are compared and none is believed alone. What a create promises is in contract.md section 6 and in
`models/command_states.py`: an answer of 200 means a stored row, a row has its commands, a mail is accepted
exactly once or shown to people as undecided, and the three frames of an endpoint are one instant.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

STUCK_AFTER_S = 20.0
"""A command that has been due for this long although everything runs is stuck."""
RECONCILE, CONFIRMATION, ASSIGNMENT = "reconcile-times", "send-confirmation", "send-assignment"


@dataclass(frozen=True)
class Create:
    """What the client knows of one appointment. Times are Unix seconds, lengths seconds.

    `answer_s` is the time of the request that was answered, `whole_s` that from the first try to this answer.
    `disturbed` names what was away at some moment in between. `refusal`: why it was given up, if it was.
    """

    uuid: str
    answered: bool
    appointment_id: int | None
    began_at: float
    answer_s: float
    whole_s: float
    attempts: int
    refusal: str = ""
    disturbed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """An appointment in the database. `clocks` holds the twelve date and time columns by name."""

    id: int
    uuid: str
    inserted_at: float
    client_email: str | None
    photographer_email: str | None
    reconciled: bool
    starts_at: datetime | None
    stops_at: datetime | None
    zone_name: str | None
    office_zone: str | None
    clocks: Mapping[str, date | time | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Command:
    """A command in the database. `overdue_s` counts from `available_at`, or from the end of its lease."""

    id: int
    appointment_id: int
    kind: str
    recipient: str
    state: str
    overdue_s: float
    left_to_people: bool = False
    email_outcome: str | None = None
    """The outcome in the mail's own row, None when it has none."""


@dataclass(frozen=True)
class Notification:
    """What developers see of a command."""

    command_id: int | None
    is_open: bool
    may_have_been_sent: bool


@dataclass(frozen=True)
class Accepted:
    """A mail that the provider accepted, whatever the sender was told."""

    id: str
    appointment_id: int | None
    kind: str
    to: str
    at: float


@dataclass(frozen=True)
class Findings:
    """Everything that is not as promised, one sentence each. Only `postponed` and `undecided` are no fault."""

    missing: tuple[str, ...] = ()
    """Answered with 200, and not in the database."""
    refused: tuple[str, ...] = ()
    """A correct create that was refused, so that repeating it would not help."""
    half_written: tuple[str, ...] = ()
    """Parts of one transaction without the others."""
    unreconciled: tuple[str, ...] = ()
    """Times that were not reconciled, or that contradict each other."""
    lost: tuple[str, ...] = ()
    """A mail that nobody will send any more and that was never accepted."""
    duplicates: tuple[str, ...] = ()
    """A mail that was accepted more than once."""
    stray: tuple[str, ...] = ()
    """A mail that no appointment asked for."""
    stuck: tuple[str, ...] = ()
    """A command that is due and that nobody does."""
    untold: tuple[str, ...] = ()
    """An undecided command that no open notification tells of."""
    undecided: tuple[str, ...] = ()
    """A command left to people, and shown to them."""
    postponed: tuple[str, ...] = ()
    """A command that waits for its next try."""

    @property
    def faults(self) -> dict[str, tuple[str, ...]]:
        """What breaks a promise, by its name; empty when all promises were kept."""
        allowed = ("undecided", "postponed")
        return {
            each.name: found
            for each in fields(self)
            if each.name not in allowed and (found := getattr(self, each.name))
        }


def audit(
    creates: Sequence[Create],
    rows: Sequence[Row],
    commands: Sequence[Command],
    notifications: Sequence[Notification],
    accepted: Sequence[Accepted],
) -> Findings:
    """Compare them all. Deliveries to people are judged by metadata, so a copy is no second mail."""
    of_row: dict[int, list[Command]] = defaultdict(list)
    for command in commands:
        of_row[command.appointment_id].append(command)
    sent = Counter((mail.appointment_id, mail.kind, mail.to.casefold()) for mail in accepted)
    told = {(notice.command_id, notice.may_have_been_sent) for notice in notifications if notice.is_open}
    undecided = [command for command in commands if _is_undecided(command)]
    unfinished = [command for command in commands if command.state != "done" and not _is_undecided(command)]
    return Findings(
        missing=tuple(_missing(creates, rows)),
        refused=tuple(f"{create.uuid}: {create.refusal}" for create in creates if create.refusal),
        half_written=tuple(sentence for row in rows for sentence in _half_written(row, of_row[row.id])),
        unreconciled=tuple(sentence for row in rows for sentence in _unreconciled(row)),
        lost=tuple(sentence for row in rows for sentence in _lost(row, of_row[row.id], sent)),
        duplicates=tuple(
            f"appointment {who}: {kind} to {to} was accepted {count} times"
            for (who, kind, to), count in sent.items()
            if count > 1
        ),
        stray=tuple(_stray(accepted, commands)),
        stuck=tuple(_described(command) for command in unfinished if command.overdue_s > STUCK_AFTER_S),
        untold=tuple(_described(command) for command in undecided if not _is_told(command, told)),
        undecided=tuple(_described(command) for command in undecided),
        postponed=tuple(_described(command) for command in unfinished if command.overdue_s <= STUCK_AFTER_S),
    )


def contradiction(row: Row) -> str:
    """How the stored times of a row contradict each other; empty when they are one instant an endpoint."""
    zones = {"utc": "UTC", "local": row.zone_name, "office": row.office_zone}
    for endpoint, instant in (("start", row.starts_at), ("stop", row.stops_at)):
        if instant is None:
            return f"the {endpoint} is not an instant"
        for frame, zone in zones.items():
            if zone is None:
                return f"the zone of the {frame} frame is not known"
            wall = instant.astimezone(UTC if frame == "utc" else ZoneInfo(zone)).replace(tzinfo=None)
            day, hour = row.clocks.get(f"date_{endpoint}_{frame}"), row.clocks.get(f"time_{endpoint}_{frame}")
            if (day, hour) != (wall.date(), wall.time()):
                return f"the {endpoint} is {wall} in the {frame} frame, and {day} {hour} is stored"
    return ""


def _missing(creates: Iterable[Create], rows: Iterable[Row]) -> Iterable[str]:
    stored = {row.uuid: row.id for row in rows}
    for create in creates:
        if create.answered and stored.get(create.uuid) != create.appointment_id:
            yield (
                f"{create.uuid} was answered as appointment {create.appointment_id}, and the database has"
                f" {stored.get(create.uuid, 'nothing')}"
            )


def _half_written(row: Row, commands: Sequence[Command]) -> Iterable[str]:
    states = {command.kind: command.state for command in commands}
    if RECONCILE not in states:
        yield f"appointment {row.id} has no command {RECONCILE}"
    elif (states[RECONCILE] == "done") != row.reconciled:
        yield f"appointment {row.id}: {RECONCILE} is {states[RECONCILE]}, reconciled is {row.reconciled}"
    for command in commands:
        if command.state == "waiting" and row.reconciled:
            yield f"appointment {row.id}: {command.kind} still waits for times that are reconciled"
        elif command.kind != RECONCILE and (command.state == "done") != (
            command.email_outcome in ("accepted", "held")
        ):
            yield (
                f"appointment {row.id}: {command.kind} is {command.state}, its mail {command.email_outcome}"
            )


def _unreconciled(row: Row) -> Iterable[str]:
    if not row.reconciled:
        yield f"appointment {row.id} was not reconciled"
    elif found := contradiction(row):
        yield f"appointment {row.id}: {found}"


def _lost(row: Row, commands: Sequence[Command], sent: Counter[tuple[int | None, str, str]]) -> Iterable[str]:
    for kind, to in ((CONFIRMATION, row.client_email), (ASSIGNMENT, row.photographer_email)):
        if to is None or sent[(row.id, kind, to.casefold())]:
            continue
        states = [command.state for command in commands if command.kind == kind]
        if not states:
            yield f"appointment {row.id} has no command {kind}"
        elif "done" in states:
            yield f"appointment {row.id}: {kind} is done, and no mail was accepted"


def _stray(accepted: Iterable[Accepted], commands: Iterable[Command]) -> Iterable[str]:
    asked = {(command.appointment_id, command.kind, command.recipient.casefold()) for command in commands}
    for mail in accepted:
        if (mail.appointment_id, mail.kind, mail.to.casefold()) not in asked:
            yield f"mail {mail.id}: {mail.kind} of appointment {mail.appointment_id} to {mail.to}"


def _is_undecided(command: Command) -> bool:
    return command.state == "failed" or (command.state == "unknown" and command.left_to_people)


def _is_told(command: Command, told: set[tuple[int | None, bool]]) -> bool:
    """A mail that may have been sent must be told of as such; a command that failed for sure, somehow."""
    if (command.id, True) in told:
        return True
    return command.state == "failed" and (command.id, False) in told


def _described(command: Command) -> str:
    return (
        f"command {command.id} ({command.kind} of appointment {command.appointment_id}) is {command.state},"
        f" due since {command.overdue_s:.0f} s"
    )
