"""`flask clock recheck`, and the import of a property that turns out to be elsewhere."""

import json
from typing import Any

from models.clock import tzdata_version
from tasks.reconcile_times import reconcile_times
from tests.cli.conftest import Run
from tests.client import ApiClient
from tests.tasks.test_recheck import edmonton
from tests.world import World


def test_a_dry_run_tells_and_the_recheck_does(api: ApiClient, world: World, run: Run) -> None:
    made = [edmonton(api, world) for _ in range(3)]
    told = run("clock", "recheck", "--dry-run", "--batch", "2")
    assert f"Appointment {made[0]}: start: 2027-01-12 16:00:00 UTC → 2027-01-12 15:00:00 UTC" in told.stdout
    assert "3 appointments rechecked, 3 would move; nothing was stored." in told.stdout
    assert run("clock", "recheck", "--batch", "2").stdout.endswith("3 appointments rechecked, 3 moved.\n")
    assert run("clock", "recheck").stdout.endswith("0 appointments rechecked, 0 moved.\n")


def test_the_summary_is_there_for_scripts(api: ApiClient, world: World, run_json: Any) -> None:
    made = edmonton(api, world)
    summary = run_json("clock", "recheck")
    assert (summary["tzdata"], summary["dry_run"], summary["seen"]) == (tzdata_version(), False, 1)
    assert [item["appointment_id"] for item in summary["moved"]] == [made]


def test_an_import_that_moves_a_property_has_its_appointments_reconciled_again(
    api: ApiClient, world: World, run_json: Any
) -> None:
    order = world.order(zone="America/Denver")
    made = api.create(order_id=order.id, date_start_local="2027-01-05", time_start_local="9:00").appointment[
        "id"
    ]
    reconcile_times(world.commands(made)["reconcile-times"]["id"])
    line = {
        "kind": "order",
        "id": order.id,
        "property": {"address": "1 Ocean Ave", "iana": "America/New_York"},
    }
    summary = run_json("import", "-", input=json.dumps(line))
    assert (summary["properties_changed"], summary["appointments_to_reconcile"]) == (1, 1)
    (queued,) = world.rows("SELECT * FROM commands WHERE state = 'pending' AND kind = 'reconcile-times'")
    reconcile_times(queued["id"])
    row = world.appointment(made)
    assert (row["zone_name"], str(row["time_start_utc"]), str(row["time_start_local"])) == (
        "America/New_York",
        "14:00:00",
        "09:00:00",
    )
