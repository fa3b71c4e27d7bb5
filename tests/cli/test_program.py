"""The `flask` program as people call it: exit statuses, where words go, and no tracebacks."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import text

from cli.failures import Failure, told_in_sentences
from sandbox.ports import free_port
from tests.stack import ROOT
from tests.world import World

Run = Callable[..., Result]

FLASK = str(Path(sys.executable).with_name("flask"))


def flask(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [FLASK, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=30,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_the_program_finds_its_commands_in_the_projects_directory() -> None:
    done = flask("--help")
    assert done.returncode == 0
    for command in ("clock", "demo", "doctor", "import", "notifications", "routes", "tokens"):
        assert f"\n  {command} " in done.stdout


def test_standard_output_is_one_json_value(database: None, tmp_path: Path) -> None:
    done = flask("demo", "seed", "--json", VAR_DIR=str(tmp_path))
    assert done.returncode == 0
    assert "session_tokens" in json.loads(done.stdout)


def test_a_database_that_is_away_is_told_in_a_sentence(tmp_path: Path) -> None:
    away = f"postgresql://postgres:hush@127.0.0.1:{free_port()}/x"
    done = flask("tokens", "list", "--json", DATABASE_URL=away, VAR_DIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: The database does not answer: ")
    assert done.stderr.endswith("; set DATABASE_URL or start `make run`.\n")
    assert "hush" not in done.stderr


def test_a_setting_that_cannot_be_used_is_named_without_its_value(tmp_path: Path) -> None:
    done = flask("tokens", "list", DATABASE_URL="mysql://root:hush@host/x", VAR_DIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("Error: DATABASE_URL must be a PostgreSQL URL")
    assert "hush" not in done.stderr


def test_a_directory_that_cannot_be_written_is_named(run: Run, var_dir: Path) -> None:
    var_dir.write_text("a file, not a directory")
    result = run("demo", "seed")
    assert result.exit_code == 1
    assert "set VAR_DIR" in result.stderr


def test_a_database_without_tables_is_told_what_to_run(run: Run, world: World) -> None:
    world.execute("ALTER TABLE tokens RENAME TO hidden")
    try:
        result = run("tokens", "list")
    finally:
        world.execute("ALTER TABLE hidden RENAME TO tokens")
    assert result.exit_code == 1
    assert "alembic upgrade head" in result.stderr


def test_records_that_others_hold_are_told_of_in_a_sentence(world: World) -> None:
    with world.engine.begin() as holder, pytest.raises(Failure, match="try again"), told_in_sentences():
        holder.execute(text("LOCK TABLE tokens"))
        with world.engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '20ms'"))
            connection.execute(text("SELECT FROM tokens"))


@pytest.mark.parametrize("arguments", [("tokens", "frobnicate"), ("import",), ("demo", "seed", "--fast")])
def test_bad_usage_is_exit_status_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2
