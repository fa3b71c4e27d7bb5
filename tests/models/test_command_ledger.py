"""The ledger of commands: each move from each state, claims, leases, and what the sweep takes."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from models import command_ledger as ledger
from models import database
from models.command_ledger import CHANNEL, REPUBLISH_AFTER_S, Claim, Due, LeaseLostError
from models.command_states import BEGIN, BEGIN_SENDING, LEASED, State
from models.commands import NewCommand
from tests.tasks.planned import command_row, let_lease_expire, make_due, plan

pytestmark = pytest.mark.usefixtures("database")

KIND = "send-confirmation"
LEASE_S = 60.0
NO_LEASE = {"lease_token": None, "lease_until": None}


@pytest.fixture
def appointment(world):
    """An appointment whose only command is one mail, and how to bring that into any state."""
    return plan(world, world.order(), commands=(NewCommand(KIND, State.PENDING, "c@example.com"),))


@pytest.fixture
def command_id(appointment):
    return appointment.commands[KIND]


def put(command_id, state, **columns):
    """Bring a command into a state as if it had come there, and give a claim with its lease."""
    token = uuid4() if state in LEASED else None
    values = {
        "state": str(state),
        "lease_token": token,
        "lease_until": datetime(2100, 1, 1, tzinfo=UTC) if token else None,
        "attempts": 1,
        "published_at": datetime(2026, 1, 1, tzinfo=UTC),
        "publishes": 1,
        **columns,
    }
    with database.transaction() as connection:
        assignments = ", ".join(f"{name} = :{name}" for name in values)
        connection.execute(
            text(f"UPDATE commands SET {assignments} WHERE id = :id"), {**values, "id": command_id}
        )
    row = command_row(command_id)
    return Claim(
        id=command_id,
        appointment_id=row["appointment_id"],
        kind=KIND,
        sequence=0,
        recipient="c@example.com",
        send_id=row["send_id"],
        attempts=1,
        doubts=0,
        misses=0,
        request_id="r",
        lease_token=token or uuid4(),
        in_doubt=False,
        doubt_age_s=0,
    )


def release(connection, held):
    return bool(ledger.release(connection, held.appointment_id, [KIND], 10))


def drop(connection, held):
    return ledger.drop(connection, [held.id]) == {held.id}


def begin(connection, held):
    return ledger.claim(connection, held.id, KIND, BEGIN, LEASE_S) is not None


def begin_sending(connection, held):
    return ledger.claim(connection, held.id, KIND, BEGIN_SENDING, LEASE_S) is not None


def finish(connection, held):
    ledger.finish(connection, held)
    return True


def postpone(connection, held):
    ledger.postpone(connection, held, 30, "busy")
    return True


def fail(connection, held):
    ledger.fail(connection, held, "no")
    return True


def doubt(connection, held):
    ledger.doubt(connection, held, 30, "silence")
    return True


def stay_in_doubt(connection, held):
    ledger.stay_in_doubt(connection, held, 30, "silence", missed=False)
    return True


def put_off(connection, held):
    ledger.put_off(connection, held)
    return True


def await_times(connection, held):
    ledger.await_times(connection, held)
    return True


def drop_claimed(connection, held):
    ledger.drop_claimed(connection, held)
    return True


def drop_by_hand(connection, held):
    return ledger.drop_by_hand(connection, [held.id]) == {held.id}


def mistrust(connection, held):
    return [moved.id for moved in ledger.mistrust(connection, "It was restored.", gap_s=1)] == [held.id]


def finish_with_others(connection, held):
    ledger.finish_several(connection, [held], [KIND], 10)
    return True


def begin_with_others(connection, held):
    return [taken.id for taken in ledger.claim_several(connection, held.id, KIND, LEASE_S, 1)] == [held.id]


def resend(connection, held):
    return ledger.resend(connection, held.id)


def sent(held):
    """The mail's row, which leads from what the provider tells to the command."""
    with database.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO emails (send_id, command_id, appointment_id, kind, recipient)"
                " SELECT send_id, id, appointment_id, kind, 'c@example.com' FROM commands WHERE id = :id"
                " ON CONFLICT DO NOTHING RETURNING send_id"
            ),
            {"id": held.id},
        )
        return connection.execute(
            text("SELECT send_id FROM commands WHERE id = :id"), {"id": held.id}
        ).scalar_one()


def settle(connection, held):
    return bool(ledger.settle(connection, [sent(held)]))


