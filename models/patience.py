"""Statements of people's searches, which may meet a long history: each is given up after a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

PATIENCE_MS: Final = 2_000


class SearchTooWideError(Exception):
    """It took longer than `PATIENCE_MS`."""

    def __str__(self) -> str:
        return "The search took too long. Narrow it: by age, by state, or by an appointment's id."


@contextmanager
def patience(connection: Connection) -> Iterator[None]:
    """Until the end of the transaction a statement may take `PATIENCE_MS`. Raises `SearchTooWideError`."""
    connection.execute(text(f"SET LOCAL statement_timeout = {PATIENCE_MS}"))
    try:
        yield
    except OperationalError as error:
        if isinstance(error.orig, psycopg.errors.QueryCanceled):
            raise SearchTooWideError from None
        raise
