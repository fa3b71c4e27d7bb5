"""Deployments: a migration never makes callers wait for long, the code of before it runs on its schema, and the
example units run what the Procfile names, with time to stop in."""

import os
import re
import shlex
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from api.preferences import MAX_WAIT_S
from tests.conftest import migrate
from tests.contracts.source import ROOT
from tests.contracts.test_migrations_expand import VERSIONS, contractions
from tests.contracts.test_processes import procfile
from tests.tasks.mail.wire_server import answer, unused_port, wire_server

BLOCKED = "ALTER TABLE commands ADD COLUMN of_this_test integer"
ONE_WAY = """
import os
from importlib import import_module
from pathlib import Path
from celery import current_app
import celeryconfig
import settings
from api.app import create_app
from models.database import engine
from tests.client import ApiClient
from tests.world import World

assert Path(settings.__file__).parent == Path(os.environ["PYTHONPATH"]), "This is not the code of before."
current_app.config_from_object(celeryconfig)
for module in celeryconfig.imports:
    import_module(module)
world = World(engine())
order = world.order(client_email="before@example.com")
reply = ApiClient.in_process(create_app(), world.application_token()).create(
    order_id=order.id, date_start_local="2027-01-04", time_start_local="9:00", time_duration_s=3600
)
assert reply.code == 200, reply.body
made = reply.appointment["id"]
for kind in ("reconcile-times", "send-confirmation"):
    current_app.tasks[kind].apply(args=(world.commands(made)[kind]["id"],), throw=True)
print({kind: row["state"] for kind, row in world.commands(made).items()})
"""
"""A create and what follows from it, by names that do not change: the door, and the tasks' names in messages."""


@contextmanager
def scratch_database(postgres_url: str, name: str) -> Iterator[str]:
    """A migrated database of its own."""
    url = make_url(postgres_url)
    admin = create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
        own = url.set(database=name).render_as_string(hide_password=False)
        try:
            migrate(own)
            yield own
        finally:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    admin.dispose()


def head() -> tuple[str, Path]:
    """The newest revision, and its file."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    newest = ScriptDirectory.from_config(Config(str(ROOT / "alembic.ini"))).get_revision("head")
    assert newest is not None
    return newest.revision, Path(newest.path)


def alembic(configuration: Path, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alembic", "-c", str(configuration), "upgrade", "heads"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_migration_behind_a_lock_gives_up_in_seconds_and_can_be_run_again(
    postgres_url: str, tmp_path: Path
) -> None:
    (tmp_path / "of_this_test.py").write_text(
        "from alembic import op\n"
        f'revision, down_revision, branch_labels, depends_on = "of_this_test", "{head()[0]}", None, None\n'
        f"def upgrade():\n    op.execute({BLOCKED!r})\n"
    )
    configuration = tmp_path / "alembic.ini"
    configuration.write_text(
        f"[alembic]\nscript_location = {ROOT / 'migrations'}\nprepend_sys_path = {ROOT}\npath_separator = os\n"
        f"version_locations = {ROOT / 'migrations/versions'}{os.pathsep}{tmp_path}\n"
    )
    with scratch_database(postgres_url, "behind_a_lock") as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as reading:
            reading.execute(text("SELECT count(*) FROM commands"))
            started = time.monotonic()
            blocked = alembic(configuration, url)
            assert time.monotonic() - started < 12
            assert blocked.returncode != 0
            assert "lock timeout" in blocked.stderr
        again = alembic(configuration, url)
        assert again.returncode == 0, again.stderr
        with engine.connect() as connection:
            connection.execute(text("SELECT of_this_test FROM commands"))
        engine.dispose()


def git(*arguments: str) -> bytes | None:
    """What git prints, or None where it cannot say."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False, timeout=30)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def commit_before(migration: Path) -> str | None:
    """The last commit without this migration; None where there is no history."""
    added = git("log", "--diff-filter=A", "--format=%H", "-1", "--", str(migration))
    if added is None:
        return None
    # Not yet committed: what is checked out without it.
    before = git(
        "rev-parse", "--verify", "--quiet", f"{added.decode().strip()}^" if added.strip() else "HEAD"
    )
    return before.decode().strip() if before else None