def reject(connection, held):
    return bool(ledger.reject(connection, [sent(held)], "It was told so."))


LEGAL = {
    release: {State.WAITING: State.PENDING},
    begin: {State.PENDING: State.RUNNING},
    begin_sending: {State.PENDING: State.SENDING, State.UNKNOWN: State.SENDING},
    finish: {State.RUNNING: State.DONE, State.SENDING: State.DONE},
    postpone: {State.RUNNING: State.PENDING, State.SENDING: State.PENDING},
    fail: {State.RUNNING: State.FAILED, State.SENDING: State.FAILED},
    doubt: {State.SENDING: State.UNKNOWN},
    stay_in_doubt: {State.SENDING: State.UNKNOWN},
    put_off: {State.RUNNING: State.PENDING, State.SENDING: State.PENDING},
    await_times: {State.SENDING: State.WAITING},
    drop_claimed: {State.SENDING: State.DONE},
    begin_with_others: {State.PENDING: State.RUNNING},
    finish_with_others: {State.RUNNING: State.DONE, State.SENDING: State.DONE},
    resend: dict.fromkeys((State.FAILED, State.UNKNOWN, State.DONE), State.PENDING),
    settle: {State.PENDING: State.DONE, State.UNKNOWN: State.DONE},
    reject: {State.PENDING: State.FAILED, State.UNKNOWN: State.FAILED},
    drop: {State.WAITING: State.DONE, State.PENDING: State.DONE},
    drop_by_hand: dict.fromkeys((State.WAITING, State.PENDING, State.UNKNOWN, State.FAILED), State.DONE),
    mistrust: {State.WAITING: State.UNKNOWN, State.PENDING: State.UNKNOWN},
}
WORKER_MOVES = (
    *(finish, finish_with_others, postpone, put_off, await_times, drop_claimed),
    *(fail, doubt, stay_in_doubt),
)


def settled(row):
    """A row without what is measured against the present."""
    return {name: value for name, value in row.items() if not name.endswith("_s")}


@pytest.mark.parametrize("source", State)
@pytest.mark.parametrize("move", LEGAL, ids=lambda move: move.__name__)
def test_a_move_leads_from_its_sources_to_its_target_and_from_elsewhere_changes_nothing(
    command_id, move, source
):
    held = put(command_id, source)
    before = settled(command_row(command_id))
    with database.transaction() as connection:
        if source in LEGAL[move]:
            assert move(connection, held)
        elif move in WORKER_MOVES:
            with pytest.raises(LeaseLostError):
                move(connection, held)
        else:
            assert not move(connection, held)
    after = command_row(command_id)
    target = LEGAL[move].get(source)
    if target is None:
        assert settled(after) == before
        return
    assert after["state"] == target
    if target in LEASED:
        assert after["lease_token"] is not None
        assert after["lease_for_s"] == pytest.approx(LEASE_S, abs=5)
    else:
        assert {name: after[name] for name in NO_LEASE} == NO_LEASE


@pytest.mark.parametrize("move", [*WORKER_MOVES, ledger.begin_again], ids=lambda move: move.__name__)
def test_a_worker_that_lost_its_lease_writes_nothing(command_id, move):
    held = put(command_id, State.SENDING)
    before = settled(command_row(command_id))
    late = replace(held, lease_token=uuid4())
    with database.transaction() as connection, pytest.raises(LeaseLostError, match=f"command {held.id} was"):
        move(connection, late)
    assert settled(command_row(command_id)) == before


