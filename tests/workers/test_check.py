"""A probe for one background process: by its own sign of life, on its own host."""

import socket
import subprocess
import sys

import pytest
from sqlalchemy import create_engine

from models import heartbeats
from models.heartbeats import SILENT_AFTER_S
from tests.contracts.source import ROOT
from tests.tasks.mail.wire_server import unused_port
from tests.world import World
from workers.check import check, names


def beat(world: World, name: str, age_s: float = 0) -> None:
    with world.engine.begin() as connection:
        heartbeats.beat(connection, name=name, kind="worker", pid=1, release="r42")
    world.execute(
        "UPDATE heartbeats SET beat_at = now() - make_interval(secs => :age) WHERE name = :name",
        age=age_s,
        name=name,
    )


def test_a_process_that_was_heard_of_works(world: World) -> None:
    beat(world, "worker-mail@here")
    found = check("worker-mail", "here")
    assert found.status == 0
    assert found.sentence == "worker-mail works; it was heard of 0 s ago, as release r42."


def test_a_process_that_fell_silent_does_not(world: World) -> None:
    beat(world, "worker-mail@here", age_s=SILENT_AFTER_S + 10)
    found = check("worker-mail", "here")
    assert (found.status, "40 s ago" in found.sentence) == (1, True)
    assert check("worker-mail", "here", silent_after_s=60).status == 0


@pytest.mark.parametrize("name", ["worker-mail@there", "worker-clocks@here"])
def test_another_host_or_process_is_not_this_one(world: World, name: str) -> None:
    beat(world, name)
    found = check("worker-mail", "here")
    assert found.status == 1
    assert "PROCESS_NAME=worker-mail" in found.sentence


def test_without_a_name_or_with_a_wrong_one_those_that_are_known_are_listed(world: World) -> None:
    beat(world, "worker-mail@here"), beat(world, "relay-1@here"), beat(world, "beat@there")
    for found, status in ((check("mail", "here"), 1), (names("here"), 2)):
        assert found.status == status
        assert found.sentence.endswith("Heard of here: relay-1, worker-mail.")
    assert names("nowhere").sentence.endswith("No process of this host was heard of.")


def test_a_database_that_is_away_is_no_reason_to_restart_a_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nowhere = create_engine(f"postgresql+psycopg://nobody@127.0.0.1:{unused_port()}/nothing")
    monkeypatch.setattr("models.database.engine", lambda: nowhere)
    found = check("worker-mail", "here")
    assert (found.status, "database" in found.sentence) == (0, True)


def test_the_command_says_it_and_ends_with_the_status(world: World) -> None:
    beat(world, f"relay@{socket.gethostname()}")
    for name, status, word in (("relay", 0, "works"), ("beat", 1, "never heard of")):
        done = subprocess.run(
            [sys.executable, "-m", "workers.check", name],
            check=False,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert (done.returncode, word in done.stdout, done.stderr) == (status, True, "")
