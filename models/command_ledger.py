"""How commands move: one function for each edge of `models/command_states.py`, each one guarded statement.

Every move names the states it may start from, so that a duplicated or late message changes nothing. A worker's
moves also name its lease: a worker that lost it cannot overwrite what happened since. All times are the
database's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, TextClause, bindparam, text

from models.command_states import (
    AWAIT,
    BEGIN,
    BEGIN_SENDING,
    CLAIMABLE,
    DOUBT,
    DROP,
    DROP_BY_HAND,
    DROP_CLAIMED,
    EXPIRE_RUNNING,
    EXPIRE_SENDING,
    FAIL,
    FINISH,
    POSTPONE,
    REJECT,
    RELEASE,
    RESEND,
    SETTLE,
    Edge,
    State,
)
from models.commands import Command, NewCommand
from models.provider_gate import FAILURES_THAT_CLOSE, PROBES

CHANNEL = "commands"
"""The NOTIFY channel that wakes the relay. At most one NOTIFY a transaction: they serialise commits."""

CREATED = "created"
"""What a new appointment's NOTIFY says: all that is due is its first command, which is no mail and no repeat."""

REPUBLISH_AFTER_S = 5
"""A message unheard of for this long counts as lost; doubled with each further one, up to 2^7 times."""

ROOM = 2_000
"""Messages of a queue that may be under way. What waits beyond that waits in the table, oldest first."""

NEVER = "9000-01-01 00:00:00+00"
"""When a command that was left to people is due. Not `infinity`: Python has no such datetime to read it as."""


DROPPED = "A later change of the appointment made it superfluous before it was sent."
"""The `last_error` of a command that was dropped; no other command that is done has one, but those below."""

GIVEN_UP = "A person gave it up before it was sent or done."
GIVEN_UP_IN_DOUBT = "A person gave it up while nobody knew whether it had been sent."
"""How the `last_error` of a command begins that a person dropped. What it said before follows."""


class LeaseLostError(Exception):
    """The command is no longer this worker's: its lease expired and somebody else decided."""

    def __init__(self, command_id: int) -> None:
        super().__init__(command_id)

    def __str__(self) -> str:
        return f"The lease of command {self.args[0]} was lost before its outcome could be recorded."


@dataclass(frozen=True, slots=True)
class Claim:
    """A command in a worker's hands. `in_doubt`: an earlier try may have been accepted by the provider."""

    id: int
    appointment_id: int
    kind: str
    sequence: int
    recipient: str
    send_id: UUID
    attempts: int
    doubts: int
    misses: int
    request_id: str
    lease_token: UUID
    in_doubt: bool
    doubt_age_s: float


@dataclass(frozen=True, slots=True)
class Due:
    """A command that a message should be sent for. `is_repeat`: it was attempted before.

    `publishes` counts its messages, this one included, since it became due.
    """

    id: int
    kind: str
    is_repeat: bool = False
    publishes: int = field(default=1, compare=False)


def _states(states: Sequence[State]) -> str:
    return "(" + ", ".join(f"'{state}'" for state in states) + ")"


def _worker_move(edge: Edge, assignments: str) -> TextClause:
    return text(
        f"UPDATE commands SET state = '{edge.target}', lease_token = NULL, lease_until = NULL, {assignments}"  # noqa: S608 - constants
        f" WHERE id = :id AND lease_token = :lease_token AND state IN {_states(edge.sources)}"
    )


def _claim_statement(edge: Edge) -> TextClause:
    return text(
        f"UPDATE commands SET state = '{edge.target}', lease_token = :lease_token,"  # noqa: S608 - constants
        # Asking the provider about a doubt is no attempt; see `begin_again`.
        " attempts = attempts + (doubt_since IS NULL)::int,"
        " lease_until = now() + make_interval(secs => :lease_s)"
        f" WHERE id = :id AND kind = :kind AND state IN {_states(edge.sources)} AND available_at <= now()"
        " AND NOT EXISTS (SELECT 1 FROM provider_gates WHERE name = :provider AND (closed_until > now()"
        f" OR failures >= {FAILURES_THAT_CLOSE} AND {PROBES} <="
        f" (SELECT count(*) FROM commands AS probe WHERE probe.state = '{State.SENDING}')))"
        " RETURNING id, appointment_id, kind, sequence, recipient, send_id, attempts, doubts, misses, request_id,"
        " lease_token, doubt_since IS NOT NULL AS in_doubt,"
        " coalesce(extract(epoch FROM now() - doubt_since), 0)::float AS doubt_age_s"
    )


