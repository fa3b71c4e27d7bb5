"""Prepared statements behave as SQLAlchemy's: its errors, its transactions, its care for broken connections."""

from uuid import uuid4

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from models import database
from models.appointment_intake import insert_appointment
from models.commands import NewCommand
from models.prepared import Prepared
from tests.world import World

pytestmark = pytest.mark.usefixtures("database")

ADD = Prepared("INSERT INTO companies (name) VALUES ($1) RETURNING id, name")
COUNT = Prepared("SELECT count(*) FROM companies WHERE name = $1")


def test_rows_come_as_tuples_and_the_first_of_none_is_none() -> None:
    with database.autocommit_engine().connect() as connection:
        ((id_, name),) = ADD.rows(connection, "Alpine Homes")
        assert (type(id_), name) == (int, "Alpine Homes")
        assert COUNT.row(connection, "Alpine Homes") == (1,)
        assert Prepared("SELECT 1 WHERE $1::int = 2").row(connection, 1) is None


def test_what_a_transaction_wrote_goes_with_it() -> None:
    with pytest.raises(LookupError), database.transaction() as connection:
        ADD.rows(connection, "Alpine Homes")
        raise LookupError
    with database.transaction() as connection:
        assert COUNT.row(connection, "Alpine Homes") == (0,)


def test_errors_are_sqlalchemys_and_do_not_show_the_values() -> None:
    statement = Prepared("INSERT INTO orders (property_id, client_id) VALUES ($1, $2)")
    with database.autocommit_engine().connect() as connection:
        with pytest.raises(IntegrityError) as broken:
            statement.rows(connection, 987_654_321, None)
        assert not broken.value.connection_invalidated
        assert broken.value.params is None
        assert COUNT.row(connection, "x") == (0,), "the connection goes on to work"


def test_a_connection_that_was_cut_is_given_up_as_sqlalchemy_does(world: World) -> None:
    with database.autocommit_engine().connect() as connection:
        (pid,) = Prepared("SELECT pg_backend_pid()").rows(connection)[0]
        world.rows("SELECT pg_terminate_backend(CAST(:pid AS int), 5000)", pid=pid)
        with pytest.raises(DBAPIError) as broken:
            COUNT.rows(connection, "x")
        assert broken.value.connection_invalidated
        assert connection.invalidated


def test_a_naive_datetime_does_not_get_into_an_appointment(world: World) -> None:
    from datetime import datetime

    values = {"uuid": uuid4(), "updated_at_mt_instant": datetime(2026, 11, 20), "fingerprint": bytes(32)}
    with (
        pytest.raises(ValueError, match="updated_at_mt_instant: a datetime without a zone"),
        database.transaction() as connection,
    ):
        insert_appointment(connection, values, (NewCommand("reconcile-times", "pending"),))