def test_the_code_before_the_newest_migration_runs_on_its_schema(
    configured: None, postgres_url: str, tmp_path: Path
) -> None:
    newest = head()[1]
    before = commit_before(newest)
    archive = before and git("archive", "--format=tar", before)
    if not archive:
        print(  # noqa: T201 - the reader of the test's output should know
            f"There is no history here: the code before {newest.name} cannot be run. Its form is checked only."
        )
        assert [path.name for path in VERSIONS if contractions(path.read_text())] == []
        return
    with tarfile.open(fileobj=BytesIO(archive)) as exported:
        # Python 3.11.2 and 3.11.3 know no filters; what git packed is our own.
        exported.extraction_filter = getattr(tarfile, "data_filter", None)
        exported.extractall(tmp_path)
    assert not (tmp_path / newest.relative_to(ROOT)).exists()
    accepted = answer([{"email": "before@example.com", "status": "sent", "_id": "0123456789abcdef"}])
    with scratch_database(postgres_url, "side_by_side") as url, wire_server(accepted) as mandrill:
        ran = subprocess.run(
            [sys.executable, "-c", ONE_WAY],
            cwd=tmp_path,
            env={
                **os.environ,
                "DATABASE_URL": url,
                "REDIS_URL": f"redis://127.0.0.1:{unused_port()}/0",
                "MANDRILL_URL": mandrill.url,
                "MANDRILL_API_KEY": "sandbox-key",
                "PYTHONPATH": str(tmp_path),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.splitlines()[-1] == "{'reconcile-times': 'done', 'send-confirmation': 'done'}"
        assert len(mandrill.requests) == 1


UNITS = {
    "web": "appointments-web.service",
    "worker-clocks": "appointments-worker-clocks@.service",
    "worker-mail": "appointments-worker-mail@.service",
    "relay": "appointments-relay@.service",
    "beat": "appointments-beat.service",
    "flower": "appointments-flower.service",
}
EXPORTER = "appointments-metrics.service"
"""Only for hosts without a web process, which serves the metrics of its whole host."""
MIGRATION = "appointments-migrate.service"
"""The release step; it ends."""
OF_ONE_HOST = {"--hostname", "--schedule", "--graceful-timeout"}
"""Options whose value a unit chooses for itself."""


def entries(unit: str) -> dict[str, str]:
    """The settings of a unit by name."""
    return dict(re.findall(r"^(\w+)=(.*)$", (ROOT / "deploy" / unit).read_text(), re.MULTILINE))


def without_own_options(words: list[str]) -> list[str]:
    return [
        word
        for before, word in zip(["", *words], words, strict=False)
        if word not in OF_ONE_HOST and before not in OF_ONE_HOST
    ]


def test_every_process_of_production_has_a_unit() -> None:
    assert procfile().keys() - UNITS.keys() == {"mandrill"}
    assert {path.name for path in (ROOT / "deploy").glob("*.service")} == {
        *UNITS.values(),
        EXPORTER,
        MIGRATION,
    }


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_runs_what_the_procfile_names(name: str) -> None:
    command = shlex.split(entries(UNITS[name])["ExecStart"])
    command[0] = Path(command[0]).name
    assert without_own_options(command) == without_own_options(procfile()[name])


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_again_whatever_ended_and_asks_before_it_kills(name: str) -> None:
    unit = entries(UNITS[name])
    assert (unit["Restart"], unit["StartLimitIntervalSec"], unit["KillMode"]) == ("always", "0", "mixed")
    assert "KillSignal" not in unit


@pytest.mark.parametrize("name", ["worker-clocks", "worker-mail"])
def test_a_worker_may_finish_its_longest_task_before_it_is_killed(configured: None, name: str) -> None:
    import celeryconfig

    assert int(entries(UNITS[name])["TimeoutStopSec"]) > celeryconfig.task_time_limit


def test_the_web_process_may_finish_its_requests_before_it_is_killed() -> None:
    unit = entries(UNITS["web"])
    words = shlex.split(unit["ExecStart"])
    graceful_s = int(words[words.index("--graceful-timeout") + 1])
    assert int(unit["TimeoutStopSec"]) > graceful_s > MAX_WAIT_S
