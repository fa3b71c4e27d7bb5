"""A worker takes a command, keeps it for the length of a lease, and loses it with the lease."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from models import command_claims as claims
from models import database
from models.command_claims import Claim, LeaseLostError
from models.command_endings import finish
from models.command_ledger import resend
from models.command_states import BEGIN_SENDING, State
from tests.models.put import KIND, LEASE_S, NO_LEASE, handed_over, put, settled
from tests.tasks.planned import command_row, let_lease_expire, make_due

pytestmark = pytest.mark.usefixtures("database")


def test_a_claim_carries_what_the_work_needs(command_id, appointment):
    with database.transaction() as connection:
        claimed = claims.claim(connection, command_id, KIND, BEGIN_SENDING, LEASE_S)
    row = command_row(command_id)
    assert claimed == Claim(
        id=command_id,
        appointment_id=appointment.id,
        kind=KIND,
        sequence=0,
        recipient="c@example.com",
        send_id=row["send_id"],
        attempts=1,
        doubts=0,
        misses=0,
        request_id=row["request_id"],
        lease_token=row["lease_token"],
        in_doubt=False,
        doubt_age_s=0.0,
    )


def test_what_is_not_due_cannot_be_claimed(command_id):
    put(command_id, State.PENDING, available_at=datetime(2100, 1, 1, tzinfo=UTC))
    with database.transaction() as connection:
        assert claims.claim(connection, command_id, KIND, BEGIN_SENDING, LEASE_S) is None
    make_due(command_id)
    with database.transaction() as connection:
        assert claims.claim(connection, command_id, KIND, BEGIN_SENDING, LEASE_S) is not None


@pytest.mark.parametrize("kind", ["send-assignment", "reconcile-times", "nonsense"])
def test_a_message_of_another_kind_claims_nothing(command_id, kind):
    with database.transaction() as connection:
        assert claims.claim(connection, command_id, kind, BEGIN_SENDING, LEASE_S) is None


def test_a_second_message_claims_nothing(command_id):
    with database.transaction() as connection:
        assert claims.claim(connection, command_id, KIND, BEGIN_SENDING, LEASE_S) is not None
        assert claims.claim(connection, command_id, KIND, BEGIN_SENDING, LEASE_S) is None
    assert command_row(command_id)["attempts"] == 1


def test_of_eight_workers_at_once_one_wins(command_id):
    together = threading.Barrier(8)

    def compete(_):
        with database.autocommit_engine().connect() as connection:
            together.wait(10)
            return claims.claim(connection, command_id, KIND, BEGIN_SENDING, LEASE_S)

    with ThreadPoolExecutor(8) as pool:
        winners = [claimed for claimed in pool.map(compete, range(8)) if claimed is not None]
    assert len(winners) == 1
    assert command_row(command_id)["lease_token"] == winners[0].lease_token
    assert command_row(command_id)["attempts"] == 1


def test_asking_about_a_doubt_is_no_attempt_and_beginning_again_is_one(command_id):
    put(
        command_id,
        State.UNKNOWN,
        doubt_since=datetime(2026, 1, 1, tzinfo=UTC),
        attempts=1,
        misses=1,
        doubts=1,
    )
    with database.transaction() as connection:
        asked = claims.claim(connection, command_id, KIND, BEGIN_SENDING, LEASE_S)
    assert asked is not None
    assert (asked.in_doubt, asked.attempts, asked.misses) == (True, 1, 1)
    assert asked.doubt_age_s > 3600
    with database.transaction() as connection:
        again = claims.begin_again(connection, asked)
    row = command_row(command_id)
    assert (again.in_doubt, again.attempts, again.misses, again.doubt_age_s) == (False, 2, 0, 0)
    assert (row["attempts"], row["misses"], row["doubt_since"], row["doubts"]) == (2, 0, None, 1)
    assert (row["state"], row["lease_token"]) == ("sending", again.lease_token)


# -- expiry


SAID_NOTHING = "The worker that had it stopped before it could say what happened."
SENT_NOTHING = "The worker that had it stopped before it handed the mail over."


@pytest.mark.parametrize(
    ("source", "is_begun", "target", "doubts", "due_in_s", "error"),
    [
        pytest.param("running", False, "pending", 0, 0, SAID_NOTHING, id="in the database"),
        pytest.param("sending", True, "unknown", 1, 40, SAID_NOTHING, id="handed over"),
        pytest.param("sending", False, "pending", 0, 0, SENT_NOTHING, id="never handed over"),
    ],
)
def test_a_lease_that_expires_gives_the_command_back(
    command_id, source, is_begun, target, doubts, due_in_s, error
):
    held = put(command_id, State(source))
    if is_begun:
        handed_over(command_id)
    let_lease_expire(command_id)
    with database.transaction() as connection:
        assert claims.expire_leases(connection, grace_s=40) == 1
    row = command_row(command_id)
    assert (row["state"], row["doubts"], row["published_at"], row["publishes"]) == (target, doubts, None, 0)
    assert {name: row[name] for name in NO_LEASE} == NO_LEASE
    assert (row["doubt_since"] is not None) == (target == "unknown")
    assert row["due_in_s"] == pytest.approx(due_in_s, abs=5)
    assert (row["attempts"], row["last_error"]) == (1, error)
    with database.transaction() as connection, pytest.raises(LeaseLostError):
        finish(connection, held)


def test_the_mail_before_a_resend_says_nothing_about_the_one_after_it(command_id):
    handed_over(command_id)
    put(command_id, State.FAILED)
    with database.transaction() as connection:
        assert resend(connection, command_id)
        assert claims.claim(connection, command_id, KIND, BEGIN_SENDING, LEASE_S) is not None
    let_lease_expire(command_id)
    with database.transaction() as connection:
        claims.expire_leases(connection, grace_s=1)
    row = command_row(command_id)
    assert (row["state"], row["doubts"]) == ("pending", 0)


def test_a_mail_that_is_being_written_down_is_not_taken_back(command_id):
    held = put(command_id, State.SENDING)
    let_lease_expire(command_id)
    with database.transaction() as writing:
        writing.execute(
            text("UPDATE commands SET lease_until = now() + interval '9 s' WHERE lease_token = :token"),
            {"token": held.lease_token},
        )
        with database.transaction() as sweeping:
            assert claims.expire_leases(sweeping, grace_s=1) == 0
    assert command_row(command_id)["lease_token"] == held.lease_token


def test_a_worker_that_dies_while_asking_makes_no_second_doubt(command_id):
    since = datetime(2026, 1, 1, tzinfo=UTC)
    put(command_id, State.SENDING, doubt_since=since, doubts=1, misses=1)
    let_lease_expire(command_id)
    with database.transaction() as connection:
        claims.expire_leases(connection, grace_s=1)
    row = command_row(command_id)
    assert (row["state"], row["doubts"], row["doubt_since"], row["misses"]) == ("unknown", 1, since, 1)


@pytest.mark.parametrize("source", State)
def test_a_lease_that_still_runs_and_a_state_without_one_never_expire(command_id, source):
    put(command_id, source)
    before = settled(command_row(command_id))
    with database.transaction() as connection:
        assert claims.expire_leases(connection, grace_s=1) == 0
    assert settled(command_row(command_id)) == before
