"""A connection to PostgreSQL that never waits for ever.

libpq and PostgreSQL bound a good deal by themselves: making a connection, a statement that runs too long, a
network that swallows what is sent. None of them notices a server that took a statement and then stands still
(a stopped process, a disk that hangs): its kernel goes on acknowledging. So the client counts the seconds too.
"""

from typing import Any

import psycopg
from psycopg.abc import PQGen

CONNECT_TIMEOUT_S = 3
STATEMENT_TIMEOUT_S = 10
LOCK_TIMEOUT_S = 3
IDLE_IN_TRANSACTION_TIMEOUT_S = 30

LONGEST_SILENCE_S = STATEMENT_TIMEOUT_S + 2
"""A server that is alive has ended any statement by then, with a result or with an error."""

UNACKNOWLEDGED_S = 5
"""What was sent and nobody acknowledged for so long went into a void: the network, or the host, is gone."""

LIMITS: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "tcp_user_timeout": UNACKNOWLEDGED_S * 1000,  # milliseconds
    # For a connection that only listens, which would never find out by sending.
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    # Statement and lock limits protect the pool: 20 connections waiting for one lock would be an outage.
    "options": f"-c statement_timeout={STATEMENT_TIMEOUT_S}s -c lock_timeout={LOCK_TIMEOUT_S}s"
    f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_TIMEOUT_S}s",
}
"""Connection parameters of libpq. Where several hosts are named, the time to connect is each one's."""


class BoundedConnection(psycopg.Connection[Any]):
    """Gives up a server that has been silent for `LONGEST_SILENCE_S`: closes, and raises `OperationalError`.

    Whether the statement was done is unknown then, as after any lost connection.
    """

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the server's answer; a `timeout` that the caller gives is the caller's own affair."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, LONGEST_SILENCE_S)
        except psycopg.errors._WaitTimeout:
            # The answer may still come, and would be taken for that of the next statement.
            self.pgconn.finish()
            raise psycopg.OperationalError(
                f"PostgreSQL has not said a word for {LONGEST_SILENCE_S} seconds; the connection was given up."
            ) from None
