"""All processes of a trial of the product, with timers scaled down, kept alive by `World.tend`.

Redis keeps nothing, so that every kill empties it. The mail worker runs twice, because a worker that stalls is
only dangerous while another one goes on.
"""

import contextlib
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import urllib3

from chaos.process import Outage, Process
from sandbox import readiness
from sandbox.ports import LOOPBACK
from trials.trial import ROOT, ServerFailedError, Trial, temporary_directory

LEASE_S, GRACE_S = 8, 2
TOLD = {
    "COMMAND_LEASE_S": str(LEASE_S),
    "UNKNOWN_GRACE_S": str(GRACE_S),
    # Below the lease, as in production: a live sender never outlives it.
    "MANDRILL_READ_TIMEOUT_S": "2",
    "MANDRILL_TOTAL_TIMEOUT_S": "3",
    "PYTHONUNBUFFERED": "1",
}
SEARCH_LAG_S = 1
"""Until Mandrill's search finds a mail that it accepted; below the grace, as it must be."""
SECOND_MAIL_WORKER = "worker-mail-2"
LEFT_OUT = ("flower",)
START_WITHIN_S = 60.0


class World(Trial):
    """All processes of the run. Times are seconds."""

    def __init__(self, directory: Path) -> None:
        """Finds the programs and makes the data; nothing is started yet."""
        super().__init__(directory, durable_broker=False, **TOLD)
        self._http = urllib3.PoolManager(retries=False, timeout=3)
        self.processes = {process.name: process for process in (*self._servers(), *self._product())}

    def __getitem__(self, name: str) -> Process:
        """The process of this name."""
        return self.processes[name]

    @property
    def outages(self) -> list[Outage]:
        """Every outage of every process."""
        return [outage for process in self.processes.values() for outage in process.outages]

    # -- life

    def start(self) -> None:
        """Servers, schema, product; returns when everything is ready. Raises `ServerFailedError`."""
        for name in ("postgres", "redis"):
            self[name].start()
        self._wait(self.postgres.is_ready, "PostgreSQL")
        self._wait(self.redis.is_ready, "Redis")
        self.make_schema()
        for process in self.processes.values():
            if not process.starts:
                process.start()
        for process in self.processes.values():
            self._wait(lambda process=process: bool(process.pid) and process.is_ready(), process.name)  # type: ignore[misc]

    def tend(self) -> None:
        """What a supervisor does: see who died or recovered, and start again."""
        for process in self.processes.values():
            process.tend()

    def heal(self, *, within_s: float) -> bool:
        """Withdraw all faults and wait until everything is up; false when something stays away."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            self.tend()
            if all(outage.until is not None for outage in self.outages):
                with contextlib.suppress(urllib3.exceptions.HTTPError):
                    self._http.request("DELETE", f"{self.sandbox_url}/admin/faults")
                    return True
            time.sleep(0.1)
        return False

    def end(self) -> None:
        """End all processes, the servers last, and remove the data."""
        for name, process in self.processes.items():
            if name not in ("postgres", "redis"):
                process.end(within_s=3)
        for name in ("redis", "postgres"):
            self[name].end(within_s=10)
        self.postgres.remove()

    # -- faults that are not signals

    def order_fault(self, fault: str, count: int, call: str = "messages/send") -> bool:
        """Have the sandbox misbehave for the next `count` calls; false when it is away itself."""
        order = {"fault": fault, "count": count, "match": {"call": call}}
        try:
            return self._http.request("POST", f"{self.sandbox_url}/admin/faults", json=order).status == 201
        except urllib3.exceptions.HTTPError:
            return False

    def flush_redis(self) -> bool:
        """FLUSHALL; false when Redis is away itself."""
        try:
            with socket.create_connection((LOOPBACK, self.redis.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.redis.password}\r\nFLUSHALL\r\n".encode())
                with connection.makefile("rb") as answers:
                    return answers.readline() == b"+OK\r\n" and answers.readline() == b"+OK\r\n"
        except OSError:
            return False

    def inbox(self, **query: str) -> dict[str, object]:
        """The sandbox's `/inbox.json`."""
        reply = self._http.request("GET", f"{self.sandbox_url}/inbox.json", fields=query, timeout=30)
        found: dict[str, object] = reply.json()
        return found

    # -- within

    def _servers(self) -> Iterator[Process]:
        postgres, redis = self.postgres, self.redis
        account = postgres.account.for_subprocess() if postgres.account else {}
        yield self._process("postgres", postgres.command, postgres.is_ready, Path("/"), account)
        yield self._process("redis", redis.command, redis.is_ready, redis.directory)

    def _product(self) -> Iterator[Process]:
        commands = dict(self.commands)
        commands["mandrill"] += f" --search-lag-s {SEARCH_LAG_S}"
        commands[SECOND_MAIL_WORKER] = commands["worker-mail"].replace("mail@%h", "mail-2@%h")
        ready: dict[str, Callable[[], bool]] = {
            "web": lambda: readiness.answers(self.port, "/healthz"),
            "mandrill": lambda: readiness.answers(self.sandbox_port, "/healthz"),
        }
        for name, command in commands.items():
            if name not in LEFT_OUT:
                shell = ["/bin/sh", "-c", f"exec {command}"]
                yield self._process(name, shell, ready.get(name, lambda: True), ROOT)

    def _process(
        self,
        name: str,
        command: list[str],
        is_ready: Callable[[], bool],
        directory: Path,
        account: dict[str, object] | None = None,
    ) -> Process:
        return Process(
            name,
            command,
            {**self.environment, "PROCESS_NAME": name},
            directory,
            self.directory / f"{name}.log",
            is_ready,
            account or {},
            signal.SIGINT if name == "postgres" else signal.SIGTERM,  # SIGTERM would wait for its clients
        )

    def _wait(self, is_ready: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + START_WITHIN_S
        while not is_ready():
            if time.monotonic() > deadline:
                log = self.directory / f"{what}.log"
                raise ServerFailedError(f"{what} did not start. Its last words:\n{readiness.last_lines(log)}")
            time.sleep(0.1)


@contextlib.contextmanager
def running_world(keep_logs: Path | None = None) -> Iterator[World]:
    """A world in which everything is ready; ended and removed after. `keep_logs` gets the logs.

    Raises `ServerFailedError`, or what the sandbox raises when this machine has no PostgreSQL or Redis.
    """
    with temporary_directory("chaos") as directory:
        try:
            world = World(directory)
            try:
                world.start()
                yield world
            finally:
                world.end()
        finally:
            if keep_logs is not None:
                keep_logs.mkdir(parents=True, exist_ok=True)
                for log in directory.glob("*.log"):
                    shutil.copy(log, keep_logs / log.name)
