"""Finished commands leave the hot table after some days and stay readable."""

import pytest

from models import database
from models.command_archive import archive_finished
from tasks.archive import archive
from tasks.reconcile_times import reconcile_times
from tests.client import ApiClient
from tests.world import World


def done_command(api: ApiClient, world: World, days_ago: float) -> int:
    """An appointment whose `reconcile-times` was done some days ago; the id of the command."""
    made = api.create().appointment["id"]
    command = world.commands(made)["reconcile-times"]["id"]
    reconcile_times(command)
    world.execute(
        "UPDATE commands SET finished_at = now() - make_interval(days => CAST(:days AS int)) WHERE id = :id",
        days=days_ago,
        id=command,
    )
    return command


def test_what_was_done_more_than_a_week_ago_is_moved(api: ApiClient, world: World) -> None:
    old, young = done_command(api, world, 8), done_command(api, world, 6)
    assert archive()["commands"] == 1
    assert [row["id"] for row in world.rows("SELECT id FROM commands")] == [young]
    assert [row["id"] for row in world.rows("SELECT id FROM commands_archive")] == [old]
    assert len(world.rows("SELECT id FROM all_commands")) == 2


@pytest.mark.parametrize("state", ["pending", "waiting", "failed", "unknown"])
def test_what_may_still_happen_stays(api: ApiClient, world: World, state: str) -> None:
    command = done_command(api, world, 8)
    world.execute("UPDATE commands SET state = :state WHERE id = :id", state=state, id=command)
    assert archive()["commands"] == 0


def test_a_batch_is_bounded_and_the_next_one_goes_on(api: ApiClient, world: World) -> None:
    for _ in range(3):
        done_command(api, world, 8)
    for expected in (2, 1, 0):
        with database.transaction() as connection:
            assert archive_finished(connection, days=7, limit=2) == expected


def test_a_replayed_create_still_tells_of_archived_commands(api: ApiClient, world: World) -> None:
    uuid = "3c9e2f74-6f2b-4d62-9a3b-0f6f0f3f1a11"
    made = api.create(uuid=uuid).appointment["id"]
    reconcile_times(world.commands(made)["reconcile-times"]["id"])
    world.execute("UPDATE commands SET finished_at = now() - interval '8 days'")
    archive()
    (command,) = api.create(uuid=uuid).body["data"]["commands"]
    assert (command["kind"], command["state"]) == ("reconcile-times", "done")
