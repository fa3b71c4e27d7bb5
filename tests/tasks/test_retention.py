"""What is old enough is forgotten; what may still matter stays."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import event

from models import database
from models.retention import RULES, Rule
from tasks.archive import BATCH, archive
from tests.api.changing import history, stamp, update
from tests.client import ApiClient
from tests.world import World

pytestmark = pytest.mark.usefixtures("database")

EVENT_DAYS, ARCHIVE_DAYS, AUDIT_DAYS, HISTORY_DAYS = 90, 730, 1095, 2555
RULE = {rule.table: rule for rule in RULES}


def an_event(world: World, number: int, days_ago: float) -> int:
    return world.insert(
        "INSERT INTO mail_events (provider_id, event, at, received_at) VALUES (:id, 'send', now(),"
        " now() - make_interval(hours => CAST(24 * :days AS int))) RETURNING id",
        id=f"m{number}",
        days=days_ago,
    )


def an_entry(world: World, days_ago: float) -> int:
    return world.insert(
        "INSERT INTO audit_entries (actor, via, scope, action, subject, subject_id, at) VALUES ('Eva', 'x', 'x',"
        " 'resolve', 'notification', 1, now() - make_interval(hours => CAST(24 * :days AS int))) RETURNING id",
        days=days_ago,
    )


def a_notification(world: World, state: str, days_ago: float) -> int:
    closed = "NULL" if state in ("open", "retrying") else "last_at"
    return world.insert(
        "INSERT INTO notifications (status, subject_key, cause, message, state, last_at, closed_at)"
        f" SELECT 'mandrill-email-failed', :key, 'unsub', 'No.', :state, last_at, {closed}"
        " FROM (SELECT now() - make_interval(hours => CAST(24 * :days AS int)) AS last_at) AS moment RETURNING id",
        key=f"{state} {days_ago}",
        state=state,
        days=days_ago,
    )


def a_mail(api: ApiClient, world: World, *, sent: float, over: float, state: str = "done") -> int:
    """A mail that was sent some days ago about an appointment that is over since some days; the command's id."""
    made = api.create(order_id=world.order().id).appointment["id"]
    command = world.commands(made)["send-confirmation"]
    days = {"sent": sent, "over": over, "id": made}
    world.execute(
        "INSERT INTO emails (send_id, command_id, appointment_id, kind, recipient, outcome, created_at)"
        " VALUES (:send_id, :command, :id, 'send-confirmation', 'c@example.com', 'accepted',"
        " now() - make_interval(days => CAST(:sent AS int)))",
        send_id=command["send_id"],
        command=command["id"],
        id=made,
        sent=sent,
    )
    world.execute(
        "UPDATE commands SET state = :state, finished_at = now() - make_interval(days => CAST(:sent AS int))"
        " WHERE appointment_id = :id",
        state=state,
        sent=days["sent"],
        id=made,
    )
    world.execute(
        "UPDATE appointments SET starts_at = now() - make_interval(days => CAST(:over AS int)), stops_at = NULL,"
        " created_at = now() - interval '9 years' WHERE id = :id",
        over=days["over"],
        id=made,
    )
    return int(command["id"])


def ids(world: World, table: str) -> list[int]:
    return [row["id"] for row in world.rows(f"SELECT id FROM {table} ORDER BY id")]


def test_events_and_audit_go_by_their_age(world: World) -> None:
    events = [an_event(world, number, EVENT_DAYS + days) for number, days in enumerate((5, 1, -1))]
    entries = [an_entry(world, AUDIT_DAYS + days) for days in (5, 1, -1)]
    went = archive()
    assert (went["mail_events"], went["audit_entries"]) == (2, 2)
    assert (ids(world, "mail_events"), ids(world, "audit_entries")) == (events[2:], entries[2:])


@pytest.mark.parametrize(
    ("state", "days_ago", "stays"),
    [
        ("resolved", ARCHIVE_DAYS + 1, False),
        ("ignored", ARCHIVE_DAYS + 1, False),
        ("resolved", ARCHIVE_DAYS - 1, True),
        ("open", 10 * ARCHIVE_DAYS, True),
        ("retrying", 10 * ARCHIVE_DAYS, True),
    ],
)
def test_only_ended_notifications_go(world: World, state: str, days_ago: float, stays: bool) -> None:
    a_notification(world, state, days_ago)
    archive()
    assert bool(ids(world, "notifications")) is stays


@pytest.mark.parametrize(
    ("sent", "over", "state", "stays"),
    [
        (ARCHIVE_DAYS + 30, ARCHIVE_DAYS + 1, "done", False),
        (ARCHIVE_DAYS + 30, ARCHIVE_DAYS - 1, "done", True),
        (ARCHIVE_DAYS + 30, -1, "done", True),
        (ARCHIVE_DAYS - 1, ARCHIVE_DAYS + 1, "done", True),
        (ARCHIVE_DAYS + 30, ARCHIVE_DAYS + 1, "failed", True),
        (ARCHIVE_DAYS + 30, ARCHIVE_DAYS + 1, "unknown", True),
    ],
    ids=["old", "over lately", "to come", "sent lately", "failed", "in doubt"],
)
def test_a_mail_and_its_command_stay_until_the_appointment_is_long_over(
    api: ApiClient, world: World, sent: float, over: float, state: str, stays: bool
) -> None:
    a_mail(api, world, sent=sent, over=over, state=state)
    archive()
    archive()
    left = world.rows("SELECT id FROM all_commands WHERE kind = 'send-confirmation'")
    assert (bool(left), bool(ids(world, "emails"))) == (stays, stays)
    assert len(ids(world, "appointments")) == 1


