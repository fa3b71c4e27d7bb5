"""How commands move: one function for each edge of `models/command_states.py`, each one guarded statement.

Every move names the states it may start from, so that a duplicated or late message changes nothing. A worker's
moves also name its lease: a worker that lost it cannot overwrite what happened since. All times are the
database's. What the clocks do a thousand times in a row, `claim_several` and `finish_several` do for many at once.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
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
    MISTRUST,
    POSTPONE,
    REJECT,
    RELEASE,
    RESEND,
    SETTLE,
    Edge,
    State,
)
from models.commands import Command, NewCommand
from models.prepared import Prepared
from models.provider_gate import FAILURES_THAT_CLOSE, PROBES

CHANNEL = "commands"
"""The NOTIFY channel that wakes the relay. At most one NOTIFY a transaction: they serialise commits."""

CREATED = "created"
"""What a new appointment's NOTIFY says: all that is due is its first command, which is no mail and no repeat."""

REPUBLISH_AFTER_S = 5
"""A message unheard of for this long counts as lost; doubled with each further one, up to 2^7 times."""

CREATED_A_MOMENT_AGO_S = 0.5
"""What is due for longer is left to the sweep: by then no create is still on its way to its commit, as a rule."""

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
    waited_s: float = field(default=0.0, compare=False)
    """How long it had been due when it was taken."""


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


_CLAIMED = (
    "commands.id, appointment_id, kind, sequence, recipient, send_id, attempts, doubts, misses, request_id,"
    " lease_token, doubt_since IS NOT NULL AS in_doubt,"
    " coalesce(extract(epoch FROM now() - doubt_since), 0)::float AS doubt_age_s,"
    " extract(epoch FROM now() - available_at)::float AS waited_s"
)
"""The fields of `Claim`, in their order."""


def _provider_is_open(param: str) -> str:
    return (
        f"NOT EXISTS (SELECT 1 FROM provider_gates WHERE name = {param} AND (closed_until > now()"  # noqa: S608 - constants
        f" OR failures >= {FAILURES_THAT_CLOSE} AND {PROBES} <="
        f" (SELECT count(*) FROM commands AS probe WHERE probe.state = '{State.SENDING}')))"
    )


def _claim_statement(edge: Edge) -> Prepared:
    return Prepared(
        f"UPDATE commands SET state = '{edge.target}', lease_token = $3,"  # noqa: S608 - constants
        # Asking the provider about a doubt is no attempt; see `begin_again`.
        " attempts = attempts + (doubt_since IS NULL)::int,"
        " lease_until = now() + make_interval(secs => $4)"
        # It need not reach the disk by itself: whatever is done by it is committed after it, and so is it then.
        " FROM (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried"
        f" WHERE id = $1 AND kind = $2 AND state IN {_states(edge.sources)} AND available_at <= now()"
        f" AND {_provider_is_open('$5')} RETURNING {_CLAIMED}"
    )


_CLAIM = {edge: _claim_statement(edge) for edge in (BEGIN, BEGIN_SENDING)}
# What no message was sent for: the rest is about to be taken by whoever gets its message.
_CLAIM_NEXT = Prepared(
    f"UPDATE commands SET state = '{BEGIN_SENDING.target}', lease_token = $2, attempts = 1,"  # noqa: S608 - constants
    " lease_until = now() + make_interval(secs => $3)"
    " FROM (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried"
    f" WHERE id = (SELECT id FROM commands WHERE kind = $1 AND state IN {_states(CLAIMABLE)}"
    f" AND state = '{State.PENDING}' AND attempts = 0 AND available_at <= now() AND published_at IS NULL"
    f" AND {_provider_is_open('$4')} ORDER BY available_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
    f" RETURNING {_CLAIMED}"
)
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
TELL = """UPDATE commands SET facts = $3::jsonb, lease_until = now() + make_interval(secs => $4)
  WHERE id = $1 AND lease_token = $2 RETURNING id"""
"""Of a mail that is about to be handed over: it is still this worker's ($1, $2), and for $4 seconds from now; $3 is
what it says. A part of the statement that writes the mail's row (`tasks/mail_record.py`).

Asked right before the provider is: inquiries may have used the lease up, and a process that was stopped in the
meantime does not know how long.
"""

FINISH_MAIL = f"""UPDATE commands SET state = '{FINISH.target}', lease_token = NULL, lease_until = NULL,
    finished_at = now(), doubt_since = NULL, last_error = NULL
  WHERE id = $1 AND lease_token = $2 AND state IN {_states(FINISH.sources)}"""  # noqa: S608 - constants
"""`finish` as a part of the statement that writes down what the provider said; that may add conditions."""

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