_CLAIM = {edge: _claim_statement(edge) for edge in (BEGIN, BEGIN_SENDING)}
_FINISH = _worker_move(FINISH, "finished_at = now(), doubt_since = NULL, last_error = NULL")
_POSTPONE = _worker_move(
    POSTPONE,
    "available_at = now() + make_interval(secs => :delay_s), published_at = NULL, publishes = 0,"
    " doubt_since = NULL, last_error = :error",
)
_PUT_OFF = _worker_move(
    POSTPONE,
    "attempts = greatest(attempts - 1, 0), published_at = NULL, publishes = 0,"
    " available_at = greatest(available_at, CASE WHEN :delay_s > 0"
    " THEN now() + make_interval(secs => :delay_s) ELSE available_at END)",
)
_AWAIT = _worker_move(AWAIT, "attempts = greatest(attempts - 1, 0), published_at = NULL, publishes = 0")
_DROP_CLAIMED = _worker_move(DROP_CLAIMED, "finished_at = now(), last_error = :error")
_NOTE_FACTS = text(
    "UPDATE commands SET facts = CAST(:facts AS jsonb) WHERE id = :id AND lease_token = :lease_token"
)
_FAIL = _worker_move(FAIL, "finished_at = now(), last_error = :error")
_DOUBT = _worker_move(
    DOUBT,
    "available_at = now() + make_interval(secs => :delay_s), published_at = NULL, publishes = 0,"
    " doubts = doubts + 1, misses = 0, doubt_since = coalesce(doubt_since, now()), last_error = :error",
)
_STAY_IN_DOUBT = _worker_move(
    DOUBT,
    f"available_at = CASE WHEN CAST(:delay_s AS float) IS NULL THEN timestamptz '{NEVER}'"
    " ELSE now() + make_interval(secs => :delay_s) END,"
    " published_at = NULL, publishes = 0, misses = misses + :missed, last_error = :error",
)
_HOLD = text(
    "UPDATE commands SET lease_until = now() + make_interval(secs => :lease_s)"
    " WHERE id = :id AND lease_token = :lease_token"
)
_BEGIN_AGAIN = text(
    "UPDATE commands SET attempts = attempts + 1, doubt_since = NULL, misses = 0"
    " WHERE id = :id AND lease_token = :lease_token"
)
_DUE = f"state IN {_states(CLAIMABLE)} AND available_at <= now()"
_UNHEARD_OF = (
    "(published_at IS NULL OR published_at < now() - make_interval("
    "secs => :republish_after_s * power(2, least(publishes - 1, 7))))"
)
_FIRST, _REPEAT = "attempts = 0", "attempts > 0"
# With a backlog, the sweep publishes in order of age; a message more would only fill the broker.
_RELEASE = text(
    f"WITH backlog AS (SELECT 1 FROM commands WHERE {_DUE} AND {_FIRST} LIMIT :room),"  # noqa: S608 - constants
    " room AS (SELECT count(*) < :room AS is_left FROM backlog)"
    f" UPDATE commands SET state = '{RELEASE.target}', available_at = now(),"
    " published_at = CASE WHEN is_left THEN now() END, publishes = is_left::int FROM room"
    f" WHERE appointment_id = :appointment_id AND state IN {_states(RELEASE.sources)}"
    " RETURNING id, kind, is_left"
)
_COLUMNS = ", ".join(column.name for column in Command.__table__.columns)
_RESEND = text(
    f"UPDATE commands SET state = '{RESEND.target}', available_at = now(), published_at = NULL, publishes = 0,"  # noqa: S608 - constants
    " attempts = 0, doubts = 0, misses = 0, doubt_since = NULL, finished_at = NULL, last_error = NULL,"
    " recipient = coalesce(:recipient, recipient), send_id = gen_random_uuid(),"
    # Only mails have a recipient. What a person asks for is sent even if nothing in it is new.
    " facts = CASE WHEN recipient = '' THEN facts"
    " ELSE coalesce(facts, '{}') || jsonb_build_object('again', true) END"
    f" WHERE id = ANY(:ids) AND state IN {_states(RESEND.sources)} RETURNING id"
)
_FETCH_BACK = text(
    "WITH fetched AS (DELETE FROM commands_archive WHERE id = ANY(:ids) RETURNING *)"  # noqa: S608 - constants
    f" INSERT INTO commands ({_COLUMNS}) SELECT {_COLUMNS} FROM fetched"
)
_TOLD = {
    edge: text(
        f"UPDATE commands SET state = '{edge.target}', finished_at = now(), doubt_since = NULL, last_error = :error"  # noqa: S608 - constants
        # By way of the mails' rows, which have an index on `send_id`.
        " WHERE id IN (SELECT command_id FROM emails WHERE send_id = ANY(:send_ids))"
        f" AND send_id = ANY(:send_ids) AND state IN {_states(edge.sources)}"
        " RETURNING id, send_id, appointment_id, kind, sequence, recipient, attempts, request_id"
    )
    for edge in (SETTLE, REJECT)
}
_EXPIRE = [
    text(
        f"UPDATE commands SET state = '{edge.target}', lease_token = NULL, lease_until = NULL,"  # noqa: S608 - constants
        f" available_at = now() + make_interval(secs => :grace_s), published_at = NULL, publishes = 0,"
        f" {extra} last_error = 'The worker that had it stopped before it could say what happened.'"
        f" WHERE id IN (SELECT id FROM commands WHERE state IN {_states(edge.sources)}"
        " AND lease_until < now() FOR UPDATE SKIP LOCKED)"
    )
    for edge, extra in (
        (EXPIRE_RUNNING, ""),
        (
            EXPIRE_SENDING,
            "doubts = doubts + (doubt_since IS NULL)::int, doubt_since = coalesce(doubt_since, now()),",
        ),
    )
]
# Kind by kind, because an index by kind and age finds the oldest of one kind without passing a hundred thousand
# of another. Only the oldest are looked at, as many as there is room for: that bounds the work when the backlog
# is long. Repeats, which have a statement to themselves, get the room that first attempts leave.
_KINDS = (
    "unnest(coalesce(CAST(:kinds AS text[]),"  # noqa: S608 - constants
    f" ARRAY(SELECT DISTINCT kind FROM commands WHERE state IN {_states(CLAIMABLE)}))) AS wanted (kind)"
)
_TAKE_DUE = {
    is_repeat: text(
        f"WITH room AS (SELECT :room - {taken} AS places),"  # noqa: S608 - constants
        f" oldest AS (SELECT each.* FROM {_KINDS} CROSS JOIN LATERAL ("
        f"SELECT available_at, published_at, publishes FROM commands WHERE kind = wanted.kind AND {_DUE} AND {which}"
        " ORDER BY available_at LIMIT (SELECT places FROM room)) AS each"
        " ORDER BY available_at LIMIT (SELECT places FROM room)),"
        " free AS (SELECT greatest(0, least(:limit, places"
        f" - (SELECT count(*) FROM oldest WHERE NOT {_UNHEARD_OF}))) AS places FROM room),"
        f" due AS (SELECT each.id FROM {_KINDS} CROSS JOIN LATERAL ("
        f"SELECT id, available_at FROM commands WHERE kind = wanted.kind AND {_DUE} AND {which} AND {_UNHEARD_OF}"
        " ORDER BY available_at LIMIT (SELECT places FROM free) FOR UPDATE SKIP LOCKED) AS each"
        " ORDER BY available_at LIMIT (SELECT places FROM free))"
        " UPDATE commands SET published_at = now(), publishes = publishes + 1 FROM due WHERE commands.id = due.id"
        " RETURNING commands.id, commands.kind, commands.available_at, commands.publishes"
    )
    for is_repeat, which, taken in (
        (False, _FIRST, "0"),
        (
            True,
            _REPEAT,
            f"(SELECT count(*) FROM (SELECT FROM {_KINDS} CROSS JOIN LATERAL (SELECT FROM commands"  # noqa: S608 - constants
            f" WHERE kind = wanted.kind AND {_DUE} AND {_FIRST} LIMIT :room) AS each LIMIT :room) AS first)",
        ),
    )
}
_PUBLISH_AGAIN = text(
    "UPDATE commands SET published_at = NULL, publishes = 0 WHERE id IN ("  # noqa: S608 - constants
    f"SELECT id FROM commands WHERE state IN {_states(CLAIMABLE)} AND available_at <= now()"
    " AND published_at IS NOT NULL AND kind = ANY(:kinds) FOR UPDATE SKIP LOCKED)"
)
_DROP = text(
    f"UPDATE commands SET state = '{DROP.target}', finished_at = now(), last_error = :error"  # noqa: S608 - constants
    f" WHERE id = ANY(:ids) AND state IN {_states(DROP.sources)} RETURNING id"
)
_DROP_BY_HAND = text(
    f"UPDATE commands SET state = '{DROP_BY_HAND.target}', finished_at = now(), doubt_since = NULL,"  # noqa: S608 - constants
    f" last_error = CASE WHEN state = '{State.UNKNOWN}' THEN :in_doubt ELSE :given_up END"
    " || coalesce(' Before that: ' || last_error, '')"
    f" WHERE id = ANY(:ids) AND state IN {_states((*DROP.sources, *DROP_BY_HAND.sources))} RETURNING id"
)
_HASTEN = text(
    "UPDATE commands SET available_at = now(), published_at = NULL, publishes = 0"  # noqa: S608 - constants
    f" WHERE id = ANY(:ids) AND state = '{State.PENDING}' AND available_at > now() RETURNING id"
)
_ADD = text(
    "INSERT INTO commands (appointment_id, sequence, request_id, kind, state, recipient, facts)"
    " SELECT :appointment_id, :sequence, :request_id, new.kind, new.state, new.recipient, new.facts"
    " FROM jsonb_to_recordset(CAST(:commands AS jsonb))"
    " AS new (kind text, state text, recipient text, facts jsonb) RETURNING id"
)
_UNPUBLISH = text(
    "UPDATE commands SET published_at = NULL, publishes = greatest(publishes - 1, 0)"  # noqa: S608 - constants
    f" WHERE id IN :ids AND state IN {_states(CLAIMABLE)}"
).bindparams(bindparam("ids", expanding=True))


