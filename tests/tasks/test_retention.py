"""What is old enough is forgotten; what may still matter stays."""

from collections.abc import Iterator
from typing import Any

import pytest

from models import database
from models.retention import STATEMENTS, forget_old
from settings import get_settings
from tasks.archive import archive, forget
from tests.client import ApiClient
from tests.world import World

pytestmark = pytest.mark.usefixtures("database")

EVENT_DAYS, ARCHIVE_DAYS, AUDIT_DAYS = 90, 730, 1095


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
    forgotten = forget()
    assert (forgotten["mail_events"], forgotten["audit_entries"]) == (2, 2)
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
    forget()
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
            assert forget_old(connection, get_settings(), limit=2)["emails"] == expected
    assert len(ids(world, "emails")) == 1


@pytest.mark.parametrize("table", STATEMENTS)
def test_a_run_with_nothing_to_do_reads_the_oldest_rows_along_an_index(table: str) -> None:
    """However many rows there are: no part of the plan has to read its table as a whole."""
    values = {"days": 90, "limit": 1000, "window": 10_000}
    with database.transaction() as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # the tables are empty here
        statement = STATEMENTS[table].compile(dialect=connection.dialect)
        (plan,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values).scalar_one()
    scans = [
        part for part in parts_of(plan["Plan"]) if part.get("Relation Name") and "Scan" in part["Node Type"]
    ]
    assert table in {scan["Relation Name"] for scan in scans}
    assert {scan["Node Type"] for scan in scans} & {"Seq Scan"} == set()


def parts_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan and everything below it."""
    yield plan
    for part in plan.get("Plans", []):
        yield from parts_of(part)