@pytest.mark.parametrize(
    ("move", "expected"),
    [
        (finish, {"doubt_since": None, "last_error": None, "due": None, "finished": True}),
        (
            postpone,
            {"last_error": "busy", "published_at": None, "publishes": 0, "due": 30, "finished": False},
        ),
        (fail, {"last_error": "no", "due": None, "finished": True}),
        (
            doubt,
            {
                "last_error": "silence",
                "doubts": 1,
                "misses": 0,
                "published_at": None,
                "publishes": 0,
                "due": 30,
                "finished": False,
            },
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_a_worker_writes_with_its_move(command_id, move, expected):
    held = put(command_id, State.SENDING, misses=1, last_error="before")
    with database.transaction() as connection:
        move(connection, held)
    row = command_row(command_id)
    due, finished = expected.pop("due"), expected.pop("finished")
    assert {name: row[name] for name in expected} == expected
    assert (row["finished_at"] is not None) == finished
    if due is not None:
        assert row["due_in_s"] == pytest.approx(due, abs=5)
    assert (row["doubt_since"] is not None) == (move is doubt)


# -- claims


def test_a_claim_carries_what_the_work_needs(command_id, appointment):
    with database.transaction() as connection:
        claimed = ledger.claim(connection, command_id, KIND, BEGIN_SENDING, LEASE_S)
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
        assert ledger.claim(connection, command_id, KIND, BEGIN_SENDING, LEASE_S) is None
    make_due(command_id)
    with database.transaction() as connection:
        assert ledger.claim(connection, command_id, KIND, BEGIN_SENDING, LEASE_S) is not None


@pytest.mark.parametrize("kind", ["send-assignment", "reconcile-times", "nonsense"])
def test_a_message_of_another_kind_claims_nothing(command_id, kind):
    with database.transaction() as connection:
        assert ledger.claim(connection, command_id, kind, BEGIN_SENDING, LEASE_S) is None


def test_a_second_message_claims_nothing(command_id):
    with database.transaction() as connection:
        assert ledger.claim(connection, command_id, KIND, BEGIN_SENDING, LEASE_S) is not None
        assert ledger.claim(connection, command_id, KIND, BEGIN_SENDING, LEASE_S) is None
    assert command_row(command_id)["attempts"] == 1


def test_of_eight_workers_at_once_one_wins(command_id):
    together = threading.Barrier(8)

    def compete(_):
        with database.autocommit_engine().connect() as connection:
            together.wait(10)
            return ledger.claim(connection, command_id, KIND, BEGIN_SENDING, LEASE_S)

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
        asked = ledger.claim(connection, command_id, KIND, BEGIN_SENDING, LEASE_S)
    assert asked is not None
    assert (asked.in_doubt, asked.attempts, asked.misses) == (True, 1, 1)
    assert asked.doubt_age_s > 3600
    with database.transaction() as connection:
        again = ledger.begin_again(connection, asked)
    row = command_row(command_id)
    assert (again.in_doubt, again.attempts, again.misses, again.doubt_age_s) == (False, 2, 0, 0)
    assert (row["attempts"], row["misses"], row["doubt_since"], row["doubts"]) == (2, 0, None, 1)
    assert (row["state"], row["lease_token"]) == ("sending", again.lease_token)


# -- doubt


def test_an_old_doubt_keeps_its_age_when_the_answer_is_still_open(command_id):
    since = datetime(2026, 1, 1, tzinfo=UTC)
    held = put(command_id, State.SENDING, doubt_since=since, doubts=1)
    with database.transaction() as connection:
        ledger.stay_in_doubt(connection, held, 20, "no answer", missed=False)
    row = command_row(command_id)
    assert (row["state"], row["doubt_since"], row["doubts"], row["misses"]) == ("unknown", since, 1, 0)
    assert row["due_in_s"] == pytest.approx(20, abs=5)
    assert (row["published_at"], row["last_error"]) == (None, "no answer")


def test_a_miss_is_counted(command_id):
    held = put(command_id, State.SENDING, doubt_since=datetime(2026, 1, 1, tzinfo=UTC), misses=1)
    with database.transaction() as connection:
        ledger.stay_in_doubt(connection, held, 20, "nothing there", missed=True)
    assert command_row(command_id)["misses"] == 2


def test_a_doubt_that_is_left_to_people_is_never_due_and_can_still_be_read(command_id):
    held = put(command_id, State.SENDING)
    with database.transaction() as connection:
        ledger.stay_in_doubt(connection, held, None, "undecided", missed=False)
        assert ledger.take_due(connection, 10, room=2_000) == []
    assert command_row(command_id)["available_at"].year == 9000
    with database.transaction() as connection:
        assert ledger.resend(connection, command_id)
        assert ledger.take_due(connection, 10, room=2_000) == [Due(command_id, KIND)]


# -- expiry


@pytest.mark.parametrize(
    ("source", "target", "doubts", "due_in_s"), [("running", "pending", 0, 0), ("sending", "unknown", 1, 40)]
)
def test_a_lease_that_expires_gives_the_command_back(command_id, source, target, doubts, due_in_s):
    held = put(command_id, State(source))
    let_lease_expire(command_id)
    with database.transaction() as connection:
        assert ledger.expire_leases(connection, grace_s=40) == 1
    row = command_row(command_id)
    assert (row["state"], row["doubts"], row["published_at"], row["publishes"]) == (target, doubts, None, 0)
    assert {name: row[name] for name in NO_LEASE} == NO_LEASE
    assert (row["doubt_since"] is not None) == (target == "unknown")
    assert row["due_in_s"] == pytest.approx(due_in_s, abs=5)
    assert "stopped before" in row["last_error"]
    with database.transaction() as connection, pytest.raises(LeaseLostError):
        ledger.finish(connection, held)


def test_a_worker_that_dies_while_asking_makes_no_second_doubt(command_id):
    since = datetime(2026, 1, 1, tzinfo=UTC)
    put(command_id, State.SENDING, doubt_since=since, doubts=1, misses=1)
    let_lease_expire(command_id)
    with database.transaction() as connection:
        ledger.expire_leases(connection, grace_s=1)
    row = command_row(command_id)
    assert (row["doubts"], row["doubt_since"], row["misses"]) == (1, since, 1)


@pytest.mark.parametrize("source", State)
def test_a_lease_that_still_runs_and_a_state_without_one_never_expire(command_id, source):
    put(command_id, source)
    before = settled(command_row(command_id))
    with database.transaction() as connection:
        assert ledger.expire_leases(connection, grace_s=1) == 0
    assert settled(command_row(command_id)) == before


# -- what the sweep takes


@pytest.fixture
def many(world):
    """Forty due mails, the last one due first."""
    order = world.order()
    ids = [
        plan(world, order, commands=(NewCommand(KIND, State.PENDING, "c@example.com"),)).commands[KIND]
        for _ in range(40)
    ]
    world.execute("UPDATE commands SET available_at = now() - make_interval(secs => id)")
    return ids[::-1]


def test_what_is_due_is_taken_oldest_first_and_no_more_than_asked_for(many):
    with database.transaction() as connection:
        assert [due.id for due in ledger.take_due(connection, 15, room=2_000)] == many[:15]
        assert [due.id for due in ledger.take_due(connection, 100, room=2_000)] == many[15:]
        assert ledger.take_due(connection, 100, room=2_000) == []


def test_two_sweeps_at_once_never_take_the_same_row(many):
    with database.transaction() as one, database.transaction() as other:
        first = ledger.take_due(one, 25, room=2_000)
        second = ledger.take_due(other, 25, room=2_000)
    assert (len(first), len(second)) == (25, 15)
    assert {due.id for due in first} | {due.id for due in second} == set(many)


def test_eight_sweeps_share_the_rows_without_waiting_for_one_another(many):
    together = threading.Barrier(8)

    def take(_):
        with database.transaction() as connection:
            together.wait(10)
            taken = ledger.take_due(connection, 7, room=2_000)
            together.wait(10)
            return [due.id for due in taken]

    with ThreadPoolExecutor(8) as pool:
        taken = [each for ids in pool.map(take, range(8)) for each in ids]
    assert sorted(taken) == sorted(many)


@pytest.mark.parametrize("publishes", [1, 2, 3, 8, 9, 100])
def test_a_message_unheard_of_is_sent_again_after_pauses_that_double(world, command_id, publishes):
    pause_s = REPUBLISH_AFTER_S * 2 ** min(publishes - 1, 7)
    aged = "UPDATE commands SET publishes = :n, published_at = now() - make_interval(secs => :age) WHERE id = :id"
    world.execute(aged, n=publishes, age=pause_s - 3, id=command_id)
    with database.transaction() as connection:
        assert ledger.take_due(connection, 10, room=2_000) == []
    world.execute(aged, n=publishes, age=pause_s + 1, id=command_id)
    with database.transaction() as connection:
        assert ledger.take_due(connection, 10, room=2_000) == [Due(command_id, KIND)]
    assert command_row(command_id)["publishes"] == publishes + 1


@pytest.mark.parametrize("state", State)
def test_only_what_may_be_claimed_is_published(command_id, state):
    put(command_id, state, published_at=None)
    with database.transaction() as connection:
        taken = ledger.take_due(connection, 10, room=2_000)
    assert bool(taken) == (state in (State.PENDING, State.UNKNOWN))


def test_what_could_not_be_published_is_found_again_at_once(command_id):
    with database.transaction() as connection:
        assert ledger.take_due(connection, 10, room=2_000) == [Due(command_id, KIND)]
        ledger.unpublish(connection, [command_id])
    row = command_row(command_id)
    assert (row["published_at"], row["publishes"]) == (None, 0)
    with database.transaction() as connection:
        assert ledger.take_due(connection, 10, room=2_000) == [Due(command_id, KIND)]
        ledger.unpublish(connection, [])
    assert command_row(command_id)["publishes"] == 1


def test_a_command_that_somebody_claimed_meanwhile_is_not_unpublished(command_id):
    put(command_id, State.SENDING)
    with database.transaction() as connection:
        ledger.unpublish(connection, [command_id])
    assert command_row(command_id)["publishes"] == 1


# -- release and resend


def test_release_lets_the_waiting_commands_of_one_appointment_go_and_counts_them_as_published(world):
    order = world.order()
    commands = (
        NewCommand(KIND, State.WAITING, "c@example.com"),
        NewCommand("send-assignment", State.WAITING, "p@example.com"),
    )
    planned, other = plan(world, order, commands=commands), plan(world, order, commands=commands)
    with database.transaction() as connection:
        released = ledger.release(connection, planned.id, [KIND], 10)
        assert ledger.release(connection, planned.id, [KIND], 10) == []
    assert {due.id: due.kind for due in released} == {id: kind for kind, id in planned.commands.items()}
    for command_id in planned.commands.values():
        row = command_row(command_id)
        assert (row["state"], row["publishes"]) == ("pending", 1)
        assert row["published_at"] is not None
    assert {command_row(command_id)["state"] for command_id in other.commands.values()} == {"waiting"}


def test_a_resend_starts_over_under_a_new_send_id_and_wakes_the_relay(command_id):
    old = put(command_id, State.FAILED, attempts=5, doubts=3, misses=1, last_error="refused").send_id
    with database.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as listening:
        listening.exec_driver_sql(f"LISTEN {CHANNEL}")
        with database.transaction() as connection:
            assert ledger.resend(connection, command_id)
        notices = list(listening.connection.driver_connection.notifies(timeout=5, stop_after=1))
        listening.exec_driver_sql(f"UNLISTEN {CHANNEL}")
    assert [(notice.channel, notice.payload) for notice in notices] == [(CHANNEL, "")]
    row = command_row(command_id)
    assert (row["attempts"], row["doubts"], row["misses"], row["publishes"]) == (0, 0, 0, 0)
    assert (row["doubt_since"], row["finished_at"], row["published_at"]) == (None, None, None)
    assert row["send_id"] != old
    assert row["due_in_s"] <= 0


# -- the table


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("state = 'lost'", "ck_commands_state_known"),
        ("state = 'sending'", "ck_commands_leased_states_have_a_lease"),
        (
            "lease_token = gen_random_uuid(), lease_until = now()",
            "ck_commands_leased_states_have_a_lease",
        ),
        ("state = 'running', lease_token = gen_random_uuid()", "ck_commands_lease_whole"),
        ("appointment_id = appointment_id + 1", "fk_commands_appointment_id"),
    ],
)
def test_the_table_refuses_what_cannot_be(world, command_id, change, constraint):
    with pytest.raises(IntegrityError) as refused:
        world.execute(f"UPDATE commands SET {change} WHERE id = :id", id=command_id)
    assert refused.value.orig.diag.constraint_name == constraint


def test_a_person_gets_one_mail_of_a_kind_for_each_state_of_an_appointment(world, command_id):
    twin = (
        "INSERT INTO commands (appointment_id, kind, sequence, recipient, state, request_id)"
        " SELECT appointment_id, kind, :sequence, recipient, state, request_id FROM commands WHERE id = :id"
    )
    with pytest.raises(IntegrityError):
        world.execute(twin, id=command_id, sequence=0)
    world.execute(twin, id=command_id, sequence=1)


def test_the_sweep_and_the_leases_are_found_by_their_partial_indexes(world, many):
    world.execute("UPDATE commands SET state = 'done' WHERE id > :id", id=many[-1])
    queries = {
        "ix_commands_due": "SELECT id FROM commands WHERE state IN ('pending', 'unknown')"
        " AND available_at <= now() ORDER BY available_at LIMIT 200",
        "ix_commands_leases": "SELECT id FROM commands WHERE state IN ('sending') AND lease_until < now()",
    }
    for index, query in queries.items():
        with database.transaction() as connection:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            steps = connection.exec_driver_sql(f"EXPLAIN {query}").scalars().all()
        assert index in "\n".join(steps)
