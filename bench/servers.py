"""The processes of a bench: those of the product, the servers, and the yardsticks beside them.

The yardsticks stand still while the product changes: the echo and the textbook application always run
under gunicorn's own thread worker, 2 processes of 8 threads, and the no-op tasks under the command of the clocks.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg

from sandbox import processes, readiness, servers
from sandbox.ports import free_port
from trials.trial import ROOT, ServerFailedError, Trial, temporary_directory

WORKERS = ("worker-clocks", "worker-mail")
_YARDSTICK = (
    "gunicorn --worker-class gthread --workers 2 --threads 8 --keep-alive 75 --no-control-socket"
    ' --bind 127.0.0.1:$PORT "bench.{name}:create_app()"'
)
_START_WITHIN_S = 40
_STOP_WITHIN_S = 10


class Site(Trial):
    """The running processes, where they listen, and what the bench asks of the database."""

    def __init__(self, directory: Path) -> None:
        """Finds the programs and makes the data; nothing is started yet."""
        super().__init__(directory)
        self.echo_port, self.textbook_port, self.slow_port = free_port(), free_port(), free_port()
        self._commands = {
            **self.commands,
            "echo": _YARDSTICK.format(name="echo"),
            "textbook": _YARDSTICK.format(name="textbook"),
            "slow-mandrill": "python -m bench.slow_mandrill $PORT",
        }
        self._commands["noop"] = self._commands[WORKERS[0]].replace("workers.app", "bench.noop")
        self._ports = {
            "web": self.port,
            "mandrill": self.sandbox_port,
            "echo": self.echo_port,
            "textbook": self.textbook_port,
            "slow-mandrill": self.slow_port,
        }
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    # -- processes

    def start_servers(self) -> None:
        """PostgreSQL and Redis, the schema, and no process of the product yet."""
        self._start("postgres", self.postgres.command, account=self.postgres.account)
        self._start("redis", self.redis.command, cwd=self.redis.directory)
        self._wait("postgres", self.postgres.is_ready)
        self._wait("redis", self.redis.is_ready)
        self.make_schema()

    def run(self, *names: str, **environment: str) -> None:
        """Have exactly these processes run beside the servers, those that run already as they are."""
        self.end(*(name for name in self._processes if name not in (*names, "postgres", "redis")))
        self.need(*names, **environment)

    def need(self, *names: str, **environment: str) -> None:
        """Start those of these processes that do not run yet, and wait until each is ready."""
        started = [name for name in names if name not in self._processes]
        for name in started:
            self._start_command(name, environment)
        for name in started:
            self._wait(name, self._readiness(name))

    def end(self, *names: str) -> None:
        """Stop these processes, if they run, as an operator does."""
        self._end([name for name in names if name in self._processes], signal.SIGTERM)

    def stop_broker(self) -> None:
        """Redis is gone, without a goodbye."""
        self._end(["redis"], signal.SIGKILL)

    def start_broker(self) -> None:
        """Redis is back, and empty."""
        self._start("redis", self.redis.command, cwd=self.redis.directory)
        self._wait("redis", self.redis.is_ready)

    def pids(self, *names: str) -> dict[str, int]:
        """The process ids of the named processes."""
        return {name: self._processes[name].pid for name in names}

    def log(self, name: str) -> str:
        """What a process has written so far."""
        return self.log_path(name).read_text(errors="replace")

    def log_path(self, name: str) -> Path:
        """Where a process writes."""
        return self.directory / f"{name}.log"

    def stop(self) -> None:
        """Stop all processes, the servers last, and remove the data."""
        data: list[str] = [name for name in ("redis", "postgres") if name in self._processes]
        self._end([name for name in self._processes if name not in data], signal.SIGTERM)
        self._end(data, signal.SIGINT)
        self.postgres.remove()

    # -- the database

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with psycopg.connect(self.postgres.url(scheme="postgresql"), autocommit=True) as connection:
            cursor = connection.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    # -- within

    def _start_command(self, name: str, environment: Mapping[str, str]) -> None:
        own = {"PROCESS_NAME": name, "PORT": str(self._ports.get(name, self.port)), **environment}
        self.log_path(name).unlink(missing_ok=True)  # what an earlier one said is not this one's
        self._start(name, ["/bin/sh", "-c", f"exec {self._commands[name]}"], cwd=ROOT, own=own)

    def _readiness(self, name: str) -> Callable[[], bool]:
        if name in self._ports:
            return lambda: readiness.answers(self._ports[name], "/healthz")
        word = "relay listens" if name == "relay" else "ready."
        return lambda: word in self.log(name)

    def _start(
        self,
        name: str,
        command: list[str],
        *,
        cwd: Path | None = None,
        account: servers.Account | None = None,
        own: Mapping[str, str] | None = None,
    ) -> None:
        with self.log_path(name).open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
                cwd=cwd or "/",
                env={**self.environment, **(own or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=processes.dies_with_parent(),  # noqa: PLW1509 - one thread only at this point
                **(account.for_subprocess() if account else {}),
            )

    def _wait(self, name: str, is_ready: Callable[[], bool]) -> None:
        process = self._processes[name]
        ready = processes.wait_until(
            lambda: process.poll() is not None or is_ready(), within_s=_START_WITHIN_S, pause_s=0.05
        )
        if not ready or process.poll() is not None:
            raise ServerFailedError(f"{name} did not start. Its last words:\n{self.log(name)[-1500:]}")

    def _end(self, names: list[str], sign: signal.Signals) -> None:
        for name in names:
            processes.send(self._processes[name].pid, sign)
        deadline = time.monotonic() + _STOP_WITHIN_S
        for name in names:
            process = self._processes.pop(name)
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextlib.contextmanager
def running_site() -> Iterator[Site]:
    """Servers with the newest schema and no process of the product; everything is stopped and removed after.

    Raises `ServerFailedError`, or what the sandbox raises when this machine has no PostgreSQL or Redis.
    """
    with temporary_directory("bench") as directory:
        site = Site(directory)
        try:
            site.start_servers()
            yield site
        finally:
            site.stop()