def _releasing(whose: str, kinds: str, room: str) -> str:
    """The parts of a `WITH` that let waiting commands go. `whose` is a condition on their appointment's id.

    With a backlog of `room`, the sweep publishes in order of age; a message more would only fill the broker.
    """
    return (
        f"backlog AS (SELECT 1 FROM commands WHERE kind = ANY((SELECT {kinds})::text[]) AND {_DUE} AND {_FIRST}"  # noqa: S608 - constants
        f" LIMIT {room}),"
        f" room AS (SELECT count(*) < {room} AS is_left FROM backlog),"
        f" released AS (UPDATE commands SET state = '{RELEASE.target}', available_at = now(),"
        " published_at = CASE WHEN is_left THEN now() END, publishes = is_left::int FROM room"
        f" WHERE appointment_id {whose} AND state IN {_states(RELEASE.sources)} RETURNING id, kind, is_left)"
    )


_RELEASE = Prepared(f"WITH {_releasing('= $1', '$2', '$3')} SELECT id, kind, is_left FROM released")  # noqa: S608 - constants
# The given one is waited for, if somebody holds it, before any other is locked; no other is ever waited for. What
# was tried before is done alone: it may be what brought others down. The claim need not reach the disk: if it is
# lost with the server's memory, so is what was done by it, and the command is pending.
_CLAIM_SEVERAL = """
WITH given AS (
  SELECT id, attempts FROM commands
  WHERE id = $1 AND kind = '{kind}' AND state IN {begin} AND available_at <= now() FOR UPDATE
), others AS (
  SELECT id FROM commands
  WHERE NOT EXISTS (SELECT FROM given WHERE attempts > 0)
    AND kind = '{kind}' AND state IN {claimable} AND state IN {begin} AND {first}
    AND available_at <= now() AND id <> $1
  ORDER BY available_at LIMIT {others} FOR UPDATE SKIP LOCKED
)
UPDATE commands SET state = '{target}', lease_token = $2, lease_until = now() + make_interval(secs => $3),
  attempts = attempts + (doubt_since IS NULL)::int
FROM (SELECT id FROM given UNION ALL SELECT id FROM others) AS taken,
  (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried
WHERE commands.id = taken.id
RETURNING {claimed}
"""
_FINISH_SEVERAL = Prepared(f"""
WITH finished AS (
  UPDATE commands SET state = '{FINISH.target}', lease_token = NULL, lease_until = NULL, finished_at = now(),
    doubt_since = NULL, last_error = NULL
  FROM unnest($1::bigint[], $2::uuid[]) AS held (id, lease_token)
  WHERE commands.id = held.id AND commands.lease_token = held.lease_token AND state IN {_states(FINISH.sources)}
  RETURNING commands.id, appointment_id
), {_releasing("IN (SELECT appointment_id FROM finished)", "$3", "$4")}
SELECT id, NULL, NULL FROM finished UNION ALL SELECT id, kind, is_left FROM released
""")  # noqa: S608 - constants
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
# What a create leaves to do, asked for many times a second: one kind, and of that what became due a moment ago, so that
# neither a backlog nor what was published and nobody has taken yet is passed each time. The mark need not reach the
# disk before the message goes out: if it is lost with the server's memory, there is one message more.
_TAKE_CREATED = Prepared(f"""
WITH new AS (
  SELECT id FROM commands
  WHERE kind = $1 AND {_DUE} AND {_FIRST} AND available_at > now() - interval '{CREATED_A_MOMENT_AGO_S} seconds'
    AND published_at IS NULL
  ORDER BY available_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE commands SET published_at = now(), publishes = publishes + 1
FROM (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried
WHERE id = ANY(ARRAY(SELECT id FROM new)) RETURNING id, available_at, publishes
""")  # noqa: S608 - constants
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
# Of the searches that follow the provider allows so many a minute; they are spread accordingly.
_MISTRUST = text(
    "WITH each AS (SELECT id, row_number() OVER (ORDER BY available_at, id) - 1 AS place FROM commands"  # noqa: S608 - constants
    f" WHERE recipient <> '' AND state IN {_states(MISTRUST.sources)})"
    f" UPDATE commands SET state = '{MISTRUST.target}', last_error = :error,"
    f" available_at = CASE WHEN CAST(:gap_s AS float) IS NULL THEN timestamptz '{NEVER}'"
    " ELSE now() + make_interval(secs => :gap_s * greatest(0, place - :at_once)) END,"
    " published_at = NULL, publishes = 0, doubts = doubts + 1, misses = 0, doubt_since = now()"
    f" FROM each WHERE commands.id = each.id AND state IN {_states(MISTRUST.sources)}"
    " RETURNING commands.id, commands.send_id, commands.appointment_id, commands.kind, commands.sequence,"
    " commands.recipient, commands.attempts, commands.request_id"
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
    sweep publishes it again. It is a transaction of its own, which a server that crashes may forget: nothing can have
    been done by it then, because that would have been written down after it, and been waited for.
    """
    row = _CLAIM[edge].row(connection, command_id, kind, uuid4(), float(lease_s), provider)
    return None if row is None else Claim(*row)


def claim_next(connection: Connection, kind: str, lease_s: float, provider: str | None) -> Claim | None:
    """Take the oldest due mail of this `kind` that was never tried and has no message; None if there is none.

    None too while the provider's gate is closed. What holds for `claim` about a server that crashes holds here.
    """
    row = _CLAIM_NEXT.row(connection, kind, uuid4(), float(lease_s), provider)
    return None if row is None else Claim(*row)


def claim_several(
    connection: Connection, command_id: int, kind: str, lease_s: float, most: int
) -> list[Claim]:
    """Take a due command whose effect is in the database, and with it others of its `kind`, `most` in all.

    Others are first attempts that are due, the oldest first. The given one is the last
    of the list, if it can be taken; when it is a repeat, it is the only one. All have one lease. The claim may be
    forgotten by a server that crashes, as may what was done by it.
    """
    rows = _claim_several(kind, most - 1).rows(connection, command_id, uuid4(), float(lease_s))
    claims = [Claim(*row) for row in rows]
    return sorted(claims, key=lambda claimed: (claimed.id == command_id, claimed.id))


@lru_cache(maxsize=8)
def _claim_several(kind: str, others: int) -> Prepared:
    """What is the same each time stands in the statement: then one plan is good for all of them."""
    return Prepared(
        _CLAIM_SEVERAL.format(
            kind=kind,
            others=int(others),
            begin=_states(BEGIN.sources),
            claimable=_states(CLAIMABLE),
            first=_FIRST,
            target=BEGIN.target,
            claimed=_CLAIMED,
        )
    )


def finish_several(
    connection: Connection, claims: Sequence[Claim], kinds: Sequence[str], room: int
) -> list[Due]:
    """They were done, and the commands go that waited for it: `finish` and `release` for all of them at once.

    Raises `LeaseLostError` when one of them is somebody else's by now; then nothing of this may be committed.
    """
    rows = _FINISH_SEVERAL.rows(
        connection,
        [claimed.id for claimed in claims],
        [claimed.lease_token for claimed in claims],
        list(kinds),
        room,
    )
    lost = {claimed.id for claimed in claims} - {row[0] for row in rows if row[1] is None}
    if lost:
        raise LeaseLostError(min(lost))
    return [Due(id_, kind) for id_, kind, is_left in rows if kind is not None and is_left]


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


def begin_again(connection: Connection, claimed: Claim) -> Claim:
    """The provider surely has nothing: the doubt is over, and this is the claim of a new attempt.

    Raises `LeaseLostError`.
    """
    _move(connection, _BEGIN_AGAIN, claimed)
    return replace(claimed, attempts=claimed.attempts + 1, in_doubt=False, doubt_age_s=0.0, misses=0)


def release(connection: Connection, appointment_id: int, kinds: Sequence[str], room: int) -> list[Due]:
    """Let the appointment's waiting commands go; those that the caller is to publish after commit.

    They count as published. With a backlog of `room` commands of these `kinds` there are none: the sweep comes to
    them in turn.
    """
    rows = _RELEASE.rows(connection, appointment_id, list(kinds), room)
    return [Due(id_, kind) for id_, kind, is_left in rows if is_left]


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


def mistrust(connection: Connection, error: str, *, gap_s: float | None, at_once: int = 0) -> list["Moved"]:
    """The database was restored: every mail that it shows as not sent may have been. They are to be asked about.

    The first `at_once` of them now, the others every `gap_s` seconds, the oldest first; with None never, which
    leaves them to people.
    """
    values = {"error": error, "gap_s": gap_s, "at_once": at_once}
    moved = [Moved(**row._mapping) for row in connection.execute(_MISTRUST, values)]
    if moved:
        wake_relay(connection)
    return sorted(moved, key=lambda one: one.id)


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
    """A command that was moved by something else than a worker, such as what the provider told unasked."""

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
    connection: Connection, limit: int, kinds: Sequence[str] | None = None, *, room: int
) -> list[Due]:
    """Mark up to `limit` due commands as published; two sweeps never take the same one.

    First attempts come before repeats, so that a new confirmation does not wait behind those that failed; of
    each the oldest first. Only of these `kinds`, if given. `room` is how many messages may be under way, those
    included that were published a short while ago and not taken yet: a backlog stays in the table and out of
    the broker.
    """
    taken: list[Due] = []
    for is_repeat, statement in _TAKE_DUE.items():
        if len(taken) < limit:
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


def take_created(connection: Connection, kind: str, limit: int) -> list[Due]:
    """Those of one `kind` that became due a moment ago and had no message yet, and nothing else: quicker.

    `connection` is in autocommit: a server that crashes may forget what its transaction wrote.
    """
    rows = sorted(_TAKE_CREATED.rows(connection, kind, limit), key=lambda row: (row[1], row[0]))
    return [Due(id_, kind, publishes=publishes) for id_, _, publishes in rows]


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