def claim(
    connection: Connection,
    command_id: int,
    kind: str,
    edge: Edge,
    lease_s: float,
    provider: str | None = None,
) -> Claim | None:
    """Take a due command for `lease_s` seconds; None when it is somebody else's, finished or not due.

    None as well while the gate of its `provider` is closed, or half open with enough probes on their way: the
    sweep publishes it again.
    """
    row = connection.execute(
        _CLAIM[edge],
        {
            "id": command_id,
            "kind": kind,
            "lease_token": uuid4(),
            "lease_s": lease_s,
            "provider": provider,
        },
    ).first()
    return None if row is None else Claim(**row._mapping)


def finish(connection: Connection, claimed: Claim) -> None:
    """It was done. Raises `LeaseLostError`."""
    _move(connection, _FINISH, claimed)


def postpone(connection: Connection, claimed: Claim, delay_s: float, error: str) -> None:
    """It surely did not happen; try again in `delay_s` seconds. Raises `LeaseLostError`."""
    _move(connection, _POSTPONE, claimed, delay_s=delay_s, error=error)


def put_off(connection: Connection, claimed: Claim, delay_s: float = 0.0) -> None:
    """It was not tried at all, because there is no place for it now: as before the claim, its age included.

    The sweep publishes it again, after `delay_s` seconds if any. Raises `LeaseLostError`.
    """
    _move(connection, _PUT_OFF, claimed, delay_s=delay_s)


