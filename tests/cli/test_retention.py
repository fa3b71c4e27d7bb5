"""`flask retention`: what is kept for how long, and a run by hand."""

from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from models.retention import RULES
from settings import get_settings
from tests.world import World

Run = Callable[..., Result]
RunJson = Callable[..., Any]


def an_event(world: World, provider_id: str, days_ago: int) -> None:
    world.execute(
        "INSERT INTO mail_events (provider_id, event, at, received_at) VALUES (:id, 'send', now(),"
        " now() - make_interval(days => CAST(:days AS int)))",
        id=provider_id,
        days=days_ago,
    )


def test_show_names_every_rule_with_its_setting_and_the_oldest_row(
    run: Run, run_json: RunJson, world: World
) -> None:
    an_event(world, "m1", 12)
    shown = {row["table"]: row for row in run_json("retention", "show")}
    assert list(shown) == [rule.table for rule in RULES]
    events = shown["mail_events"]
    assert (events["days"], events["setting"]) == (
        get_settings().keep_mail_events_days,
        "KEEP_MAIL_EVENTS_DAYS",
    )
    assert events["oldest"] == world.row("SELECT received_at FROM mail_events")["received_at"].strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
    assert "KEEP_HISTORY_DAYS" in run("retention", "show").stdout


def test_a_run_by_hand_goes_by_the_settings(
    run_json: RunJson, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_event(world, "m1", 40)
    an_event(world, "m2", 20)
    assert run_json("retention", "run")["mail_events"] == 0
    monkeypatch.setenv("KEEP_MAIL_EVENTS_DAYS", "30")
    get_settings.cache_clear()
    assert run_json("retention", "run", "--table", "mail_events") == {"mail_events": 1}
    assert [row["provider_id"] for row in world.rows("SELECT provider_id FROM mail_events")] == ["m2"]


def test_a_table_without_a_rule_is_named_with_those_that_have_one(run: Run) -> None:
    refused = run("retention", "run", "--table", "orders")
    assert refused.exit_code == 1
    assert "no rule for orders" in refused.stderr
    assert "mail_events" in refused.stderr


@pytest.mark.parametrize("minutes", ["nan", "inf", "-inf", "0", "1441"])
def test_minutes_are_a_number_that_ends(run: Run, minutes: str) -> None:
    refused = run("retention", "run", "--minutes", minutes)
    assert refused.exit_code == 2
    assert "Invalid value for '--minutes'" in refused.stderr
