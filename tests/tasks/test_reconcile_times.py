"""`reconcile-times`: what it stores, that it may run again, what it lets go, and what a crash leaves behind."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time

import pytest
from sqlalchemy import text

from models import database
from models.clock import load_atlas, tzdata_version
from models.clock.supplied import Supplied
from models.command_claims import expire_leases
from models.command_ledger import resend
from models.command_states import State
from models.commands import NewCommand
from tasks.catalogue import CRASH_DELAYS_S, JITTER
from tasks.clock_outcome import AtlasNotLoadedError, decide_all
from tasks.reconcile_times import reconcile_times
from tests.tasks.planned import REQUEST_ID, command_row, let_lease_expire, make_due, plan
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("broker")

KIND = "reconcile-times"


def run(planned):
    reconcile_times(planned.commands[KIND])


def run_again(world, planned):
    """As after a lost answer of the database: the command is due once more."""
    world.execute("UPDATE commands SET state = 'pending' WHERE id = :id", id=planned.commands[KIND])
    run(planned)


def unreadable(world, planned):
    """Make the snapshot something that no clock can read."""
    world.execute(
        """UPDATE appointments SET supplied = '{"date_start_local": "someday"}' WHERE id = :id""",
        id=planned.id,
    )


def test_the_atlas_is_not_loaded_while_others_wait_for_the_row(world):
    planned = plan(world, world.order(zone=None, lat=40.71, lng=-74.0))
    load_atlas.cache_clear()
    with database.transaction() as connection, pytest.raises(AtlasNotLoadedError):
        decide_all(connection, [planned.id])
    run(planned)
    assert world.appointment(planned.id)["zone_name"] == "America/New_York"
    with database.transaction() as connection:
        decision = decide_all(connection, [planned.id])[planned.id]
    assert decision.outcome.zone_source == "latlng"


def test_the_three_frames_the_zone_and_the_rules_are_stored(world):
    planned = plan(world, world.order(zone="America/New_York"))
    run(planned)
    row = world.appointment(planned.id)
    assert {name: row[name] for name in row if name.startswith(("date_s", "time_s"))} == {
        "date_start_local": date(2026, 12, 3),
        "time_start_local": time(9),
        "date_start_office": date(2026, 12, 3),
        "time_start_office": time(7),
        "date_start_utc": date(2026, 12, 3),
        "time_start_utc": time(14),
        "date_stop_local": date(2026, 12, 3),
        "time_stop_local": time(10),
        "date_stop_office": date(2026, 12, 3),
        "time_stop_office": time(8),
        "date_stop_utc": date(2026, 12, 3),
        "time_stop_utc": time(15),
    }
    assert row["starts_at"] == datetime(2026, 12, 3, 14, tzinfo=UTC)
    assert row["stops_at"] == datetime(2026, 12, 3, 15, tzinfo=UTC)
    assert (row["start_resolution"], row["stop_resolution"]) == ("exact", "derived")
    assert (row["zone_name"], row["zone_source"]) == ("America/New_York", "property")
    assert (row["office_zone"], row["tzdata_version"]) == ("America/Denver", tzdata_version())
    assert (row["time_duration_s"], row["discrepancies"]) == (3600, [])
    assert row["reconciled_at"] is not None
    assert command_row(planned.commands[KIND])["state"] == "done"


def test_what_was_supplied_stays_as_it_was_and_a_second_run_changes_nothing(world):
    supplied = Supplied.from_json(
        {
            "date_start_local": "2026-12-03",
            "time_start_local": "09:00:00",
            "date_start_utc": "2026-12-03",
            "time_start_utc": "23:00:00",
        }
    )
    planned = plan(world, world.order(), supplied=supplied)
    before = world.appointment(planned.id)
    run(planned)
    first = world.appointment(planned.id)
    assert first["supplied"] == before["supplied"] == supplied.to_json()
    assert first["discrepancies"] != []
    told = world.notifications(planned.id)
    run_again(world, planned)
    second = world.appointment(planned.id)
    assert {**second, "reconciled_at": None} == {**first, "reconciled_at": None}
    assert world.notifications(planned.id) == told


@pytest.mark.parametrize(
    ("place", "zone", "source"),
    [
        ({"zone": "America/Phoenix"}, "America/Phoenix", "property"),
        ({"zone": None, "lat": 40.7128, "lng": -74.006}, "America/New_York", "latlng"),
        ({"zone": None, "zip": "60601"}, "America/Chicago", "zip"),
        ({"zone": None}, None, "none"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else None,
)
def test_the_zone_comes_from_the_name_the_position_or_the_zip(world, place, zone, source):
    planned = plan(world, world.order(**place))
    run(planned)
    row = world.appointment(planned.id)
    assert (row["zone_name"], row["zone_source"]) == (zone, source)
    assert (row["starts_at"] is None) == (zone is None)


def test_an_appointment_without_an_order_is_reconciled_too(world):
    planned = plan(world, None)
    run(planned)
    assert world.appointment(planned.id)["start_resolution"] == "unresolved"
    assert command_row(planned.commands[KIND])["state"] == "done"


def test_the_mails_are_let_go_and_each_gets_one_message(world, broker):
    order = world.order()
    planned = plan(
        world,
        order,
        commands=(
            NewCommand(KIND, State.PENDING),
            NewCommand("send-confirmation", State.WAITING, order.client_email),
            NewCommand("send-assignment", State.WAITING, "p@example.com"),
        ),
    )
    run(planned)
    mails = [command_row(planned.commands[kind]) for kind in ("send-confirmation", "send-assignment")]
    assert {mail["state"] for mail in mails} == {"pending"}
    assert {mail["publishes"] for mail in mails} == {1}
    assert broker.llen("mail") == 2


def test_times_and_mails_are_stored_together_or_not_at_all(world):
    planned = plan(world, world.order())
    world.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no release''; END'"
    )
    world.execute(
        "CREATE TRIGGER refuse BEFORE UPDATE ON commands FOR EACH ROW WHEN (OLD.state = 'waiting')"
        " EXECUTE FUNCTION refuse()"
    )
    try:
        with pytest.raises(Exception, match="no release"):
            run(planned)
    finally:
        world.execute("DROP FUNCTION refuse() CASCADE")
    assert world.appointment(planned.id)["reconciled_at"] is None
    assert command_row(planned.commands["send-confirmation"])["state"] == "waiting"
    assert command_row(planned.commands[KIND])["state"] == "pending"


def test_a_crash_is_tried_again_by_the_schedule_then_shown_with_the_mails_left_waiting(world):
    planned = plan(world, world.order())
    unreadable(world, planned)
    command_id = planned.commands[KIND]
    for tries, delay_s in enumerate(CRASH_DELAYS_S, start=1):
        with pytest.raises(ValueError, match="someday"):
            run(planned)
        row = command_row(command_id)
        assert (row["state"], row["attempts"]) == ("pending", tries)
        assert delay_s * (1 - JITTER) - 2 <= row["due_in_s"] <= delay_s * (1 + JITTER)
        assert world.notifications(planned.id) == []
        make_due(command_id)
    with pytest.raises(ValueError, match="someday"):
        run(planned)
    assert command_row(command_id)["state"] == "failed"
    assert command_row(planned.commands["send-confirmation"])["state"] == "waiting"
    (told,) = world.notifications(planned.id)
    assert (told["status"], told["state"], told["command_id"]) == ("command-failed", "open", command_id)
    assert (told["attempts"], told["request_id"]) == (len(CRASH_DELAYS_S) + 1, REQUEST_ID)
    assert "someday" not in str(told)


def test_success_after_a_person_sent_it_again_ends_the_notification(world):
    planned = plan(world, world.order())
    supplied = world.appointment(planned.id)["supplied"]
    unreadable(world, planned)
    world.execute("UPDATE commands SET attempts = 5 WHERE id = :id", id=planned.commands[KIND])
    with pytest.raises(ValueError, match="someday"):
        run(planned)
    with database.transaction() as connection:
        connection.execute(
            text(
                "UPDATE appointments SET supplied = jsonb_build_object('date_start_local', '2026-12-03')"
                " WHERE id = :id"
            ),
            {"id": planned.id},
        )
        assert resend(connection, planned.commands[KIND])
    run(planned)
    (told,) = world.notifications(planned.id)
    assert (told["state"], told["closed_by"]) == ("resolved", "success")
    assert supplied["date_start_local"] == "2026-12-03"


def test_a_command_that_kills_its_workers_is_given_up(world):
    planned = plan(world, world.order())
    command_id = planned.commands[KIND]
    world.execute(
        "UPDATE commands SET attempts = :n WHERE id = :id", n=len(CRASH_DELAYS_S) + 1, id=command_id
    )
    run(planned)
    assert command_row(command_id)["state"] == "failed"
    (told,) = world.notifications(planned.id)
    assert told["cause"] == "reconcile-times:WorkerDied"


def test_a_message_too_many_does_nothing(world, broker):
    planned = plan(world, world.order())
    run(planned)
    first = world.appointment(planned.id)
    run(planned)
    assert world.appointment(planned.id) == first
    assert broker.llen("mail") == 1


def test_a_worker_that_lost_its_lease_stores_nothing(world, broker):
    planned = plan(world, world.order())
    command_id = planned.commands[KIND]
    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as connection:
            connection.execute(text("SELECT FROM appointments WHERE id = :id FOR UPDATE"), {"id": planned.id})
            working = pool.submit(run, planned)
            eventually(lambda: command_row(command_id)["state"] == "running", what="the worker has its claim")
            let_lease_expire(command_id)
            with database.transaction() as sweeping:
                expire_leases(sweeping, 1)
        working.result(10)
    assert world.appointment(planned.id)["reconciled_at"] is None
    assert command_row(command_id)["state"] == "pending"
    assert command_row(planned.commands["send-confirmation"])["state"] == "waiting"
    assert broker.llen("mail") == 0


def test_a_broker_that_is_away_keeps_nothing_from_being_stored(world):
    from tests.tasks.conftest import celery_on
    from tests.tasks.mail.wire_server import unused_port

    planned = plan(world, world.order())
    with celery_on(f"redis://127.0.0.1:{unused_port()}/0"):
        run(planned)
    assert world.appointment(planned.id)["reconciled_at"] is not None
    mail = command_row(planned.commands["send-confirmation"])
    assert (mail["state"], mail["published_at"]) == ("pending", None)


@pytest.mark.parametrize(
    ("stop", "duration_s"), [("2026-07-11", 864_000), ("2099-07-01", None)], ids=["ten days", "a lifetime"]
)
def test_times_that_are_far_apart_are_stored_and_told(world, stop, duration_s):
    supplied = Supplied.from_json(
        {
            "date_start_local": "2026-07-01",
            "time_start_local": "10:00:00",
            "date_stop_local": stop,
            "time_stop_local": "10:00:00",
        }
    )
    planned = plan(world, world.order(zone="America/New_York"), supplied=supplied)
    run(planned)
    assert world.appointment(planned.id)["time_duration_s"] == duration_s
    assert world.commands(planned.id)["send-confirmation"]["state"] == "pending"