def await_times(connection: Connection, claimed: Claim) -> None:
    """It was not tried, because the times are being computed again: their release lets it go on.

    The caller holds the appointment's row, so that the release comes after this. Raises `LeaseLostError`.
    """
    _move(connection, _AWAIT, claimed)


def drop_claimed(connection: Connection, claimed: Claim) -> None:
    """It turned out to be superfluous before anything was sent. Raises `LeaseLostError`."""
    _move(connection, _DROP_CLAIMED, claimed, error=DROPPED)


def note_facts(connection: Connection, claimed: Claim, facts: Mapping[str, Any]) -> None:
    """Remember what the mail says; it is about to be handed over. Raises `LeaseLostError`."""
    _move(connection, _NOTE_FACTS, claimed, facts=json.dumps(dict(facts)))


def fail(connection: Connection, claimed: Claim, error: str) -> None:
    """It cannot be done without a person. Raises `LeaseLostError`."""
    _move(connection, _FAIL, claimed, error=error)


def doubt(connection: Connection, claimed: Claim, delay_s: float, error: str) -> None:
    """It may have happened; ask the provider in `delay_s` seconds. Raises `LeaseLostError`."""
    _move(connection, _DOUBT, claimed, delay_s=delay_s, error=error)


def stay_in_doubt(
    connection: Connection, claimed: Claim, delay_s: float | None, error: str, *, missed: bool
) -> None:
    """The provider was asked and it is still open; ask again in `delay_s` seconds, or never (None).

    `missed`: the provider said that it has nothing. Raises `LeaseLostError`.
    """
    _move(connection, _STAY_IN_DOUBT, claimed, delay_s=delay_s, error=error, missed=int(missed))


