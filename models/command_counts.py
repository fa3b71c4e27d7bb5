"""How commands stand, all together: by kind and state, and whether the sweep keeps up.

Only the hot table is counted: what was done more than some days ago is in the archive. Everything here reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, text

from models.command_sql import DUE, FIRST, IS_CLAIMABLE, LEFT_TO_PEOPLE
from models.command_states import LEASED, OPEN, State, among
from models.heartbeats import SILENT_AFTER_S
from models.patience import SearchTooWideError, patience
from models.provider_gate import FAILURES_THAT_CLOSE

OVERDUE_AFTER_S: Final = 30
"""A command that is due for longer than this waits for something: a worker, the broker, a gate, its turn."""


@dataclass(frozen=True, slots=True)
class KindCount:
    """One kind of command: how many there are in each state, and how what is open stands.

    `oldest_at` is when the oldest open one was queued. `due` are those that a worker could take now, `overdue` those
    of them that could have been taken `OVERDUE_AFTER_S` seconds ago. `next_at` is the next attempt that is still to
    come. `left_to_people` is in doubt for good.
    """

    kind: str
    states: dict[State, int]
    oldest_at: datetime | None
    due: int
    overdue: int
    due_since: datetime | None
    next_at: datetime | None
    most_attempts: int
    left_to_people: int


@dataclass(frozen=True, slots=True)
class Counts:
    """The kinds that there are commands of. `is_whole` is false when the table was too large to count all of it:

    then only what is due, in doubt or in a worker's hands is counted.
    """

    kinds: list[KindCount]
    is_whole: bool


_COUNT = (
    "SELECT kind, state, count(*) AS number,"  # noqa: S608 - constants
    f" min(created_at) FILTER (WHERE state IN {among(OPEN)}) AS oldest_at,"
    f" count(*) FILTER (WHERE {DUE}) AS due,"
    f" count(*) FILTER (WHERE {DUE} AND available_at < now() - make_interval(secs => {OVERDUE_AFTER_S})) AS overdue,"
    f" min(available_at) FILTER (WHERE {DUE}) AS due_since,"
    f" min(available_at) FILTER (WHERE {IS_CLAIMABLE} AND available_at > now() AND NOT {LEFT_TO_PEOPLE}) AS next_at,"
    f" coalesce(max(attempts) FILTER (WHERE state IN {among(OPEN)}), 0) AS most_attempts,"
    f" count(*) FILTER (WHERE {IS_CLAIMABLE} AND {LEFT_TO_PEOPLE}) AS left_to_people FROM commands"
)
_COUNT_ALL = text(f"{_COUNT} GROUP BY kind, state")
# What partial indexes find, however much was done.
_COUNT_MOVING = text(
    f"{_COUNT} WHERE {IS_CLAIMABLE} GROUP BY kind, state"
    f" UNION ALL {_COUNT} WHERE state IN {among(LEASED)} GROUP BY kind, state"
)


def count_commands(connection: Connection) -> Counts:
    """Commands by kind and state. Raises `SearchTooWideError` when not even what moves can be counted in time."""
    try:
        with connection.begin_nested(), patience(connection):
            return Counts(_kinds(connection.execute(_COUNT_ALL).mappings().all()), True)
    except SearchTooWideError:
        with patience(connection):
            return Counts(_kinds(connection.execute(_COUNT_MOVING).mappings().all()), False)


def _kinds(rows: Sequence[Any]) -> list[KindCount]:
    by_kind: dict[str, list[Any]] = {}
    for row in rows:
        by_kind.setdefault(row["kind"], []).append(row)
    return [
        KindCount(
            kind=kind,
            states={State(row["state"]): row["number"] for row in of_kind},
            oldest_at=_first(of_kind, "oldest_at"),
            due=sum(row["due"] for row in of_kind),
            overdue=sum(row["overdue"] for row in of_kind),
            due_since=_first(of_kind, "due_since"),
            next_at=_first(of_kind, "next_at"),
            most_attempts=max(row["most_attempts"] for row in of_kind),
            left_to_people=sum(row["left_to_people"] for row in of_kind),
        )
        for kind, of_kind in sorted(by_kind.items())
    ]


def _first(rows: Sequence[Any], name: str) -> datetime | None:
    return min((row[name] for row in rows if row[name] is not None), default=None)


# Whatever else waits, a sweep takes back every lease that is over, and publishes the oldest first attempt of each
# queue. Mails are looked at only while nothing holds them back: no gate, no pace.
_UNSWEPT = text(
    f"SELECT (SELECT min(lease_until) FROM commands WHERE state IN {among(LEASED)}"  # noqa: S608 - constants
    " AND lease_until < now() - make_interval(secs => :patience_s)) AS lease_at,"
    " (SELECT min(available_at) FROM (SELECT DISTINCT ON (is_mail) each.* FROM"
    f" (SELECT DISTINCT kind FROM commands WHERE {IS_CLAIMABLE} AND {FIRST}) AS wanted CROSS JOIN LATERAL"
    " (SELECT recipient <> '' AS is_mail, available_at, published_at FROM commands WHERE kind = wanted.kind"
    f" AND {DUE} AND {FIRST} ORDER BY available_at LIMIT 1) AS each ORDER BY is_mail, available_at) AS oldest"
    " WHERE published_at IS NULL AND available_at < now() - make_interval(secs => :patience_s)"
    " AND (NOT is_mail OR NOT :mails_may_wait AND NOT EXISTS (SELECT FROM provider_gates"
    f" WHERE closed_until > now() OR failures >= {FAILURES_THAT_CLOSE}))) AS due_at"
)


def unswept_since(connection: Connection, *, is_paced: bool) -> datetime | None:
    """Since when something waits that every sweep does at once; None when nothing does.

    `is_paced`: mails have a rate, so that they rightly wait unpublished.
    """
    row = connection.execute(_UNSWEPT, {"patience_s": SILENT_AFTER_S, "mails_may_wait": is_paced}).one()
    return min((at for at in (row.lease_at, row.due_at) if at is not None), default=None)
