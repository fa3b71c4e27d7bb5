"""The connection to PostgreSQL: one engine a process, and the transaction.

The engine is made on first use and forgotten after a fork, because a connection that two processes share
mixes up their answers. Waits are bounded (`models/bounded_connection.py`): a database that does not answer
gives an error, not a pile-up.

A database that restarts or fails over leaves dead connections in the pool. The first one that is used finds
out, and with it all connections of its age are replaced; whoever used it may go through
`once_more_if_disconnected`.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.types.datetime import DatetimeDumper
from psycopg.types.numeric import Int8Dumper
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import DBAPIError

from models.bounded_connection import LIMITS, BoundedConnection
from settings import get_settings

POOL_TIMEOUT_S = 3
_OF_ITS_OWN = ("BEGIN", "COMMIT", "ROLLBACK")
_INSIDE = ("SAVEPOINT atomic", "RELEASE SAVEPOINT atomic", "ROLLBACK TO SAVEPOINT atomic")

_when_committed: WeakKeyDictionary[Connection, list[Callable[[], None]]] = WeakKeyDictionary()

T_co = TypeVar("T_co", covariant=True)


class _AwareDatetimeDumper(DatetimeDumper):
    """Refuses naive datetimes in every statement, textual ones included: which instant they mean is a guess."""

    def upgrade(self, obj: datetime, format: Any) -> Any:
        if obj.utcoffset() is None:
            raise ValueError("A datetime without a zone cannot be stored; say which instant is meant.")
        return super().upgrade(obj, format)


def _set_adapters(connection: psycopg.Connection[Any], _record: object) -> None:
    # Integers always as int8: their size would otherwise be part of a prepared statement's identity.
    connection.adapters.register_dumper(int, Int8Dumper)
    connection.adapters.register_dumper(datetime, _AwareDatetimeDumper)


def _connect(
    _dialect: object, _record: object, places: list[Any], names: dict[str, Any]
) -> BoundedConnection:
    return BoundedConnection.connect(*places, **names)


def _leave_a_demoted_primary(context: ExceptionContext) -> None:
    """After a fail-over the server at hand may have become a replica: a new connection finds the primary."""
    if isinstance(context.original_exception, psycopg.errors.ReadOnlySqlTransaction):
        context.is_disconnect = True


@lru_cache(maxsize=1)
def engine() -> Engine:
    """This process's engine. Connections are made when they are first needed."""
    settings = get_settings()
    made = create_engine(
        settings.database_url,
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_S,
        pool_use_lifo=True,
        # The text of an error goes to logs; the values of its statement may be a client's notes or address.
        hide_parameters=True,
        connect_args={**LIMITS, "application_name": settings.process_name or "appointments"},
    )
    event.listen(made, "do_connect", _connect)
    event.listen(made, "connect", _set_adapters)
    event.listen(made, "handle_error", _leave_a_demoted_primary)
    return made


@lru_cache(maxsize=1)
def autocommit_engine() -> Engine:
    """The same pool for single statements, each its own transaction: it saves two round trips."""
    return engine().execution_options(isolation_level="AUTOCOMMIT")


_rehearsed: ContextVar[Connection | None] = ContextVar("rehearsed", default=None)
"""The connection of the rehearsal that this thread is in."""


@contextmanager
def transaction() -> Iterator[Connection]:
    """One transaction: committed at the end of the block, rolled back when it raises.

    In a rehearsal it is a part of that, and undone with it.
    """
    rehearsed = _rehearsed.get()
    if rehearsed is not None:
        with atomic(rehearsed):
            yield rehearsed
        return
    with engine().begin() as connection:
        yield connection
    for call in _when_committed.pop(connection, ()):
        call()


@contextmanager
def rehearsal(connection: Connection) -> Iterator[None]:
    """What this thread writes until the end of the block is undone then; `transaction` is a part of it.

    `connection` is one of `autocommit_engine`. Nobody else sees anything of it, but its locks are real; a NOTIFY
    is not delivered, and numbers that were drawn stay drawn.
    """
    connection.exec_driver_sql("BEGIN")
    token = _rehearsed.set(connection)
    try:
        yield
    finally:
        _rehearsed.reset(token)
        _when_committed.pop(connection, None)
        if not connection.invalidated:
            connection.exec_driver_sql("ROLLBACK")


def is_rehearsed() -> bool:
    """Whether what this thread writes will be undone, so that nothing beside the database may count it."""
    return _rehearsed.get() is not None


def after_commit(connection: Connection, call: Callable[[], None]) -> None:
    """Have `call` made when the `transaction()` of this connection has been committed, and never if it is not.

    For what must agree with the database and is not in it, such as counters.
    """
    _when_committed.setdefault(connection, []).append(call)


@contextmanager
def atomic(connection: Connection) -> Iterator[None]:
    """All of the block or nothing, on a connection at hand: one transaction, or part of one that is open.

    For a route's writing: its connection makes each statement a transaction of its own otherwise. Inside a
    transaction it is a savepoint, so that whoever opened that one can still undo everything.
    """
    driver: Any = connection.connection.driver_connection
    is_free = driver.autocommit and driver.info.transaction_status is TransactionStatus.IDLE
    begin, end, undo = _OF_ITS_OWN if is_free else _INSIDE
    connection.exec_driver_sql(begin)
    try:
        yield
    except BaseException:
        if not connection.invalidated:
            connection.exec_driver_sql(undo)
        raise
    connection.exec_driver_sql(end)


class Repeatable(Protocol[T_co]):
    """Work that may be done twice. `again` tells the second time, when the first may have been committed."""

    def __call__(self, *, again: bool) -> T_co:
        """Do it, on a connection of its own."""
        ...


def once_more_if_disconnected(work: Repeatable[T_co]) -> T_co:
    """Do `work`; if its connection broke, do it once more on a fresh one.

    Nobody can tell whether what was sent last had been committed when the connection broke, so the second try
    has to find out: a create does by its uuid, which is the same in both. What a healthy connection
    refuses is raised at once, and so is the failure to make a connection: that has been waited for.
    """
    try:
        return work(again=False)
    except DBAPIError as broken:
        if not broken.connection_invalidated:
            raise
    return work(again=True)


def open_listening_connection(application_name: str) -> psycopg.Connection[Any]:
    """A connection outside the pool, each statement its own transaction, to the same server as the engine's."""
    places, names = engine().dialect.create_connect_args(engine().url)
    limits = {**LIMITS, "application_name": application_name}
    return BoundedConnection.connect(*places, **{**names, **limits, "autocommit": True})


def forget_engine() -> None:
    """Drop the engine without closing its connections, which belong to the parent process after a fork."""
    if engine.cache_info().currsize:
        engine().dispose(close=False)
    engine.cache_clear()
    autocommit_engine.cache_clear()


os.register_at_fork(after_in_child=forget_engine)