def hold(connection: Connection, claimed: Claim, lease_s: float) -> None:
    """It is still this worker's, and for `lease_s` seconds from now. Raises `LeaseLostError`.

    Asked right before the provider is: inquiries may have used the lease up, and a process that was stopped
    in the meantime does not know how long.
    """
    _move(connection, _HOLD, claimed, lease_s=lease_s)


def begin_again(connection: Connection, claimed: Claim) -> Claim:
    """The provider surely has nothing: the doubt is over, and this is the claim of a new attempt.

    Raises `LeaseLostError`.
    """
    _move(connection, _BEGIN_AGAIN, claimed)
    return replace(claimed, attempts=claimed.attempts + 1, in_doubt=False, doubt_age_s=0.0, misses=0)


def release(connection: Connection, appointment_id: int, room: int = ROOM) -> list[Due]:
    """Let the appointment's waiting commands go; those that the caller is to publish after commit.

    They count as published. With a backlog of `room` commands there are none: the sweep comes to them in turn.
    """
    rows = connection.execute(_RELEASE, {"appointment_id": appointment_id, "room": room})
    return [Due(row.id, row.kind) for row in rows if row.is_left]


def resend(connection: Connection, command_id: int, recipient: str | None = None) -> bool:
    """A person decided to do it again, perhaps to another `recipient`. False when it is still under way."""
    return bool(resend_all(connection, [command_id], recipient))


def resend_all(connection: Connection, command_ids: Sequence[int], recipient: str | None = None) -> set[int]:
    """People decided to do these again; the ids of those that are. One that is under way stays as it is.

    Each gets a new `send_id`: to the provider it is another mail. What was archived comes back for it. Raises
    `sqlalchemy.exc.IntegrityError` when there is such a command to the new `recipient` already.
    """
    ids = {"ids": list(command_ids)}
    connection.execute(_FETCH_BACK, ids)
    moved = {row.id for row in connection.execute(_RESEND, {**ids, "recipient": recipient})}
    if moved:
        wake_relay(connection)
    return moved


def drop(connection: Connection, command_ids: Sequence[int]) -> set[int]:
    """These became superfluous; the ids of those that had not begun. What has begun stays as it is."""
    if not command_ids:
        return set()
    dropped = connection.execute(_DROP, {"ids": list(command_ids), "error": DROPPED})
    return {row.id for row in dropped}


def drop_by_hand(connection: Connection, command_ids: Sequence[int]) -> set[int]:
    """A person gave these up; the ids of those that were not under way. What is under way stays as it is."""
    who = {"ids": list(command_ids), "given_up": GIVEN_UP, "in_doubt": GIVEN_UP_IN_DOUBT}
    return {row.id for row in connection.execute(_DROP_BY_HAND, who)}


def hasten(connection: Connection, command_ids: Sequence[int]) -> set[int]:
    """Make these pending commands due now; the ids of those that were to wait. No state changes."""
    hastened = {row.id for row in connection.execute(_HASTEN, {"ids": list(command_ids)})}
    if hastened:
        wake_relay(connection)
    return hastened


