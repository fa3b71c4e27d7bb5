"""Foreseeable trouble in sentences: what a command says instead of a traceback, with exit status 1."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import psycopg
from flask.cli import AppGroup
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_BUSY = ("55P03", "57014", "40P01")  # a lock not had in time, a statement too long, a deadlock
_NO_SUCH_TABLE = "42P01"
_NO_SUCH_COLUMN = "42703"


class Failure(click.ClickException):
    """The command could not do its work. The message is for the person who called it."""


@contextmanager
def told_in_sentences() -> Iterator[None]:
    """Turn what a database that is away, busy or not migrated raises into a `Failure`."""
    try:
        yield
    except DBAPIError as error:
        raise _of_database(error.orig) or error from None
    except psycopg.Error as error:
        raise _of_database(error) or error from None
    except PoolTimeoutError:
        raise Failure("The database has no free connection for this process; try again.") from None


def _of_database(error: BaseException | None) -> Failure | None:
    if not isinstance(error, psycopg.Error):
        return None
    if error.sqlstate in _BUSY:
        return Failure("The database took too long, because other work holds what is needed; try again.")
    if error.sqlstate in (_NO_SUCH_TABLE, _NO_SUCH_COLUMN):
        return Failure("The database lacks tables of this version: run `alembic upgrade head`.")
    if isinstance(error, psycopg.OperationalError):
        return Failure(
            f"The database does not answer: {one_line(error)}; set DATABASE_URL or start `make run`."
        )
    return None


def one_line(error: BaseException) -> str:
    """The first line of an error's own words, without a full stop; drivers put no passwords into them."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return " ".join(lines[0].split()).rstrip(".")


class Command(click.Command):
    """A command whose foreseeable trouble is told in sentences."""

    def invoke(self, ctx: click.Context) -> Any:
        with told_in_sentences():
            return super().invoke(ctx)


class Group(AppGroup):
    """A group of such commands."""

    def invoke(self, ctx: click.Context) -> Any:
        with told_in_sentences():
            return super().invoke(ctx)
