"""The connection to PostgreSQL: one engine a process, and the transaction.

The engine is made on first use and forgotten after a fork, because a connection that two processes share
mixes up their answers. Waits are bounded: a database that does not answer gives an error, not a pile-up.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any

import psycopg
from psycopg.types.datetime import DatetimeDumper
from psycopg.types.numeric import Int8Dumper
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.orm import Session

from settings import get_settings

CONNECT_TIMEOUT_S = 3
POOL_TIMEOUT_S = 3
# Statement and lock limits protect the pool: 20 connections waiting for one lock would be an outage.
SESSION_OPTIONS = "-c statement_timeout=10s -c lock_timeout=3s -c idle_in_transaction_session_timeout=30s"


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
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "options": SESSION_OPTIONS,
            "application_name": settings.process_name or "appointments",
        },
    )
    event.listen(made, "connect", _set_adapters)
    return made


@lru_cache(maxsize=1)
def autocommit_engine() -> Engine:
    """The same pool for single statements, each its own transaction: it saves two round trips."""
    return engine().execution_options(isolation_level="AUTOCOMMIT")


@contextmanager
def transaction() -> Iterator[Connection]:
    """One transaction: committed at the end of the block, rolled back when it raises."""
    with engine().begin() as connection:
        yield connection


@contextmanager
def session() -> Iterator[Session]:
    """One transaction through the object-relational mapper, for what is not hot."""
    with Session(engine(), expire_on_commit=False) as unit, unit.begin():
        yield unit


def forget_engine() -> None:
    """Drop the engine without closing its connections, which belong to the parent process after a fork."""
    if engine.cache_info().currsize:
        engine().dispose(close=False)
    engine.cache_clear()
    autocommit_engine.cache_clear()


os.register_at_fork(after_in_child=forget_engine)
