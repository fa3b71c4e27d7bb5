"""Which commands a message is sent for, and when again: what is due, marked before its message goes out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, text

from models.command_sql import DUE, FIRST, REPEAT
from models.command_states import CLAIMABLE, among
from models.prepared import Prepared

CHANNEL = "commands"
"""The NOTIFY channel that wakes the relay. At most one NOTIFY a transaction: they serialise commits."""

CREATED = "created"
"""What a new appointment's NOTIFY says: all that is due is its first command, which is no mail and no repeat."""

REPUBLISH_AFTER_S = 5
"""A message unheard of for this long counts as lost; doubled with each further one, up to 2^7 times."""

CREATED_A_MOMENT_AGO_S = 0.5
"""What is due for longer is left to the sweep: by then no create is still on its way to its commit, as a rule."""


@dataclass(frozen=True, slots=True)
class Due:
    """A command that a message should be sent for. `is_repeat`: it was attempted before.

    `publishes` counts its messages, this one included, since it became due.
    """

    id: int
    kind: str
    is_repeat: bool = False
    publishes: int = field(default=1, compare=False)


# It has no message, or one that counts as lost.
_UNHEARD_OF = (
    "(published_at IS NULL OR published_at < now() - make_interval("
    "secs => :republish_after_s * power(2, least(publishes - 1, 7))))"
)
# Kind by kind, because an index by kind and age finds the oldest of one kind without passing a hundred thousand
# of another. Only the oldest are looked at, as many as there is room for: that bounds the work when the backlog
# is long. Repeats, which have a statement to themselves, get the room that first attempts leave.
#
# How many are due changes a thousandfold within minutes, and PostgreSQL's statistics follow later. So nothing is left
# to them: firsts and repeats have an index each; every look asks for the order of that index, or reading the whole
# table would seem cheap when much is due; and the ids that are taken are an array, or they might be joined by reading
# it.
_KINDS = (
    "unnest(coalesce(CAST(:kinds AS text[]),"  # noqa: S608 - constants
    f" ARRAY(SELECT DISTINCT kind FROM commands WHERE state IN {among(CLAIMABLE)}))) AS wanted (kind)"
)
_TAKE_DUE = {
    is_repeat: text(
        f"WITH room AS (SELECT :room - {taken} AS places),"  # noqa: S608 - constants
        f" oldest AS (SELECT each.* FROM {_KINDS} CROSS JOIN LATERAL ("
        f"SELECT available_at, published_at, publishes FROM commands WHERE kind = wanted.kind AND {DUE} AND {which}"
        " ORDER BY available_at LIMIT (SELECT places FROM room)) AS each"
        " ORDER BY available_at LIMIT (SELECT places FROM room)),"
        " free AS (SELECT greatest(0, least(:limit, places"
        f" - (SELECT count(*) FROM oldest WHERE NOT {_UNHEARD_OF}))) AS places FROM room),"
        f" due AS (SELECT each.id FROM {_KINDS} CROSS JOIN LATERAL ("
        f"SELECT id, available_at FROM commands WHERE kind = wanted.kind AND {DUE} AND {which} AND {_UNHEARD_OF}"
        " ORDER BY available_at LIMIT (SELECT places FROM free) FOR UPDATE SKIP LOCKED) AS each"
        " ORDER BY available_at LIMIT (SELECT places FROM free))"
        " UPDATE commands SET published_at = now(), publishes = publishes + 1 WHERE id = ANY(ARRAY(SELECT id FROM due))"
        " RETURNING id, kind, available_at, publishes"
    )
    for is_repeat, which, taken in (
        (False, FIRST, "0"),
        (
            True,
            REPEAT,
            f"(SELECT count(*) FROM (SELECT FROM {_KINDS} CROSS JOIN LATERAL (SELECT FROM commands"  # noqa: S608 - constants
            f" WHERE kind = wanted.kind AND {DUE} AND {FIRST} ORDER BY available_at LIMIT :room) AS each LIMIT :room)"
            " AS first)",
        ),
    )
}
# What a create leaves to do, asked for many times a second: one kind, and of that what became due a moment ago, so that
# neither a backlog nor what was published and nobody has taken yet is passed each time. The mark need not reach the
# disk before the message goes out: if it is lost with the server's memory, there is one message more.
_TAKE_CREATED = Prepared(f"""
WITH new AS (
  SELECT id FROM commands
  WHERE kind = $1 AND {DUE} AND {FIRST} AND available_at > now() - interval '{CREATED_A_MOMENT_AGO_S} seconds'
    AND published_at IS NULL
  ORDER BY available_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE commands SET published_at = now(), publishes = publishes + 1
FROM (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried
WHERE id = ANY(ARRAY(SELECT id FROM new)) RETURNING id, available_at, publishes
""")  # noqa: S608 - constants
_PUBLISH_AGAIN = text(
    "UPDATE commands SET published_at = NULL, publishes = 0 WHERE id IN ("  # noqa: S608 - constants
    f"SELECT id FROM commands WHERE {DUE}"
    " AND published_at IS NOT NULL AND kind = ANY(:kinds) FOR UPDATE SKIP LOCKED)"
)
_UNPUBLISH = text(
    "UPDATE commands SET published_at = NULL, publishes = greatest(publishes - 1, 0)"  # noqa: S608 - constants
    f" WHERE id IN :ids AND state IN {among(CLAIMABLE)}"
).bindparams(bindparam("ids", expanding=True))


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
