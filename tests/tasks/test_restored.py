"""A restore to an earlier time, with real dumps: what was sent since is not sent again, and what was not is sent."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

import cli.restored
from cli.app import create_app
from models import database
from models.command_claims import expire_leases
from models.command_publishing import take_due
from settings import get_settings
from tasks.catalogue import KINDS, SEND_CONFIRMATION
from tasks.claims import take
from tasks.reconcile_times import reconcile_times
from tasks.send_mail import mandrill, send_mail
from tests.sandbox.mandrill.conftest import Sandbox
from tests.servers import Server, client_path
from tests.tasks.planned import Planned, let_lease_expire, plan
from tests.world import MadeOrder, World

pytestmark = [pytest.mark.usefixtures("database", "broker"), pytest.mark.timeout(60)]

Flask = Callable[..., dict[str, Any]]


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """The Mandrill that outlives a restore: it knows what was sent."""
    running = Sandbox(tmp_path / "mandrill.sqlite")
    monkeypatch.setenv("MANDRILL_URL", f"{running.url}/api/1.0")
    monkeypatch.setenv("MANDRILL_API_KEY", "sandbox-key")
    forget_settings()
    yield running
    monkeypatch.undo()
    forget_settings()
    running.stop()


@pytest.fixture
def backup(postgres_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["Backup"]:
    """Dumps of the tests' database, restored beside it."""
    made = Backup(postgres_server, tmp_path, monkeypatch)
    yield made
    forget_database()
    monkeypatch.undo()
    forget_settings()
    made.drop_databases()


@pytest.fixture
def flask(monkeypatch: pytest.MonkeyPatch) -> Flask:
    """`flask("--dry-run")` is `flask restored --json --dry-run`; fails with what it says."""
    monkeypatch.setattr(cli.restored, "WATCHED_FOR_S", 0)

    def run(*options: str) -> dict[str, Any]:
        done = create_app().test_cli_runner().invoke(args=["restored", "--json", *options])
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    return run


def forget_settings() -> None:
    get_settings.cache_clear()
    mandrill.cache_clear()


def forget_database() -> None:
    database.engine().dispose()
    database.forget_engine()


