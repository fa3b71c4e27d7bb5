"""`flask commands`: what is queued, trying it now, and giving it up."""

import pytest

from tests.cli.test_notifications import Failed, Run, RunJson
from tests.world import World


def test_the_list_shows_what_is_not_done_with_addresses_masked(
    run: Run, run_json: RunJson, world: World
) -> None:
    failed = Failed(world)
    world.execute("UPDATE commands SET state = 'done' WHERE kind = 'reconcile-times'")
    [listed] = run_json("commands", "list")
    assert (listed["id"], listed["state"], listed["recipient"]) == (
        failed.command_id,
        "failed",
        "c***@example.com",
    )
    assert len(run_json("commands", "list", "--state", "all")) == 2
    assert run_json("commands", "list", "--kind", "send-change") == []
    assert [one["state"] for one in run_json("commands", "list", "--state", "failed")] == ["failed"]
    words = run("commands", "list").stdout
    assert f"{failed.command_id}" in words
    assert "carla@" not in words


def test_what_may_have_been_sent_is_asked_about(run: Run, world: World) -> None:
    failed = Failed(world, state="unknown")
    refused = run("commands", "retry", str(failed.command_id), input="n\n")
    assert "may have been sent. Send it again?" in refused.stderr
    assert failed.command["state"] == "unknown"
    done = run("commands", "retry", str(failed.command_id), "--yes")
    assert done.stdout == f"Command {failed.command_id} is queued again.\n"
    assert (failed.command["state"], failed.state) == ("pending", "retrying")


def test_dropping_says_what_it_did_and_who_did_it_is_written_down(run: Run, world: World) -> None:
    failed = Failed(world)
    said = run("commands", "drop", str(failed.command_id), "--reason", "cancelled by phone").stdout
    assert said == f"Command {failed.command_id} is dropped; its notification is ignored.\n"
    entry = world.row("SELECT action, via, detail FROM audit_entries WHERE subject = 'command'")
    assert (entry["action"], entry["via"]) == ("drop", "command-line")
    assert entry["detail"]["reason"] == "cancelled by phone"


def test_draining_waits_until_nothing_is_due_or_under_way(run: Run, run_json: RunJson, world: World) -> None:
    Failed(world)
    world.execute("UPDATE commands SET state = 'done' WHERE kind = 'reconcile-times'")
    assert run("commands", "drain").stdout == (
        "Drained: nothing is due or under way; none wait for a later attempt.\n"
    )
    world.execute("UPDATE commands SET state = 'pending', available_at = now() + interval '1 hour'")
    assert run_json("commands", "drain") == {"drained": True, "due": 0, "later": 2, "under_way": 0}
    world.execute("UPDATE commands SET available_at = now()")
    late = run("commands", "drain", "--timeout", "0")
    assert (late.exit_code, late.stdout) == (1, "")
    assert "2 are due and 0 under way" in late.stderr


@pytest.mark.parametrize("timeout", ["nan", "inf", "-inf", "NaN", "-1", "soon"])
def test_a_wait_is_a_number_that_ends(run: Run, timeout: str) -> None:
    refused = run("commands", "drain", "--timeout", timeout)
    assert refused.exit_code == 2
    assert "Invalid value for '--timeout'" in refused.stderr
