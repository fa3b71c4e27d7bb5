"""What people may do about a command in each of its states, what else moves with it, and what is written down."""

from collections.abc import Callable
from typing import Any

import pytest

from models import audit, database
from models.audit import Actor
from models.command_actions import SUBJECT, drop, may_drop, may_retry, retry_now
from models.command_ledger import GIVEN_UP, GIVEN_UP_IN_DOUBT
from models.command_states import LEASED, State
from models.notification_actions import Done
from tests.client import ApiClient
from tests.world import World

EMMA = Actor("Emma Employee", "console", "user:1", "request-1")
CONFIRMATION, TIMES = "send-confirmation", "reconcile-times"
Made = Callable[..., int]


@pytest.fixture
def made(world: World, api: ApiClient) -> Made:
    """Makes an appointment of which one command stands as given; the id of that."""

    def make(
        state: str, kind: str = CONFIRMATION, *, due_in_s: int = 0, notified: bool = False, **extra: Any
    ) -> int:
        appointment_id = api.create(order_id=world.order(client_email="carla@example.com").id).appointment[
            "id"
        ]
        number = int(world.commands(appointment_id)[kind]["id"])
        lease = (
            "gen_random_uuid(), lease_until = now() + interval '60 s'" if State(state) in LEASED else "NULL"
        )
        world.execute(
            f"UPDATE commands SET state = :state, attempts = 3, last_error = :error, lease_token = {lease},"
            " available_at = now() + make_interval(secs => :due) WHERE id = :id",
            id=number,
            state=state,
            due=due_in_s,
            error=extra.pop("last_error", None if state == "done" else "Mandrill said no."),
        )
        if notified:
            world.insert(
                "INSERT INTO notifications (status, subject_key, cause, message, appointment_id, command_id, recipient,"
                " state, may_have_been_sent) VALUES ('mandrill-email-failed', :key, 'x', 'It failed.', :appointment,"
                " :command, 'carla@example.com', :state, :doubt) RETURNING id",
                key=f"mail:{appointment_id}",
                appointment=appointment_id,
                command=number,
                state=extra.pop("notification_state", "open"),
                doubt=extra.pop("doubt", False),
            )
        return number

    return make


def act(action: Callable[..., list[Done]], *ids: int, **options: Any) -> list[Done]:
    with database.transaction() as connection:
        return action(connection, ids, EMMA, **options)


def of(world: World, number: int) -> dict[str, Any]:
    return world.row("SELECT *, available_at <= now() AS is_due FROM commands WHERE id = :id", id=number)


def audited(number: int) -> list[tuple[str, str]]:
    with database.transaction() as connection:
        return [(one["action"], one["detail"]["state"]) for one in audit.entries(connection, SUBJECT, number)]


@pytest.mark.parametrize(
    ("state", "kind", "due_in_s", "done", "after", "said"),
    [
        ("waiting", CONFIRMATION, 0, False, "waiting", "waits until its appointment's times are computed"),
        ("pending", CONFIRMATION, 900, True, "pending", "is due now."),
        ("pending", CONFIRMATION, -9, True, "pending", "is due already"),
        ("pending", TIMES, 900, True, "pending", "is due now."),
        ("running", TIMES, 0, False, "running", "is running: a worker has it now"),
        ("sending", CONFIRMATION, 0, False, "sending", "is sending: a worker has it now"),
        ("unknown", CONFIRMATION, 60, False, "unknown", "may have been sent"),
        ("failed", CONFIRMATION, 0, True, "pending", "is queued again."),
        ("failed", TIMES, 0, True, "pending", "is queued again."),
        ("done", CONFIRMATION, 0, False, "done", "is done; nothing is left"),
    ],
)
def test_retrying_is_guarded_by_the_states(
    made: Made, world: World, state: str, kind: str, due_in_s: int, done: bool, after: str, said: str
) -> None:
    number = made(state, kind, due_in_s=due_in_s)
    before = of(world, number)
    [result] = act(retry_now, number)
    row = of(world, number)
    assert (result.is_done, row["state"]) == (done, after)
    assert said in result.message
    assert result.asks is (state == "unknown")
    is_moved = done and due_in_s >= 0
    assert audited(number) == ([("retry", state)] if is_moved else [])
    assert row["is_due"] or not done
    if state == "failed":
        assert (row["attempts"], row["last_error"]) == (0, None)
        assert row["send_id"] != before["send_id"], "to Mandrill it is another mail"
    else:
        assert row["send_id"] == before["send_id"]
    assert may_retry(State(state), is_due=due_in_s <= 0, was_dropped_by_hand=False) is (
        is_moved or result.asks
    )


