"""A real PostgreSQL and a real Redis for the tests, started and stopped by them.

Fixtures (import them in `conftest.py`): `postgres_server`, `redis_server` and their URLs `postgres_url`,
`redis_url`, once per session, on free ports, with data in a private temporary directory that is removed at
the end. No root, no service of the machine and no network beyond loopback is needed; as root PostgreSQL runs
under another account. Tests of failures start servers of their own with `running_postgres` and
`running_redis`, or hurt the shared ones and leave them running: `stop`, `kill`, `restart`, `suspended`.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import processes, servers
from sandbox.servers import Postgres, Redis

_START_WITHIN_S = 30
_STOP_WITHIN_S = 15


class Server:
    """A server process that tests may stop, kill, suspend and start again; its port and data stay."""

    def __init__(self, described: Postgres | Redis, log: Path, options: tuple[str, ...] = ()) -> None:
        """Nothing is started yet. `options` are added to the command line."""
        self.described = described
        self._options = options
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL for SQLAlchemy or redis-py."""
        return self.described.url()

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1."""
        return self.described.port

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "The server is not running."
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process lives; a suspended one does."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and wait until it serves."""
        account = self.described.account if isinstance(self.described, Postgres) else None
        home = self.described.data if isinstance(self.described, Postgres) else self.described.directory
        # A server that was killed a moment ago may hold its memory or its port a little longer.
        for _attempt in range(3):
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    [*self.described.command, *self._options],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=None if account else home,
                    start_new_session=True,
                    preexec_fn=processes.dies_with_parent(signal.SIGINT),  # noqa: PLW1509 - main thread
                    **(account.for_subprocess() if account else {}),
                )
            processes.wait_until(
                lambda: self.described.is_ready() or not self.is_running, within_s=_START_WITHIN_S
            )
            if self.is_running and self.described.is_ready():
                return
            self.kill()
        raise AssertionError(f"The server did not start:\n{self._log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """An orderly stop; clients are cut off. PostgreSQL takes SIGINT for that, Redis SIGTERM."""
        self._end(signal.SIGINT if isinstance(self.described, Postgres) else signal.SIGTERM)

    def kill(self) -> None:
        """`kill -9`, as by the kernel's lack of memory."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """An orderly stop and a start on the same port with the same data."""
        self.stop()
        self.start()

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """The server neither answers nor hangs up (SIGSTOP), as behind a lost network."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def _end(self, sign: int) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, sign)
            try:
                self._process.wait(timeout=_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None


def client_path(server: Server) -> str:
    """A PATH on which the server's own `pg_dump`, `pg_restore` and `psql` come first."""
    assert isinstance(server.described, Postgres)
    programs = server.described.programs
    own = dict.fromkeys((programs.postgres.resolve().parent, programs.directory))
    return os.pathsep.join([*map(str, own), os.environ.get("PATH", os.defpath)])


@contextlib.contextmanager
def running_postgres(**settings: str) -> Iterator[Server]:
    """A fresh PostgreSQL with the empty database `appointments`, stopped and removed at the end.

    `settings` are PostgreSQL's own, by name.
    """
    options = tuple(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
    with reachable_directory() as directory:
        described = servers.prepare_postgres(directory, durable=False)
        try:
            with _running(described, directory / "postgres.log", options) as server:
                described.create_database()
                yield server
        finally:
            described.remove()  # the data may lie outside `directory`


@contextlib.contextmanager
def running_redis(*options: str, durable: bool = False) -> Iterator[Server]:
    """A fresh Redis, stopped and removed at the end; `durable` keeps its keys through `kill`.

    `options` are added to its command line.
    """
    with reachable_directory() as directory:
        described = servers.prepare_redis(directory, durable=durable)
        with _running(described, directory / "redis.log", options) as server:
            yield server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """The session's PostgreSQL."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    """The session's Redis."""
    with running_redis() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres_server: Server) -> str:
    """The URL of the session's empty database, for SQLAlchemy."""
    return postgres_server.url


@pytest.fixture(scope="session")
def redis_url(redis_server: Server) -> str:
    """The URL of the session's Redis, database 0."""
    return redis_server.url


@contextlib.contextmanager
def reachable_directory() -> Iterator[Path]:
    """A temporary directory that other accounts may pass through but not list, removed at the end.

    pytest's own `tmp_path` is closed to PostgreSQL's account when root runs the tests.
    """
    directory = Path(tempfile.mkdtemp(prefix="appointments-test-"))
    directory.chmod(0o711)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _running(described: Postgres | Redis, log: Path, options: tuple[str, ...] = ()) -> Iterator[Server]:
    server = Server(described, log, options)
    try:
        server.start()
        yield server
    finally:
        server.stop()
