"""Statements of the hot path, sent as they stand: `$1`, `$2` … for their values, plain tuples for their rows.

A request passes two or three of these. Reading `%(name)s` again each time and building result objects costs
psycopg and SQLAlchemy more than such a statement costs PostgreSQL; psycopg's raw cursor does neither, and after
a few uses PostgreSQL has the plan. What is not hot goes through SQLAlchemy as usual. Connections, transactions
and what happens when one breaks stay SQLAlchemy's in any case.
"""

from typing import Any, NoReturn, cast

import psycopg
from psycopg import RawCursor
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

Row = tuple[Any, ...]


class Prepared:
    """One statement. `rows` and `row` raise what SQLAlchemy would: `sqlalchemy.exc.DBAPIError` and its kinds."""

    def __init__(self, statement: str) -> None:
        """Nothing is sent yet."""
        self.statement = statement
        self._sent = statement.encode()

    def rows(self, connection: Connection, *values: object) -> list[Row]:
        """All rows. `connection` is in autocommit or in a transaction, which this does not begin."""
        driver = cast("psycopg.Connection[Row]", connection.connection.dbapi_connection)
        try:
            return RawCursor(driver).execute(self._sent, values).fetchall()
        except psycopg.Error as failure:
            self._raise(connection, driver, failure)

    def row(self, connection: Connection, *values: object) -> Row | None:
        """The first row, or None."""
        found = self.rows(connection, *values)
        return found[0] if found else None

    def _raise(
        self, connection: Connection, driver: psycopg.Connection[Row], failure: psycopg.Error
    ) -> NoReturn:
        if isinstance(failure, psycopg.errors.ReadOnlySqlTransaction):
            driver.close()  # a demoted primary; see models/database.py
        if driver.closed:
            # SQLAlchemy finds out by itself, and replaces all connections of that age.
            connection.exec_driver_sql("SELECT")
        raise DBAPIError.instance(
            self.statement,
            None,
            failure,
            psycopg.Error,
            hide_parameters=True,
            dialect=connection.dialect,
        ) from failure