def add(
    connection: Connection,
    appointment_id: int,
    sequence: int,
    commands: Sequence[NewCommand],
    request_id: str,
) -> list[int]:
    """Queue these for an appointment as it is from its change `sequence` on; their ids. The caller wakes the relay.

    Raises `sqlalchemy.exc.IntegrityError` when there is one of that kind, sequence and recipient.
    """
    rows = [
        {
            "kind": new.kind,
            "state": str(new.state),
            "recipient": new.recipient,
            "facts": None if new.facts is None else dict(new.facts),
        }
        for new in commands
    ]
    if not rows:
        return []
    added = connection.execute(
        _ADD,
        {
            "appointment_id": appointment_id,
            "sequence": sequence,
            "request_id": request_id,
            "commands": json.dumps(rows),
        },
    )
    return [row.id for row in added]


@dataclass(frozen=True, slots=True)
class Moved:
    """A command whose fate the provider told without being asked."""

    id: int
    send_id: UUID
    appointment_id: int
    kind: str
    sequence: int
    recipient: str
    attempts: int
    request_id: str


def settle(connection: Connection, send_ids: Sequence[UUID]) -> list[Moved]:
    """The provider has told that it has these mails; those that were still in doubt, or to be sent again."""
    return _told(connection, SETTLE, send_ids, None)


def reject(connection: Connection, send_ids: Sequence[UUID], error: str) -> list[Moved]:
    """The provider has told that it will not deliver these mails; those that were still open."""
    return _told(connection, REJECT, send_ids, error)


def _told(connection: Connection, edge: Edge, send_ids: Sequence[UUID], error: str | None) -> list[Moved]:
    if not send_ids:
        return []
    rows = connection.execute(_TOLD[edge], {"send_ids": list(send_ids), "error": error})
    return [Moved(**row._mapping) for row in rows]


def expire_leases(connection: Connection, grace_s: float) -> int:
    """Take commands back from workers that died. What was being sent is unknown from now on."""
    return sum(
        connection.execute(statement, {"grace_s": grace}).rowcount
        for statement, grace in zip(_EXPIRE, (0.0, grace_s), strict=True)
    )


def take_due(
    connection: Connection,
    limit: int,
    kinds: Sequence[str] | None = None,
    room: int = ROOM,
    *,
    repeats: bool = True,
) -> list[Due]:
    """Mark up to `limit` due commands as published; two sweeps never take the same one.

    First attempts come before repeats, so that a new confirmation does not wait behind those that failed; of
    each the oldest first. Only of these `kinds`, if given. `room` is how many messages may be under way, those
    included that were published a short while ago and not taken yet: a backlog stays in the table and out of
    the broker. Without `repeats`, only what was never attempted.
    """
    taken: list[Due] = []
    for is_repeat, statement in _TAKE_DUE.items():
        if len(taken) < limit and (repeats or not is_repeat):
            rows = connection.execute(
                statement,
                {
                    "limit": limit - len(taken),
                    "kinds": None if kinds is None else list(kinds),
                    "room": room,
                    "republish_after_s": REPUBLISH_AFTER_S,
                },
            ).all()
            oldest_first = sorted(rows, key=lambda row: row.available_at)
            taken += [Due(row.id, row.kind, is_repeat, row.publishes) for row in oldest_first]
    return taken


def publish_again(connection: Connection, kinds: Sequence[str]) -> None:
    """Let the next sweep find all due commands of these kinds: their messages may have come at a closed gate."""
    connection.execute(_PUBLISH_AGAIN, {"kinds": list(kinds)})
    wake_relay(connection)


def unpublish(connection: Connection, command_ids: Sequence[int]) -> None:
    """Publishing failed: let the next sweep find these again."""
    if command_ids:
        connection.execute(_UNPUBLISH, {"ids": list(command_ids)})


def wake_relay(connection: Connection) -> None:
    """Tell the relay, when this transaction commits, that something is due."""
    connection.execute(text(f"SELECT pg_notify('{CHANNEL}', '')"))


def _move(connection: Connection, statement: TextClause, claimed: Claim, **values: object) -> None:
    parameters = {"id": claimed.id, "lease_token": claimed.lease_token, **values}
    if connection.execute(statement, parameters).rowcount != 1:
        raise LeaseLostError(claimed.id)
