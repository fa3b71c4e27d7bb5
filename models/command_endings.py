"""How a worker's claim ends: what came of it is written down, and the lease given back, in one guarded statement.

Each raises `LeaseLostError` when the lease is no longer its own, and changes nothing then.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, TextClause, text

from models.command_claims import Claim, LeaseLostError, write
from models.command_publishing import Due
from models.command_sql import DROPPED, DUE, FIRST, NEVER
from models.command_states import (
    AWAIT,
    DOUBT,
    DROP_CLAIMED,
    FAIL,
    FINISH,
    POSTPONE,
    RELEASE,
    Edge,
    among,
)
from models.prepared import Prepared


def _ending(edge: Edge, assignments: str) -> TextClause:
    return text(
        f"UPDATE commands SET state = '{edge.target}', lease_token = NULL, lease_until = NULL, {assignments}"  # noqa: S608 - constants
        f" WHERE id = :id AND lease_token = :lease_token AND state IN {among(edge.sources)}"
    )


_DONE = "finished_at = now(), doubt_since = NULL, last_error = NULL"
_FINISH = _ending(FINISH, _DONE)

FINISH_MAIL = f"""UPDATE commands SET state = '{FINISH.target}', lease_token = NULL, lease_until = NULL, {_DONE}
  WHERE id = $1 AND lease_token = $2 AND state IN {among(FINISH.sources)}"""  # noqa: S608 - constants
"""`finish` as a part of the statement that writes down what the provider said; that may add conditions."""

# With a backlog of $4 commands of the kinds $3, what is released is left to the sweep, which publishes in order of age;
# a message more would only fill the broker.
_FINISH_SEVERAL = Prepared(f"""
WITH finished AS (
  UPDATE commands SET state = '{FINISH.target}', lease_token = NULL, lease_until = NULL, {_DONE}
  FROM unnest($1::bigint[], $2::uuid[]) AS held (id, lease_token)
  WHERE commands.id = held.id AND commands.lease_token = held.lease_token AND state IN {among(FINISH.sources)}
  RETURNING commands.id, appointment_id
), backlog AS (
  SELECT 1 FROM commands WHERE kind = ANY((SELECT $3)::text[]) AND {DUE} AND {FIRST} LIMIT $4
), room AS (
  SELECT count(*) < $4 AS is_left FROM backlog
), released AS (
  UPDATE commands SET state = '{RELEASE.target}', available_at = now(),
    published_at = CASE WHEN is_left THEN now() END, publishes = is_left::int FROM room
  WHERE appointment_id IN (SELECT appointment_id FROM finished) AND state IN {among(RELEASE.sources)}
  RETURNING id, kind, is_left
)
SELECT id, NULL, NULL FROM finished UNION ALL SELECT id, kind, is_left FROM released
""")  # noqa: S608 - constants
_POSTPONE = _ending(
    POSTPONE,
    "available_at = now() + make_interval(secs => :delay_s), published_at = NULL, publishes = 0,"
    " doubt_since = NULL, last_error = :error",
)
_PUT_OFF = _ending(
    POSTPONE,
    "attempts = greatest(attempts - 1, 0), published_at = NULL, publishes = 0,"
    " available_at = greatest(available_at, CASE WHEN :delay_s > 0"
    " THEN now() + make_interval(secs => :delay_s) ELSE available_at END)",
)
_AWAIT = _ending(AWAIT, "attempts = greatest(attempts - 1, 0), published_at = NULL, publishes = 0")
_DROP_CLAIMED = _ending(DROP_CLAIMED, "finished_at = now(), last_error = :error")
_FAIL = _ending(FAIL, "finished_at = now(), last_error = :error")
_DOUBT = _ending(
    DOUBT,
    "available_at = now() + make_interval(secs => :delay_s), published_at = NULL, publishes = 0,"
    " doubts = doubts + 1, misses = 0, doubt_since = coalesce(doubt_since, now()), last_error = :error",
)
_STAY_IN_DOUBT = _ending(
    DOUBT,
    f"available_at = CASE WHEN CAST(:delay_s AS float) IS NULL THEN timestamptz '{NEVER}'"
    " ELSE now() + make_interval(secs => :delay_s) END,"
    " published_at = NULL, publishes = 0, misses = misses + :missed, last_error = :error",
)


def finish(connection: Connection, claimed: Claim) -> None:
    """It was done. Raises `LeaseLostError`."""
    write(connection, _FINISH, claimed)


def finish_several(
    connection: Connection, claims: Sequence[Claim], kinds: Sequence[str], room: int
) -> list[Due]:
    """They were done, and what waited for it in the same appointments goes: the commands to publish after the commit.

    Those count as published. With a backlog of `room` commands of these `kinds` there are none: the sweep comes to
    them in turn. Raises `LeaseLostError` when one of `claims` is somebody else's by now; then nothing of this may be
    committed.
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


def postpone(connection: Connection, claimed: Claim, delay_s: float, error: str) -> None:
    """It surely did not happen; try again in `delay_s` seconds. Raises `LeaseLostError`."""
    write(connection, _POSTPONE, claimed, delay_s=delay_s, error=error)


def put_off(connection: Connection, claimed: Claim, delay_s: float = 0.0) -> None:
    """It was not tried at all, because there is no place for it now: as before the claim, its age included.

    The sweep publishes it again, after `delay_s` seconds if any. Raises `LeaseLostError`.
    """
    write(connection, _PUT_OFF, claimed, delay_s=delay_s)


def await_times(connection: Connection, claimed: Claim) -> None:
    """It was not tried, because the times are being computed again: their release lets it go on.

    The caller holds the appointment's row, so that the release comes after this. Raises `LeaseLostError`.
    """
    write(connection, _AWAIT, claimed)


def drop_claimed(connection: Connection, claimed: Claim) -> None:
    """It turned out to be superfluous before anything was sent. Raises `LeaseLostError`."""
    write(connection, _DROP_CLAIMED, claimed, error=DROPPED)


def fail(connection: Connection, claimed: Claim, error: str) -> None:
    """It cannot be done without a person. Raises `LeaseLostError`."""
    write(connection, _FAIL, claimed, error=error)


def doubt(connection: Connection, claimed: Claim, delay_s: float, error: str) -> None:
    """It may have happened; ask the provider in `delay_s` seconds. Raises `LeaseLostError`."""
    write(connection, _DOUBT, claimed, delay_s=delay_s, error=error)


def stay_in_doubt(
    connection: Connection, claimed: Claim, delay_s: float | None, error: str, *, missed: bool
) -> None:
    """The provider was asked and it is still open; ask again in `delay_s` seconds, or never (None).

    `missed`: the provider said that it has nothing. Raises `LeaseLostError`.
    """
    write(connection, _STAY_IN_DOUBT, claimed, delay_s=delay_s, error=error, missed=int(missed))
