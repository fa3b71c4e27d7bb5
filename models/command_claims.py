"""How a worker takes commands and keeps them: for the length of a lease, after which they are taken back.

Every statement of a worker names its lease: one that lost it cannot overwrite what happened since. All times are the
database's. How a claim ends is in `models/command_endings.py`.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache
from uuid import UUID, uuid4

from sqlalchemy import Connection, TextClause, text

from models.command_sql import DUE, FIRST
from models.command_states import (
    BEGIN,
    BEGIN_SENDING,
    EXPIRE_RUNNING,
    EXPIRE_SENDING,
    EXPIRE_UNBEGUN,
    Edge,
    State,
    among,
)
from models.prepared import Prepared
from models.provider_gate import FAILURES_THAT_CLOSE, PROBES


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


class LeaseLostError(Exception):
    """The command is no longer this worker's: its lease expired and somebody else decided."""

    def __init__(self, command_id: int) -> None:
        super().__init__(command_id)

    def __str__(self) -> str:
        return f"The lease of command {self.args[0]} was lost before its outcome could be recorded."


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
        f" WHERE id = $1 AND kind = $2 AND state IN {among(edge.sources)} AND available_at <= now()"
        f" AND {_provider_is_open('$5')} RETURNING {_CLAIMED}"
    )


_CLAIM = {edge: _claim_statement(edge) for edge in (BEGIN, BEGIN_SENDING)}
# What no message was sent for: the rest is about to be taken by whoever gets its message.
_CLAIM_NEXT = Prepared(
    f"UPDATE commands SET state = '{BEGIN_SENDING.target}', lease_token = $2, attempts = 1,"  # noqa: S608 - constants
    " lease_until = now() + make_interval(secs => $3)"
    " FROM (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried"
    f" WHERE id = (SELECT id FROM commands WHERE kind = $1 AND {DUE} AND {FIRST}"
    f" AND state = '{State.PENDING}' AND published_at IS NULL"
    f" AND {_provider_is_open('$4')} ORDER BY available_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
    f" RETURNING {_CLAIMED}"
)
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
    AND kind = '{kind}' AND {due} AND state IN {begin} AND {first} AND id <> $1
  ORDER BY available_at LIMIT {others} + (NOT EXISTS (SELECT FROM given))::int FOR UPDATE SKIP LOCKED
)
UPDATE commands SET state = '{target}', lease_token = $2, lease_until = now() + make_interval(secs => $3),
  attempts = attempts + (doubt_since IS NULL)::int
FROM (SELECT id FROM given UNION ALL SELECT id FROM others) AS taken,
  (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried
WHERE commands.id = taken.id
RETURNING {claimed}
"""

TELL = """UPDATE commands SET facts = $3::jsonb, lease_until = now() + make_interval(secs => $4)
  WHERE id = $1 AND lease_token = $2 RETURNING id"""
"""Of a mail that is about to be handed over: it is still this worker's ($1, $2), and for $4 seconds from now; $3 is
what it says. A part of the statement that writes the mail's row (`tasks/mail_record.py`).

Asked right before the provider is: inquiries may have used the lease up, and a process that was stopped in the
meantime does not know how long.
"""

_BEGIN_AGAIN = text(
    "UPDATE commands SET attempts = attempts + 1, doubt_since = NULL, misses = 0"
    " WHERE id = :id AND lease_token = :lease_token"
)
# Without its row no byte of a mail goes out (`tasks/mail_record.py`), and it stays for as long as the command does. One
# value, looked up by its index: `EXISTS` might be joined, by reading the whole table if statistics are old.
_MAIL = "(SELECT emails.id FROM emails WHERE emails.send_id = commands.send_id)"
_ASK_WHETHER_BEGUN = text(f"SELECT {_MAIL} IS NOT NULL FROM commands WHERE id = :id")  # noqa: S608 - constants


def _expire_statement(edge: Edge, error: str, *, which: str = "", also: str = "") -> TextClause:
    return text(
        f"UPDATE commands SET state = '{edge.target}', lease_token = NULL, lease_until = NULL,"  # noqa: S608 - constants
        f" available_at = now() + make_interval(secs => :grace_s), published_at = NULL, publishes = 0,"
        f" {also} last_error = 'The worker that had it stopped before it {error}.'"
        f" WHERE id IN (SELECT id FROM commands WHERE state IN {among(edge.sources)}"
        f" AND lease_until < now(){which} FOR UPDATE SKIP LOCKED)"
    )


_EXPIRE_AT_ONCE = (
    _expire_statement(EXPIRE_RUNNING, "could say what happened"),
    # Whoever writes the row at this moment makes the lease longer with it: then it is locked, or runs again.
    _expire_statement(
        EXPIRE_UNBEGUN, "handed the mail over", which=f" AND doubt_since IS NULL AND {_MAIL} IS NULL"
    ),
)
_EXPIRE_IN_DOUBT = _expire_statement(
    EXPIRE_SENDING,
    "could say what happened",
    also="doubts = doubts + (doubt_since IS NULL)::int, doubt_since = coalesce(doubt_since, now()),",
)


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

    Others are first attempts that are due, the oldest first. The given one is the last of the list, if it can be
    taken; when it is a repeat, it is the only one. All have one lease. The claim may be forgotten by a server that
    crashes, as may what was done by it.
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
            begin=among(BEGIN.sources),
            due=DUE,
            first=FIRST,
            target=BEGIN.target,
            claimed=_CLAIMED,
        )
    )


def begin_again(connection: Connection, claimed: Claim) -> Claim:
    """The provider surely has nothing: the doubt is over, and this is the claim of a new attempt.

    Raises `LeaseLostError`.
    """
    write(connection, _BEGIN_AGAIN, claimed)
    return replace(claimed, attempts=claimed.attempts + 1, in_doubt=False, doubt_age_s=0.0, misses=0)


def expire_leases(connection: Connection, grace_s: float) -> int:
    """Take commands back from workers that died. What was being sent is unknown from now on, for `grace_s` at least.

    What was done in the database alone, and a mail that surely was not handed over, is due at once.
    """
    graces = dict.fromkeys(_EXPIRE_AT_ONCE, 0.0) | {_EXPIRE_IN_DOUBT: grace_s}
    return sum(
        connection.execute(statement, {"grace_s": grace}).rowcount for statement, grace in graces.items()
    )


def is_begun(connection: Connection, claimed: Claim) -> bool:
    """Whether a mail was ever about to be handed over, and perhaps was; since its last resend, if there was one."""
    return bool(connection.execute(_ASK_WHETHER_BEGUN, {"id": claimed.id}).scalar())


def write(connection: Connection, statement: TextClause, claimed: Claim, **values: object) -> None:
    """Send a statement about one command, with its `:id` and `:lease_token`. Raises `LeaseLostError`."""
    parameters = {"id": claimed.id, "lease_token": claimed.lease_token, **values}
    if connection.execute(statement, parameters).rowcount != 1:
        raise LeaseLostError(claimed.id)
