"""Which services and routes are deployed, and which applications exist, through a cache of a few seconds.

An operator's change (`flask routes retire`) is seen by every process within `FRESH_FOR_S`. When the database
cannot be asked, what was known last goes on to hold: a retired route stays retired, the others stay open.
"""

import time
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from models.database import autocommit_engine

FRESH_FOR_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class KnownApplication:
    """An application that may be named in a request, and the user roles that it admits."""

    id: int
    slug: str
    name: str
    admits: frozenset[str]


@dataclass(frozen=True, slots=True)
class Board:
    """One reading of the records. What has no record is deployed."""

    retired_services: frozenset[str]
    retired_routes: frozenset[tuple[str, str]]
    applications: MappingProxyType[str, KnownApplication]


class Switchboard:
    """The cached board of one process; safe to share between threads."""

    def __init__(self) -> None:
        self._board: Board | None = None
        self._read_at = 0.0
        self._lock = Lock()

    def board(self) -> Board:
        """The records as they were at most `FRESH_FOR_S` ago. Raises what the database raises at the first."""
        board = self._board
        if board is None:
            # Each thread for itself: while the database is away, none waits for another one's time limit.
            return self._keep(_read(autocommit_engine()))
        if time.monotonic() - self._read_at < FRESH_FOR_S or not self._lock.acquire(blocking=False):
            return board  # fresh, or another thread is reading and nobody waits for it
        try:
            return self._keep(_read(autocommit_engine()))
        except SQLAlchemyError:
            return self._keep(board)
        finally:
            self._lock.release()

    def _keep(self, board: Board) -> Board:
        self._board = board
        self._read_at = time.monotonic()
        return board

    def forget(self) -> None:
        """Read afresh next time."""
        self._board = None


def _read(engine: Engine) -> Board:
    with engine.connect() as connection:
        return Board(_services(connection), _routes(connection), _applications(connection))


def _services(connection: Connection) -> frozenset[str]:
    rows = connection.exec_driver_sql("SELECT slug FROM services WHERE NOT deployed")
    return frozenset(row.slug for row in rows)


def _routes(connection: Connection) -> frozenset[tuple[str, str]]:
    rows = connection.exec_driver_sql("SELECT method, path FROM routes WHERE NOT deployed")
    return frozenset((row.method, row.path) for row in rows)


def _applications(connection: Connection) -> MappingProxyType[str, KnownApplication]:
    rows = connection.exec_driver_sql("SELECT id, slug, name, admits FROM applications")
    return MappingProxyType(
        {row.slug: KnownApplication(row.id, row.slug, row.name, frozenset(row.admits)) for row in rows}
    )


switchboard = Switchboard()
"""This process's board."""
