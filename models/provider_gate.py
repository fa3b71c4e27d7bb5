"""The gate before a mail provider: closed for a while when it fails again and again, and paced if so configured.

One row a provider, in the database, so that all workers on all hosts share it. While the gate is closed nothing
is handed over and nothing is published: a hundred thousand mails wait in the table in order of age, instead of
each finding out by itself, and the developers are told of one incident. All times are the database's.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Instant

FAILURES_THAT_CLOSE = 10
"""So many failures in a row, with no success between them, are the provider's and not a mail's."""

FIRST_PAUSE_S = 2
LONGEST_PAUSE_S = 60
"""How long the gate stays closed: doubled with each failed probe."""

PROBES = 3
"""Mails that may try, after such a pause, whether the provider is back."""


class ProviderGate(Base):
    """How a provider has been doing lately. `next_send_at` is when the pace allows the next mail."""

    __tablename__ = "provider_gates"

    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    closed_until: Mapped[datetime | None] = mapped_column(Instant)
    next_send_at: Mapped[datetime | None] = mapped_column(Instant)


@dataclass(frozen=True, slots=True)
class Gate:
    """How the gate stands now. Half open: a few may try whether the provider is back."""

    is_closed: bool
    is_half_open: bool


OPEN_GATE = Gate(is_closed=False, is_half_open=False)

_READ = text(
    "SELECT coalesce(closed_until > now(), false) AS is_closed, failures FROM provider_gates WHERE name = :name"
)
# While the gate is closed, a failure is of a mail that was under way when it closed: it tells nothing new, and
# a hundred of them must not look like a hundred probes.
_FAIL = text(
    "INSERT INTO provider_gates (name, failures) VALUES (:name, 1)"
    " ON CONFLICT (name) DO UPDATE SET"
    " failures = provider_gates.failures + (provider_gates.closed_until IS NULL"
    " OR provider_gates.closed_until <= now())::int,"
    " closed_until = CASE WHEN provider_gates.failures + 1 < :enough THEN NULL"
    " WHEN provider_gates.closed_until > now()"
    " THEN greatest(provider_gates.closed_until, now() + make_interval(secs => :at_least_s))"
    " ELSE now() + make_interval(secs => greatest(:at_least_s, least(:longest_s,"
    " :first_s * power(2, least(provider_gates.failures + 1 - :enough, 20))))) END"
    " RETURNING failures"
)
_SUCCEED = text(
    "WITH before AS (SELECT closed_until IS NOT NULL AS had_closed FROM provider_gates"
    " WHERE name = :name AND failures > 0 FOR UPDATE)"
    " UPDATE provider_gates SET failures = 0, closed_until = NULL FROM before WHERE name = :name"
    " RETURNING had_closed"
)
_GATES = text(
    "SELECT name, failures, closed_until, coalesce(closed_until > now(), false) AS is_closed,"  # noqa: S608 - constants
    f" failures >= {FAILURES_THAT_CLOSE} AND NOT coalesce(closed_until > now(), false) AS is_half_open,"
    " greatest(0, coalesce(extract(epoch FROM next_send_at - now()), 0))::float AS line_s"
    " FROM provider_gates ORDER BY name"
)
# A place is taken only in a line that is short enough. If those that are sent away took one too, each would make
# the line longer, and soon nobody would be let in any more.
_RESERVE = text(
    "INSERT INTO provider_gates (name, next_send_at) VALUES (:name, now() + make_interval(secs => :gap_s))"
    " ON CONFLICT (name) DO UPDATE SET next_send_at ="
    " greatest(provider_gates.next_send_at, now()) + make_interval(secs => :gap_s)"
    " WHERE provider_gates.next_send_at IS NULL"
    " OR provider_gates.next_send_at <= now() + make_interval(secs => :longest_s)"
    " RETURNING greatest(0, extract(epoch FROM next_send_at - now()) - :gap_s)::float AS wait_s"
)
_LINE = text(
    "SELECT greatest(0, extract(epoch FROM next_send_at - now()))::float FROM provider_gates WHERE name = :name"
)


def read_gate(connection: Connection, name: str) -> Gate:
    """How the gate of this provider stands."""
    row = connection.execute(_READ, {"name": name}).first()
    if row is None:
        return OPEN_GATE
    return Gate(row.is_closed, not row.is_closed and row.failures >= FAILURES_THAT_CLOSE)


def read_gates(connection: Connection) -> list[dict[str, Any]]:
    """The gate before each provider that something was handed to. `line_s` is how long its line is, in seconds."""
    return [dict(row) for row in connection.execute(_GATES).mappings()]


def note_failure(connection: Connection, name: str, at_least_s: float = 0) -> bool:
    """The provider failed; True when the gate is closed now, for `at_least_s` seconds if it asked for that."""
    row = connection.execute(
        _FAIL,
        {
            "name": name,
            "enough": FAILURES_THAT_CLOSE,
            "first_s": FIRST_PAUSE_S,
            "longest_s": LONGEST_PAUSE_S,
            "at_least_s": min(at_least_s, LONGEST_PAUSE_S),
        },
    ).one()
    return int(row.failures) >= FAILURES_THAT_CLOSE


def note_success(connection: Connection, name: str) -> bool:
    """The provider works; True when the gate had been closed and is open from now on."""
    return bool(connection.execute(_SUCCEED, {"name": name}).scalar())


def reserve(connection: Connection, name: str, rate_per_s: float, longest_s: float) -> float | None:
    """Take the next place in the pace of `rate_per_s`; seconds to wait before sending.

    None, and no place was taken, when the wait would be more than `longest_s`.
    """
    row = connection.execute(
        _RESERVE, {"name": name, "gap_s": 1 / rate_per_s, "longest_s": longest_s}
    ).first()
    return None if row is None else float(row.wait_s)


def line_s(connection: Connection, name: str) -> float:
    """How many seconds whoever came now would wait for a place in the pace."""
    return float(connection.execute(_LINE, {"name": name}).scalar() or 0)