def test_a_batch_is_bounded_and_what_stays_does_not_stand_in_the_way(api: ApiClient, world: World) -> None:
    a_mail(api, world, sent=ARCHIVE_DAYS + 30, over=-1)
    for _ in range(3):
        a_mail(api, world, sent=ARCHIVE_DAYS + 30, over=ARCHIVE_DAYS + 1)
    world.execute("INSERT INTO commands_archive SELECT * FROM all_commands WHERE state = 'done'")
    world.execute("DELETE FROM commands")
    for expected in (2, 1, 0):
        with database.transaction() as connection:
            assert RULE["emails"].go(connection, ARCHIVE_DAYS, 2) == expected
    assert len(ids(world, "emails")) == 1


def a_changed_appointment(api: ApiClient, world: World, *, changed: float, over: float) -> int:
    """Created, changed twice (the last time to another order) some days ago, and over since some days; its id."""
    made = api.create(order_id=world.order().id, summary="First", updated_at_mt=stamp(0)).appointment["id"]
    for minute, fields in ((1, {"summary": "Second"}), (2, {"order_id": world.order().id})):
        assert update(api, made, minute, **fields).code == 200
    world.execute(
        "UPDATE appointment_changes SET at = now() - make_interval(days => CAST(:days AS int))"
        " WHERE appointment_id = :id",
        days=changed,
        id=made,
    )
    world.execute(
        "UPDATE appointments SET starts_at = now() - make_interval(days => CAST(:over AS int)), stops_at = NULL"
        " WHERE id = :id",
        over=over,
        id=made,
    )
    return int(made)


def test_history_goes_when_it_is_old_and_its_appointment_long_over(api: ApiClient, world: World) -> None:
    old, young, ahead = (
        a_changed_appointment(api, world, changed=changed, over=over)
        for changed, over in (
            (HISTORY_DAYS + 30, HISTORY_DAYS + 1),
            (HISTORY_DAYS - 1, HISTORY_DAYS + 1),
            (HISTORY_DAYS + 30, -1),
        )
    )
    assert archive()["appointment_changes"] == 1
    changes = world.rows(
        "SELECT appointment_id, count(*) AS count FROM appointment_changes GROUP BY 1 ORDER BY 1"
    )
    assert [(row["appointment_id"], row["count"]) for row in changes] == [(old, 1), (young, 2), (ahead, 2)]


def test_what_took_an_appointment_to_another_order_stays_because_sight_goes_by_it(
    api: ApiClient, world: World
) -> None:
    made = a_changed_appointment(api, world, changed=HISTORY_DAYS + 30, over=HISTORY_DAYS + 1)
    archive()
    (left,) = world.rows("SELECT changes FROM appointment_changes WHERE appointment_id = :id", id=made)
    assert "order_id" in [line["field"] for line in left["changes"]]


def test_a_history_with_a_gap_says_so_and_does_not_invent_the_creation(api: ApiClient, world: World) -> None:
    made = a_changed_appointment(api, world, changed=HISTORY_DAYS + 30, over=HISTORY_DAYS + 1)
    before = history(api, made).body["data"]
    assert (len(before["history"]), before["history_since"]) == (3, None)
    archive()
    after = history(api, made).body["data"]
    assert [entry["action"] for entry in after["history"]] == ["update"]
    assert after["history_since"] == world.row("SELECT history_since FROM appointments")[
        "history_since"
    ].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert after["next_cursor"] is None


def test_a_run_ends_in_time_rests_after_each_batch_and_the_next_goes_on(world: World) -> None:
    for number in range(BATCH + 1):
        an_event(world, number, EVENT_DAYS + 1)
    rests: list[float] = []
    assert archive(for_s=0.0, rest=rests.append) == dict.fromkeys(RULE, 0)
    assert rests == []
    assert archive([RULE["mail_events"]], rest=rests.append) == {"mail_events": BATCH + 1}
    assert len(rests) == 2
    assert min(rests) > 0


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.table)
def test_a_run_with_nothing_to_do_reads_the_oldest_rows_along_an_index(rule: Rule) -> None:
    """However many rows there are: no part of the plan has to read its table as a whole."""
    plans: list[dict[str, Any]] = []
    with database.transaction() as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # the tables are empty here
        for statement, values in sent_by(lambda: rule.go(connection, 90, 1000)):
            (plan,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values).scalar_one()
            plans.append(plan["Plan"])
    scans = [
        part
        for plan in plans
        for part in parts_of(plan)
        if part.get("Relation Name") and "Scan" in part["Node Type"]
    ]
    assert rule.table in {scan["Relation Name"] for scan in scans}
    assert {scan["Node Type"] for scan in scans} & {"Seq Scan"} == set()


def sent_by(work: Callable[[], object]) -> list[tuple[str, dict[str, Any]]]:
    """The statements that `work` has the database do, with their values."""
    sent: list[tuple[str, dict[str, Any]]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        sent.append((statement, values))

    event.listen(database.engine(), "before_cursor_execute", note)
    try:
        work()
    finally:
        event.remove(database.engine(), "before_cursor_execute", note)
    return sent


def parts_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan and everything below it."""
    yield plan
    for part in plan.get("Plans", []):
        yield from parts_of(part)
