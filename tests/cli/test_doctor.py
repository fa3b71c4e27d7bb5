"""`flask doctor`: what is there, what is not, and what to do."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from api.app import create_app as create_api
from models import database as product_database
from sandbox.ports import free_port
from settings import get_settings
from tests.client import ApiClient
from tests.stack import ROOT, Stack
from tests.world import World

SURROUNDINGS = ("data directory", "metrics directory", "public address", "proxies", "metrics")


def examine(environment: dict[str, str]) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit status and the findings by check."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", "doctor", "--json"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    found = json.loads(done.stdout)
    assert found["ok"] == (done.returncode == 0)
    return done.returncode, {finding["check"]: finding for finding in found["checks"]}


def test_a_running_product_is_well(stack: Stack) -> None:
    status, found = examine({**stack.environment, "COMMAND_LEASE_S": "60"})
    assert {name: finding["message"] for name, finding in found.items() if not finding["ok"]} == {}
    assert status == 0
    assert set(found) == {
        *SURROUNDINGS,
        *("settings", "database", "migrations", "relay", "due commands", "mail gate", "broker"),
        *("workers of clocks", "workers of mail", "mandrill destination", "mandrill", "mandrill search"),
        "mandrill webhooks",
    }


def test_what_is_away_is_told_with_what_to_do(database: None, tmp_path: Path) -> None:
    """Database and broker refuse, nothing answers for Mandrill."""
    nowhere = f"127.0.0.1:{free_port()}"
    status, found = examine(
        {
            "DATABASE_URL": f"postgresql://postgres:hush@{nowhere}/x",
            "REDIS_URL": f"redis://:hush@{nowhere}/0",
            "MANDRILL_URL": f"http://{nowhere}/api/1.0",
            "VAR_DIR": str(tmp_path),
        }
    )
    assert status == 1
    assert {name for name, finding in found.items() if finding["ok"]} == {
        *SURROUNDINGS,
        *("settings", "mandrill destination", "mandrill webhooks"),
    }
    assert "DATABASE_URL" in found["database"]["hint"]
    assert "`VAR_DIR=… flask doctor`" in found["database"]["hint"]
    assert "REDIS_URL" in found["broker"]["hint"]
    assert found["mandrill"]["message"].startswith("Mandrill cannot be reached")
    assert "hush" not in json.dumps(found)


def test_each_thing_that_is_not_as_it_should_be_is_found(world: World, tmp_path: Path) -> None:
    """A database of another version with old work, no relay, no workers, a key for another host."""
    ApiClient.in_process(create_api(), world.application_token()).create()
    world.execute("UPDATE commands SET available_at = now() - interval '1 hour'")
    heads = world.rows("SELECT version_num FROM alembic_version")
    world.execute("UPDATE alembic_version SET version_num = '0000'")
    try:
        status, found = examine(
            {
                "DATABASE_URL": product_database.engine().url.render_as_string(hide_password=False),
                "MANDRILL_URL": "https://mandrillapp.com/api/1.0",
                "MAIL_FROM": "nobody",
                "COMMAND_LEASE_S": "30",
                "VAR_DIR": str(tmp_path),
            }
        )
    finally:
        world.execute("UPDATE alembic_version SET version_num = :head", head=heads[0]["version_num"])
    assert status == 1
    assert {name for name, finding in found.items() if finding["ok"]} == {
        *SURROUNDINGS,
        *("database", "mail gate", "broker", "mandrill webhooks"),
    }
    assert "MANDRILL_WEBHOOK_KEY" in found["mandrill webhooks"]["hint"]
    assert "0000" in found["migrations"]["message"]
    assert "alembic upgrade head" in found["migrations"]["hint"]
    assert "1 is due, the oldest for 36" in found["due commands"]["message"]
    assert "workers.relay" in found["relay"]["hint"]
    assert "--queues mail" in found["workers of mail"]["hint"]
    assert "sandbox key" in found["mandrill destination"]["message"]
    assert "MAIL_FROM" in found["settings"]["message"]
    assert "COMMAND_LEASE_S" in found["settings"]["message"]


def test_words_for_people_say_the_same(run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    get_settings.cache_clear()
    result = run("doctor")
    assert result.exit_code == 1
    assert "ok     database: PostgreSQL" in result.stdout
    assert "WRONG  relay: " in result.stdout
    assert "WRONG  workers of mail: Not checked: the broker does not answer." in result.stdout
    assert result.stderr == ""
