"""`photographer-double-booked`: one notification a pair, closed when the pair is over, whoever of the two changed."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from models import database
from models.clock.busy import Span
from models.photographer_conflicts import hold_photographers, overlaps
from tasks.recheck import count_outdated, recheck_batch
from tests.bookings import DAY, book, change, double_booked, reconcile, span, utc
from tests.waiting import eventually
from tests.world import World

pytestmark = pytest.mark.usefixtures("broker")


@pytest.fixture
def pair(world: World) -> tuple[int, int]:
    """Two appointments of one photographer at the same time."""
    photographer = world.photographer().id
    return (
        book(world, photographer, utc("10:00", "11:00"), photographer_name="Pat Photographer"),
        book(world, photographer, utc("10:30", "11:30"), photographer_name="Pat Photographer"),
    )


def test_the_notification_names_both_when_they_are_and_what_to_do(world: World, pair: tuple[int, int]):
    one, other = pair
    (told,) = world.rows("SELECT * FROM notifications")
    assert (told["status"], told["severity"], told["state"]) == ("photographer-double-booked", "high", "open")
    assert (told["appointment_id"], told["request_id"]) == (other, "request-0001")
    assert told["message"] == (
        f"Pat Photographer is booked twice: appointment {one} is {DAY} 04:00 to 05:00 (America/Denver);"
        f" appointment {other} is {DAY} 04:30 to 05:30 (America/Denver)."
    )
    assert "closes by itself" in told["hint"] and "appointments/update" in told["hint"]


def test_reconciling_again_changes_nothing(world: World, pair: tuple[int, int]):
    before = world.rows("SELECT * FROM notifications")
    for made in (*pair, *reversed(pair)):
        reconcile(world, made)
    assert world.rows("SELECT * FROM notifications") == before


OVER: dict[str, Callable[[World, int], dict]] = {
    "moved": lambda world, _photographer: {"supplied": json.dumps(utc("20:00", "21:00"))},
    "its times taken away": lambda world, _photographer: {"supplied": "{}"},
    "cancelled": lambda world, _photographer: {"cancelled": True},
    "made optional": lambda world, _photographer: {"optional": True},
    "given to somebody else": lambda world, _photographer: {"photographer_user_id": world.photographer().id},
    "given to nobody": lambda world, _photographer: {"photographer_user_id": None},
}


@pytest.mark.parametrize("which", [0, 1], ids=["the earlier one", "the later one"])
@pytest.mark.parametrize("how", OVER)
def test_it_is_closed_when_either_is_changed_and_comes_back_when_that_is_undone(
    world: World, pair: tuple[int, int], which: int, how: str
):
    changed = pair[which]
    before = world.appointment(changed)
    changes = OVER[how](world, before["photographer_user_id"])
    change(world, changed, **changes)
    (told,) = world.rows("SELECT * FROM notifications")
    assert (told["state"], told["closed_by"]) == ("resolved", "reconcile-times")
    back = {name: before[name] for name in changes}
    change(world, changed, **(back | {"supplied": json.dumps(before["supplied"])}))
    (again,) = world.rows("SELECT * FROM notifications")
    assert (again["id"], again["state"], again["closed_at"]) == (told["id"], "open", None)


@pytest.mark.parametrize("state", ["ignored", "resolved"])
def test_what_a_person_decided_holds_while_it_is_the_same(world: World, pair: tuple[int, int], state: str):
    world.execute(
        "UPDATE notifications SET state = :state, closed_at = now(), closed_by = 'Una'", state=state
    )
    reconcile(world, pair[0])
    (told,) = world.rows("SELECT * FROM notifications")
    assert (told["state"], told["closed_by"]) == (state, "Una")
    change(world, pair[1], supplied=json.dumps(utc("10:45", "11:45")))
    (told,) = world.rows("SELECT * FROM notifications")
    assert (told["state"], told["closed_by"]) == ("open", None)
    assert "04:45" in told["message"]


def test_an_ignored_pair_that_is_apart_for_a_while_stays_ignored(world: World, pair: tuple[int, int]):
    world.execute("UPDATE notifications SET state = 'ignored', closed_at = now(), closed_by = 'Una'")
    change(world, pair[1], supplied=json.dumps(utc("20:00", "21:00")))
    change(world, pair[1], supplied=json.dumps(utc("10:30", "11:30")))
    (told,) = world.rows("SELECT * FROM notifications")
    assert (told["state"], told["closed_by"]) == ("ignored", "Una")
    change(world, pair[1], supplied=json.dumps(utc("20:00", "21:00")))
    change(world, pair[1], supplied=json.dumps(utc("10:45", "11:45")))
    (told,) = world.rows("SELECT * FROM notifications")
    assert (told["state"], told["closed_by"]) == ("open", None), "they overlap in another way"


def test_each_pair_has_its_own(world: World, pair: tuple[int, int]):
    photographer = world.appointment(pair[0])["photographer_user_id"]
    third = book(world, photographer, utc("09:00", "12:00"))
    assert double_booked(world) == {pair, (pair[0], third), (pair[1], third)}
    change(world, third, cancelled=True)
    assert double_booked(world) == {pair}


def test_two_that_are_reconciled_at_once_make_it_exactly_once(world: World, monkeypatch: pytest.MonkeyPatch):
    for attempt in range(5):
        photographer = world.photographer().id
        hour = f"{10 + attempt}"
        made = tuple(
            book(world, photographer, utc(f"{hour}:00", f"{hour}:50"), reconciled=False) for _ in range(2)
        )
        with ThreadPoolExecutor(2) as pool:
            with database.transaction() as connection:
                # Both wait here, and are let go at the same moment.
                hold_photographers(connection, [photographer])
                working = [pool.submit(reconcile, world, one) for one in made]
                eventually(
                    lambda: world.row("SELECT count(*) FROM pg_locks WHERE NOT granted")["count"] == 2,
                    what="both tasks wait for the photographer",
                )
            for one in working:
                one.result(10)
        assert made in double_booked(world)
    assert world.row("SELECT count(*) FROM notifications")["count"] == 5


def test_an_appointment_that_loses_its_photographer_meanwhile_is_looked_at_afterwards(
    world: World, pair: tuple[int, int]
):
    """The task must not tell of what is being changed, and must not keep the change from being told."""
    one, other = pair
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as connection:
            connection.execute(
                text("UPDATE appointments SET photographer_user_id = NULL WHERE id = :id"), {"id": other}
            )
            working = pool.submit(reconcile, world, one)
            eventually(
                lambda: world.row("SELECT count(*) FROM pg_locks WHERE NOT granted")["count"] == 1,
                what="the task waits for the change",
            )
        working.result(10)
    assert double_booked(world) == set()


def test_a_photographer_who_changes_before_the_row_is_locked_is_held_too(world: World, pair: tuple[int, int]):
    one, _ = pair
    new = world.photographer().id
    third = book(world, new, utc("10:00", "11:00"))
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as connection:
            connection.execute(
                text("UPDATE appointments SET photographer_user_id = :new WHERE id = :id"),
                {"id": one, "new": new},
            )
            working = pool.submit(reconcile, world, one)
            eventually(
                lambda: world.row("SELECT count(*) FROM pg_locks WHERE NOT granted")["count"] == 1,
                what="the task waits for the row with the old photographer held",
            )
        working.result(10)
    assert double_booked(world) == {(one, third)}


def test_tasks_of_one_photographer_and_changes_of_the_other_appointments_do_not_deadlock(world: World):
    photographers = [world.photographer().id for _ in range(2)]
    made = [book(world, photographers[n % 2], utc("10:00", "11:00")) for n in range(8)]

    def work(number: int) -> None:
        for round_ in range(4):
            world.execute(
                "UPDATE appointments SET photographer_user_id = :to WHERE id = :id",
                id=made[number],
                to=photographers[(number + round_) % 2],
            )
            reconcile(world, made[number])

    with ThreadPoolExecutor(8) as pool:
        for working in [pool.submit(work, number) for number in range(8)]:
            working.result(60)
    assert double_booked(world) == expected_pairs(world)


def test_rows_of_an_older_release_are_filled_in_by_the_recheck(world: World, pair: tuple[int, int]):
    day = book(world, None, {"allday": True, "date_start_local": DAY}, order=world.order())
    spans = [span(world, made) for made in (*pair, day)]
    past = book(world, None, utc("10:00", "11:00", day="2020-01-01"))
    undecided = book(world, None, {"date_start_local": DAY})
    world.execute("UPDATE appointments SET busy_from = NULL, busy_until = NULL")
    world.execute("DELETE FROM notifications")
    assert count_outdated() == 3
    assert recheck_batch(0, 2, dry_run=False).last_id == pair[1]
    assert recheck_batch(pair[1], 2, dry_run=False).seen == 1
    assert [span(world, made) for made in (*pair, day)] == spans
    assert span(world, past) == span(world, undecided) == (None, None)
    assert double_booked(world) == {pair}
    assert count_outdated() == 0


def expected_pairs(world: World) -> set[tuple[int, int]]:
    """What the rule says of the rows as they stand."""
    rows = world.rows(
        "SELECT id, photographer_user_id AS who, busy_from, busy_until FROM appointments WHERE cancelled IS NOT TRUE"
        " AND optional IS NOT TRUE AND busy_from IS NOT NULL AND photographer_user_id IS NOT NULL ORDER BY id"
    )
    return {
        (one["id"], other["id"])
        for number, one in enumerate(rows)
        for other in rows[number + 1 :]
        if one["who"] == other["who"] and overlaps(_span(one), _span(other))
    }


def _span(row: dict) -> Span:
    return Span(row["busy_from"], row["busy_until"])


HOURS = st.integers(0, 5)
CHANGES = st.one_of(
    st.tuples(st.just("times"), HOURS, st.sampled_from([None, 1, 2, 4])),
    st.tuples(st.just("photographer"), st.sampled_from([None, 0, 1])),
    st.tuples(st.sampled_from(["cancelled", "optional"]), st.booleans()),
)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(steps=st.lists(st.tuples(st.integers(0, 3), CHANGES), min_size=4, max_size=10))
def test_after_any_changes_developers_are_told_of_the_overlapping_pairs_and_of_no_others(
    world: World, steps: list
):
    photographers = [world.photographer().id for _ in range(2)]
    made = [book(world, photographers[0], utc(f"{10 + n}:00", f"{11 + n}:30")) for n in range(4)]
    try:
        for which, (what, *to) in steps:
            columns: dict = {what: to[0]}
            if what == "times":
                start = datetime(2090, 6, 5, 10 + to[0])
                stop = None if to[1] is None else start + timedelta(hours=to[1])
                columns = {
                    "supplied": json.dumps(utc(f"{start:%H:%M}", None if stop is None else f"{stop:%H:%M}"))
                }
            elif what == "photographer":
                columns = {"photographer_user_id": None if to[0] is None else photographers[to[0]]}
            change(world, made[which], **columns)
            assert double_booked(world) == expected_pairs(world)
    finally:
        world.execute("DELETE FROM appointments")
