"""Finished commands leave the hot table after some days and stay readable; a rule that fails stops no other."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DataError

from models import database
from models.command_archive import archive_finished
from models.retention import RULES, Rule
from settings import get_settings
from tasks.archive import archive, archive_task
from tasks.crashes import CommandCrashedError
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


def failing(rule: Rule, tries: list[str]) -> Rule:
    """The rule, with an age that the calendar of PostgreSQL does not reach."""

    def go(connection: Connection, _days: int, _limit: int) -> int:
        tries.append(rule.table)
        return connection.execute(text("SELECT now() - make_interval(days => 1000000000)")).rowcount

    return replace(rule, go=go)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, BaseException]]:
    """What is reported as a crash: of which task, and the error."""
    seen: list[tuple[str, BaseException]] = []
    for module in ("tasks.archive", "tasks.crashes"):
        monkeypatch.setattr(f"{module}.report", lambda task, failure: seen.append((task, failure)))
    return seen


def test_rules_that_fail_are_tried_once_and_told_and_the_others_go_on(
    api: ApiClient, world: World, told: list[tuple[str, BaseException]]
) -> None:
    done_command(api, world, 8)
    tries: list[str] = []
    first, second, third, *_ = RULES
    rules = [failing(second, tries), first, failing(third, tries)]
    with pytest.raises(DataError) as failure:
        archive(rules, rest=lambda _: None)
    assert world.rows("SELECT id FROM commands") == []
    assert tries == [second.table, third.table]
    assert [task for task, _ in told] == ["archive"], "the first is raised, for the caller to tell"
    assert failure.value is not told[0][1]


def test_the_task_does_not_look_successful_when_a_rule_failed(
    api: ApiClient, world: World, told: list[tuple[str, BaseException]], monkeypatch: pytest.MonkeyPatch
) -> None:
    done_command(api, world, 8)
    absurd = get_settings().model_copy(update={"keep_archive_days": 1_000_000_000})
    monkeypatch.setattr("tasks.archive.get_settings", lambda: absurd)
    with pytest.raises(CommandCrashedError, match="ended by DataError"):
        archive_task()
    assert world.rows("SELECT id FROM commands") == []
    assert [(task, type(failure)) for task, failure in told] == [("archive", DataError)] * 3


def test_a_rule_that_failed_is_told_although_the_time_was_up(told: list[tuple[str, BaseException]]) -> None:
    rules = [failing(RULES[0], []), RULES[1]]
    clock = iter([0.0, 0.0, 30.0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tasks.archive.time", SimpleNamespace(monotonic=lambda: next(clock), sleep=None))
        with pytest.raises(DataError):
            archive(rules, for_s=25.0, rest=lambda _: None)
    assert told == []
