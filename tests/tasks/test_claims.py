"""Taking a command and giving it back while the database goes away and comes back: neither is dropped for that."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from models import database
from models.command_claims import Claim
from tasks import claims
from tasks.catalogue import SEND_CONFIRMATION
from tests.tasks.planned import command_row, mail_due
from tests.world import World


def cut_connections(world: World) -> None:
    """As a restart of the server does: every connection of the pool is dead and does not know it."""
    with database.autocommit_engine().connect(), database.autocommit_engine().connect() as connection:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = current_database() AND pid <> {pid} AND backend_type = 'client backend'"
        )


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits, without waiting."""
    monkeypatch.setattr(claims, "DATABASE_PAUSES_S", (0.0,) * 5)


def test_a_command_is_taken_over_a_connection_that_died_unnoticed(world: World) -> None:
    command_id = mail_due(world).commands["send-confirmation"]
    cut_connections(world)
    taken = claims.take(SEND_CONFIRMATION, command_id)
    assert taken is not None
    assert command_row(command_id)["state"] == "sending"


def test_a_database_that_stays_away_is_told_of_after_the_last_wait(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def refuse(*_: object) -> None:
        tries.append(1)
        raise OperationalError("SELECT", {}, Exception("away"))

    monkeypatch.setattr(claims, "claim", refuse)
    with pytest.raises(OperationalError):
        claims.take(SEND_CONFIRMATION, 1)
    assert len(tries) == 6


def test_a_command_is_given_back_over_a_connection_that_died_unnoticed(world: World) -> None:
    taken = claims.take(SEND_CONFIRMATION, mail_due(world).commands["send-confirmation"])
    assert taken is not None
    cut_connections(world)
    claims.give_back(SEND_CONFIRMATION, taken, "OperationalError")
    row = command_row(taken.id)
    assert (row["state"], row["attempts"], row["last_error"]) == ("pending", 1, "OperationalError")


def test_a_command_that_was_not_tried_is_given_back_over_a_connection_that_died_unnoticed(
    world: World,
) -> None:
    taken = claims.take(SEND_CONFIRMATION, mail_due(world).commands["send-confirmation"])
    assert taken is not None
    cut_connections(world)
    claims.give_back_untried(taken)
    row = command_row(taken.id)
    assert (row["state"], row["attempts"]) == ("pending", 0)


@pytest.mark.parametrize(
    "give_back", [lambda taken: claims.give_back(SEND_CONFIRMATION, taken, "Crash"), claims.give_back_untried]
)
def test_a_command_whose_return_was_stored_although_the_answer_was_lost_is_given_back_once(
    world: World, monkeypatch: pytest.MonkeyPatch, give_back: Callable[[Claim], None]
) -> None:
    taken = claims.take(SEND_CONFIRMATION, mail_due(world).commands["send-confirmation"])
    assert taken is not None
    attempts_seen = []
    transaction = database.transaction

    @contextmanager
    def lose_the_first_answer() -> Iterator[Connection]:
        with transaction() as connection:
            yield connection
        attempts_seen.append(command_row(taken.id)["attempts"])
        raise OperationalError("COMMIT", {}, Exception("the connection is lost"))

    with monkeypatch.context() as losing:
        losing.setattr(database, "transaction", lose_the_first_answer)
        give_back(taken)
    row = command_row(taken.id)
    assert (row["state"], [row["attempts"]]) == ("pending", attempts_seen)