class Backup:
    """What an operator does with PostgreSQL's own programs."""

    def __init__(self, server: Server, directory: Path, patch: pytest.MonkeyPatch) -> None:
        self.server, self.directory, self.patch = server, directory, patch
        self.url = make_url(server.url).set(drivername="postgresql")
        self.restored: list[str] = []

    def program(self, name: str, *arguments: str, of: str | None = None) -> None:
        """Of the server's own version where it has the program, else whichever is on the PATH."""
        where = shutil.which(name, path=client_path(self.server))
        assert where, f"{name} is neither beside the server nor on the PATH."
        url = self.url.set(database=of or self.url.database).render_as_string(hide_password=False)
        done = subprocess.run(
            [where, *arguments, "--dbname", url] if name != "psql" else [where, url, *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=30,
            env={"PATH": os.defpath},
        )
        assert done.returncode == 0, done.stderr

    def dump(self) -> Path:
        """The whole database, in one file."""
        file = self.directory / "appointments.dump"
        self.program("pg_dump", "--format=custom", f"--file={file}")
        return file

    def restore(self, file: Path) -> World:
        """The dump as a new database, on which the product works from now on."""
        name = f"restored_{os.getpid()}_{len(self.restored)}"
        self.restored.append(name)
        self.server.described.create_database(name)
        self.program("pg_restore", "--no-owner", "--exit-on-error", str(file), of=name)
        self.patch.setenv(
            "DATABASE_URL", make_url(self.server.url).set(database=name).render_as_string(False)
        )
        forget_settings()
        forget_database()
        return World(database.engine())

    def drop_databases(self) -> None:
        """Remove what was restored."""
        for name in self.restored:
            self.program("psql", "--quiet", "--command", f'DROP DATABASE "{name}" WITH (FORCE)')


def work(world: World) -> None:
    """What relay and workers do, and time that goes by, until nothing is left to be done."""
    for _ in range(12):
        with database.transaction() as connection:
            due = take_due(connection, 100, room=2_000)
        for one in due:
            if one.kind == "reconcile-times":
                reconcile_times(one.id)
            else:
                send_mail(KINDS[one.kind], one.id)
        world.execute(
            "UPDATE commands SET available_at = now(), published_at = NULL, publishes = 0"
            " WHERE state IN ('pending', 'unknown') AND available_at < '8000-01-01'"
        )
    assert world.rows("SELECT id, state FROM commands WHERE state NOT IN ('done', 'failed', 'unknown')") == []


def create(world: World, name: str) -> tuple[MadeOrder, Planned]:
    order = world.order(client_email=f"{name}@example.com")
    return order, plan(world, order)


def mails_to(sandbox: Sandbox, name: str) -> int:
    return sandbox.json("/inbox.json", to=f"{name}@example.com")["count"]


def end_of_the_lease(command_id: int) -> None:
    """Its worker is gone for good, and the sweep has found that."""
    let_lease_expire(command_id)
    with database.transaction() as connection:
        assert expire_leases(connection, get_settings().unknown_grace_s) == 1


def test_nothing_that_was_sent_after_the_dump_is_sent_again(
    world: World, sandbox: Sandbox, backup: Backup, flask: Flask
) -> None:
    create(world, "sent-before")
    work(world)
    _, waits = create(world, "waits")  # its times are not computed yet
    _, due = create(world, "due")  # its mail may go out
    reconcile_times(due.commands["reconcile-times"])
    _, later = create(world, "later")  # its mail was turned away once
    reconcile_times(later.commands["reconcile-times"])
    sandbox.order("503", match={"to": "later@example.com"})
    send_mail(KINDS["send-confirmation"], later.commands["send-confirmation"])
    create(world, "fails")
    sandbox.order("rejected=hard-bounce", match={"to": "fails@example.com"})
    dump = backup.dump()

    _, lost = create(world, "lost")
    world.execute(  # this one never went out before the disk broke
        "UPDATE commands SET state = 'failed' WHERE id = :id", id=waits.commands["send-confirmation"]
    )
    work(world)
    names = ("sent-before", "due", "later", "lost")
    assert {name: mails_to(sandbox, name) for name in names} == dict.fromkeys(names, 1)
    assert mails_to(sandbox, "waits") == 0

    restored = backup.restore(dump)
    assert restored.rows("SELECT id FROM appointments WHERE id = :id", id=lost.id) == []
    looked = flask("--dry-run")
    assert (looked["mails"], looked["failed"], looked["too_old"]) == (4, 0, False)
    assert restored.rows("SELECT id FROM commands WHERE state = 'unknown'") == []
    assert {**flask(), "dry_run": True} == looked
    work(restored)
    assert {name: mails_to(sandbox, name) for name in names} == dict.fromkeys(names, 1)
    assert mails_to(sandbox, "waits") == 1, "Mandrill has no such mail, so it is sent."
    assert sandbox.json("/inbox.json", duplicates=1)["count"] == 0
    assert restored.commands(waits.id)["send-confirmation"]["state"] == "done"
    found = restored.row("SELECT outcome, detail FROM emails WHERE appointment_id = :id", id=due.id)
    assert found == {"outcome": "accepted", "detail": "found: sent"}
    _, new = create(restored, "new")
    assert new.id > lost.id + 1000
    work(restored)
    assert mails_to(sandbox, "new") == 1


def test_a_mail_that_a_worker_had_and_the_dump_does_not_know_as_handed_over_is_not_sent_again(
    world: World, sandbox: Sandbox, backup: Backup, flask: Flask
) -> None:
    _, taken = create(world, "taken")
    reconcile_times(taken.commands["reconcile-times"])
    command_id = taken.commands["send-confirmation"]
    assert take(SEND_CONFIRMATION, command_id) is not None
    dump = backup.dump()
    end_of_the_lease(command_id)
    work(world)
    assert mails_to(sandbox, "taken") == 1

    restored = backup.restore(dump)
    flask()
    end_of_the_lease(command_id)
    work(restored)
    assert mails_to(sandbox, "taken") == 1
    assert restored.commands(taken.id)["send-confirmation"]["state"] == "done"


def test_without_the_procedure_they_would_be_sent_twice(
    world: World, sandbox: Sandbox, backup: Backup
) -> None:
    """What the command is for: the blind resend of a restored queue is real."""
    create(world, "due")
    dump = backup.dump()
    work(world)
    work(backup.restore(dump))
    assert mails_to(sandbox, "due") == 2


def test_where_the_search_does_not_reach_back_people_decide(
    world: World, sandbox: Sandbox, backup: Backup, flask: Flask
) -> None:
    _, old = create(world, "old")
    world.execute("UPDATE commands SET created_at = now() - interval '8 days'")
    world.execute(
        "UPDATE commands SET state = 'failed' WHERE id = :id",
        id=create(world, "bad")[1].commands["send-confirmation"],
    )
    world.execute("UPDATE commands SET created_at = now() - interval '8 days'")
    world.execute(
        "INSERT INTO notifications (status, subject_key, cause, message, command_id)"
        " SELECT 'mandrill-email-failed', 'x', 'invalid', 'm', id FROM commands WHERE state = 'failed'"
    )
    assert flask()["too_old"] is True
    work(world)
    assert mails_to(sandbox, "old") == 0
    mail = world.commands(old.id)["send-confirmation"]
    assert (mail["state"], mail["available_at"].year) == ("unknown", 9000)
    assert (
        world.row(
            "SELECT may_have_been_sent FROM notifications WHERE command_id IS NOT NULL AND status ="
            " 'mandrill-email-failed' AND subject_key = 'x'"
        )["may_have_been_sent"]
        is True
    )


def test_it_refuses_while_a_process_lives(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    beat = "INSERT INTO heartbeats (name, kind, pid, release) VALUES ('relay@host', 'relay', 1, 'r')"
    beat += " ON CONFLICT (name) DO UPDATE SET beat_at = now()"
    world.execute(beat)
    monkeypatch.setattr(cli.restored.time, "sleep", lambda _: world.execute(beat))
    with world.engine.connect():  # as a process that lives keeps one
        done = create_app().test_cli_runner().invoke(args=["restored"])
    assert done.exit_code == 1
    assert "Stop relay, beat and workers first" in done.stderr
    assert "relay@host" in done.stderr
