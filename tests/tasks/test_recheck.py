"""New time zone rules: what people were told stays, UTC and office times move, the past is left alone."""

from datetime import UTC, date, datetime, time

import pytest

from models.clock import tzdata_version
from tasks.door import reconcile_again
from tasks.recheck import count_outdated, recheck_batch
from tasks.reconcile_times import reconcile_times
from tests.client import ApiClient
from tests.world import World

pytestmark = pytest.mark.usefixtures("database")


def edmonton(api: ApiClient, world: World, day: str = "2027-01-12", **more: object) -> int:
    """An appointment at 9:00 in Edmonton, reconciled, then set back to the rules of 2025b."""
    order = world.order(zone="America/Edmonton")
    reply = api.create(
        order_id=order.id, date_start_local=day, time_start_local="9:00", time_duration_s=5400, **more
    )
    made = reply.appointment["id"]
    reconcile_times(world.commands(made)["reconcile-times"]["id"])
    world.execute(
        "UPDATE appointments SET tzdata_version = '2025b', time_start_utc = '16:00', time_stop_utc = '17:30',"
        " time_start_office = '9:00', time_stop_office = '10:30', starts_at = starts_at + interval '1 hour',"
        " stops_at = stops_at + interval '1 hour', discrepancies = '[]' WHERE id = :id",
        id=made,
    )
    return made


def test_the_wall_time_stays_and_utc_and_office_move(api: ApiClient, world: World) -> None:
    made = edmonton(api, world)
    assert count_outdated() == 1
    batch = recheck_batch(0, 100, dry_run=False)
    assert (batch.seen, [moved.appointment_id for moved in batch.moved]) == (1, [made])
    row = world.appointment(made)
    assert (row["time_start_local"], row["time_start_utc"], row["time_start_office"]) == (
        time(9),
        time(15),
        time(8),
    )
    assert row["starts_at"] == datetime(2027, 1, 12, 15, tzinfo=UTC)
    assert row["tzdata_version"] == tzdata_version()
    told = [(n["status"], n["severity"]) for n in world.notifications(made)]
    assert told == [("clock-tz-rules-changed", "low")] * 2
    assert count_outdated() == 0


def test_a_supplied_utc_time_moves_too_and_a_rerun_does_not_bring_it_back(
    api: ApiClient, world: World
) -> None:
    made = edmonton(api, world)
    world.execute(
        "UPDATE appointments SET supplied = supplied || :utc WHERE id = :id",
        utc='{"date_start_utc": "2027-01-12", "time_start_utc": "16:00:00"}',
        id=made,
    )
    recheck_batch(0, 100, dry_run=False)
    first = world.appointment(made)
    assert first["time_start_utc"] == time(15)
    assert first["supplied"]["time_start_utc"] == "16:00:00", "the snapshot of what was sent is never changed"
    rerun(world, made)
    again = world.appointment(made)
    assert {k: v for k, v in again.items() if k != "reconciled_at"} == {
        k: v for k, v in first.items() if k != "reconciled_at"
    }
    assert [n["state"] for n in world.notifications(made)].count("open") == 2


def test_a_dry_run_tells_and_stores_nothing(api: ApiClient, world: World) -> None:
    made = edmonton(api, world)
    before = world.appointment(made)
    batch = recheck_batch(0, 100, dry_run=True)
    assert [moved.appointment_id for moved in batch.moved] == [made]
    assert world.appointment(made) == before
    assert world.notifications(made) == []


def test_the_past_is_left_alone(api: ApiClient, world: World) -> None:
    made = edmonton(api, world, day="2020-01-14")
    before = world.appointment(made)
    assert recheck_batch(0, 100, dry_run=False).seen == 0
    assert world.appointment(made) == before


def test_an_interrupted_recheck_goes_on_where_it_stopped(api: ApiClient, world: World) -> None:
    made = [edmonton(api, world) for _ in range(3)]
    assert recheck_batch(0, 2, dry_run=False).last_id == made[1]
    assert count_outdated() == 1
    assert [moved.appointment_id for moved in recheck_batch(0, 100, dry_run=False).moved] == [made[2]]


def test_a_corrected_property_computes_its_appointments_afresh(api: ApiClient, world: World) -> None:
    order = world.order(zone="America/Denver")
    reply = api.create(
        order_id=order.id, date_start_local="2027-10-22", time_start_local="10:30", time_duration_s=5400
    )
    made = reply.appointment["id"]
    reconcile_times(world.commands(made)["reconcile-times"]["id"])
    assert world.appointment(made)["time_start_utc"] == time(16, 30)
    world.execute("UPDATE properties SET time_zone = 'America/Phoenix' WHERE id = :id", id=order.property_id)
    rerun(world, made, order.property_id)
    row = world.appointment(made)
    assert (row["date_start_local"], row["time_start_local"]) == (date(2027, 10, 22), time(10, 30))
    assert (row["time_start_utc"], row["time_start_office"], row["zone_name"]) == (
        time(17, 30),
        time(11, 30),
        "America/Phoenix",
    )


def rerun(world: World, appointment_id: int, property_id: int | None = None) -> None:
    """Queue another `reconcile-times` for the appointment's property, and do it."""
    if property_id is None:
        property_id = world.row(
            "SELECT o.property_id FROM appointments a JOIN orders o ON o.id = a.order_id WHERE a.id = :id",
            id=appointment_id,
        )["property_id"]
    with world.engine.begin() as connection:
        assert reconcile_again(connection, [property_id], "rerun") == 1
    command = world.row(
        "SELECT id FROM commands WHERE appointment_id = :id AND kind = 'reconcile-times' AND state = 'pending'",
        id=appointment_id,
    )
    reconcile_times(command["id"])


def test_one_that_cannot_be_done_does_not_undo_those_before_it(api: ApiClient, world: World) -> None:
    made = [edmonton(api, world), edmonton(api, world)]
    world.execute(
        """UPDATE appointments SET supplied = '{"date_start_local": "someday"}' WHERE id = :id""", id=made[1]
    )
    with pytest.raises(ValueError, match="someday"):
        recheck_batch(0, 100, dry_run=False)
    assert world.appointment(made[0])["tzdata_version"] == tzdata_version()
    assert count_outdated() == 1