@pytest.mark.parametrize(
    ("state", "kind", "done", "said"),
    [
        ("waiting", CONFIRMATION, True, "is dropped."),
        ("pending", CONFIRMATION, True, "is dropped."),
        ("unknown", CONFIRMATION, True, "although it may have been sent; nobody asks Mandrill"),
        ("failed", CONFIRMATION, True, "is dropped."),
        ("sending", CONFIRMATION, False, "is sending: a worker has it now"),
        ("done", CONFIRMATION, False, "is done; nothing is left"),
        *(
            (state, TIMES, False, "computes the times that the mails of appointment")
            for state in ("pending", "failed")
        ),
        ("running", TIMES, False, "is running: a worker has it now"),
    ],
)
def test_dropping_is_guarded_by_the_states(
    made: Made, world: World, state: str, kind: str, done: bool, said: str
) -> None:
    number = made(state, kind)
    [result] = act(drop, number, reason="the client called")
    row = of(world, number)
    assert (result.is_done, row["state"]) == (done, "done" if done else state)
    assert said in result.message
    assert audited(number) == ([("drop", state)] if done else [])
    assert may_drop(State(state), is_mail=kind == CONFIRMATION) is done
    if done:
        words = GIVEN_UP_IN_DOUBT if state == "unknown" else GIVEN_UP
        assert row["last_error"] == f"{words} Before that: Mandrill said no."
        assert row["finished_at"] is not None
        assert row["doubt_since"] is None


def test_what_may_have_been_sent_is_sent_again_only_when_a_person_says_so_twice(
    made: Made, world: World
) -> None:
    in_doubt, told_so = made("unknown"), made("failed", notified=True, doubt=True)
    assert [(one.is_done, one.asks) for one in act(retry_now, in_doubt, told_so)] == [(False, True)] * 2
    assert [one.is_done for one in act(retry_now, in_doubt, told_so, even_if_sent=True)] == [True, True]
    assert {of(world, number)["state"] for number in (in_doubt, told_so)} == {"pending"}


def test_what_was_dropped_by_mistake_can_be_retried_but_not_what_a_change_made_superfluous(
    made: Made, world: World
) -> None:
    by_mistake = made("failed")
    superfluous = made("done", last_error="A later change of the appointment made it superfluous.")
    act(drop, by_mistake)
    first, second = act(retry_now, by_mistake, superfluous)
    assert (first.is_done, second.is_done) == (True, False)
    assert of(world, by_mistake)["state"] == "pending"


@pytest.mark.parametrize(
    ("action", "state", "after"),
    [
        (retry_now, "open", "retrying"),
        (retry_now, "ignored", "retrying"),
        (drop, "open", "ignored"),
        (drop, "retrying", "ignored"),
    ],
)
def test_its_notification_goes_with_it(
    made: Made, world: World, action: Callable[..., list[Done]], state: str, after: str
) -> None:
    act(action, made("failed", notified=True, notification_state=state))
    told = world.row("SELECT id, state, closed_by FROM notifications")
    assert (told["state"], told["closed_by"]) == (after, "Emma Employee" if after == "ignored" else None)
    with database.transaction() as connection:
        [entry] = audit.entries(connection, "notification", told["id"])
    assert (entry["actor"], entry["action"]) == (
        "Emma Employee",
        "ignore" if after == "ignored" else "resend",
    )


def test_of_many_each_is_told_and_the_others_are_done_all_the_same(made: Made, world: World) -> None:
    failed, leased, archived = made("failed"), made("sending"), made("done")
    world.execute(
        "WITH gone AS (DELETE FROM commands WHERE id = :id RETURNING *)"
        " INSERT INTO commands_archive SELECT * FROM gone",
        id=archived,
    )
    results = {one.id: one for one in act(retry_now, failed, leased, archived, 99_999, failed)}
    assert len(results) == 4
    assert results[failed].is_done
    assert "wait for its outcome" in results[leased].message
    assert results[archived].message == "was done days ago and is in the archive."
    assert results[99_999].message == "does not exist."


def test_nothing_that_is_written_down_holds_a_whole_address(made: Made, world: World) -> None:
    act(drop, made("failed", notified=True))
    assert "carla@" not in str(world.rows("SELECT detail FROM audit_entries"))
