"""The product as real processes, from the same Procfile that `make run` uses, on free ports.

Timers of doubt are scaled down (lease 6 s, grace 1 s) so that a test of a killed worker ends soon.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import urllib3
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from sandbox import procfile
from sandbox.ports import free_port
from tests.client import ApiClient
from tests.servers import Server
from tests.waiting import eventually
from tests.world import World

ROOT = Path(__file__).resolve().parents[1]
TIMERS = {
    "COMMAND_LEASE_S": "6",
    "UNKNOWN_GRACE_S": "1",
    "MANDRILL_READ_TIMEOUT_S": "3",
    "MANDRILL_TOTAL_TIMEOUT_S": "4",
}
NOT_NEEDED = ("flower", "beat")
READY = {
    "web": "Booting worker",
    "worker-clocks": "ready.",
    "worker-mail": "ready.",
    "relay": "relay listens",
    "beat": "beat: Starting",
}
"""What a process writes when it begins to work."""
LOG_TAIL = 10_000
"""So many characters of its log tell why a process did not end well."""


class Stack:
    """Web, workers, relay and the Mandrill sandbox, each of which a test may kill and start again."""

    def __init__(self, database_url: str, redis: Server, directory: Path, extra: dict[str, str]) -> None:
        """Nothing is started yet."""
        self.redis = redis
        self.directory = directory
        self.database_url = database_url
        ports = {name: str(free_port()) for name in ("PORT", "SANDBOX_PORT", "FLOWER_PORT")}
        self.url = f"http://127.0.0.1:{ports['PORT']}"
        self.mandrill_url = f"http://127.0.0.1:{ports['SANDBOX_PORT']}"
        self.environment = {
            **os.environ,
            **ports,
            **TIMERS,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis.url,
            "MANDRILL_URL": f"{self.mandrill_url}/api/1.0",
            "MANDRILL_API_KEY": "sandbox-key",
            "VAR_DIR": str(directory),
            "PROMETHEUS_MULTIPROC_DIR": str(directory / "metrics"),
            "PUBLIC_URL": self.url,
            # What is proven is that requests under way are answered, on a machine that many tests share as well.
            "GUNICORN_CMD_ARGS": "--graceful-timeout 15",
            **extra,
        }
        (directory / "metrics").mkdir(exist_ok=True)
        self.commands = procfile.read(ROOT / "Procfile")
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: list[IO[bytes]] = []
        self._http = urllib3.PoolManager(retries=False, timeout=70)
        self.world = World(create_engine(database_url.replace("postgresql://", "postgresql+psycopg://")))

    # -- processes

    def start(self, name: str) -> None:
        """Start one process of the Procfile, in a process group of its own."""
        log = (self.directory / f"{name}.log").open("ab")
        self._logs.append(log)
        self.processes[name] = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {self.commands[name]}"],
            cwd=ROOT,
            env={**self.environment, "PROCESS_NAME": name},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def start_and_wait(self, *names: str, within_s: float = 30) -> None:
        """Start processes, again perhaps, and wait until they do their work."""
        seen = {name: self.log(name).count(READY[name]) for name in names}
        for name in names:
            self.start(name)
        for name in names:
            eventually(
                lambda name=name: (
                    self.log(name).count(READY[name]) > seen[name]
                    and (name != "web" or self._answers(f"{self.url}/healthz"))
                ),
                within_s=within_s,
                what=f"{name} works",
            )

    def complete(self) -> None:
        """Start again what an earlier test ended, or lost: each test begins with everything, in whatever order."""
        for name in self.ended():
            del self.processes[name]
        missing = [name for name in READY if name not in (*NOT_NEEDED, *self.processes)]
        if missing:
            self.start_and_wait(*missing)

    def terminate(self, *names: str, within_s: float = 20) -> None:
        """SIGTERM as a supervisor sends it, to the first process only; each ends by itself, and in peace.

        One that does not is killed; the failure tells what its threads were doing.
        """
        processes = {name: self.processes.pop(name) for name in names}
        for process in processes.values():
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + within_s
        failures = []
        for name, process in processes.items():
            try:
                status = process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._have_stacks_told(name, process)
                status = f"killed, since it had not ended {within_s} s after SIGTERM"
            if status != 0:
                failures.append(f"{name}: {status}\n{self.log(name)[-LOG_TAIL:]}")
        assert not failures, "\n".join(failures)

    def _have_stacks_told(self, name: str, process: subprocess.Popen[bytes]) -> None:
        """Have Celery and its children write their stacks to the log (`workers/orderly_stop.py`), and kill them."""
        if "workers.app" in self.commands[name]:
            before = len(self.log(name))
            os.killpg(process.pid, signal.SIGUSR2)
            with contextlib.suppress(AssertionError):
                eventually(lambda: "most recent call first" in self.log(name)[before:], within_s=3)
                time.sleep(0.5)  # for those of the others
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)

    @contextlib.contextmanager
    def suspended(self, name: str) -> Iterator[None]:
        """A process and its children neither work nor end (SIGSTOP)."""
        group = self.processes[name].pid
        os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGCONT)

    def ended(self) -> list[str]:
        """Processes that ended although nobody asked them to."""
        return [name for name, process in self.processes.items() if process.poll() is not None]

    def kill(self, name: str) -> None:
        """`kill -9` a process and its children at once."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)

    def stop(self) -> None:
        """SIGTERM to all, then `kill -9` to whoever is left after ten seconds."""
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 10
        for name, process in list(self.processes.items()):
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.kill(name)
        for log in self._logs:
            log.close()
        self.world.engine.dispose()

    def wait_until_ready(self) -> None:
        """Until web and sandbox answer and both workers consume."""
        for url in (f"{self.url}/healthz", f"{self.mandrill_url}/healthz"):
            eventually(lambda url=url: self._answers(url), within_s=30, what=url)
        for name in ("worker-clocks", "worker-mail"):
            eventually(lambda name=name: "ready." in self.log(name), within_s=30, what=f"{name} is ready")

    def log(self, name: str) -> str:
        """What a process has written so far."""
        written = self.directory / f"{name}.log"
        return written.read_text(errors="replace") if written.exists() else ""

    # -- the two doors

    def client(self, token: str | None = None, *, timeout_s: float = 10) -> ApiClient:
        """A client of the web process; without a token, with a new one of an application."""
        return ApiClient.over_http(self.url, token or self.world.application_token(), timeout_s=timeout_s)

    def inbox(self, **query: object) -> dict[str, Any]:
        """What the Mandrill sandbox accepted; `wait_for=n, timeout=s` waits for that many."""
        return self._http.request("GET", f"{self.mandrill_url}/inbox.json", fields=_texts(query)).json()

    def attempts(self, **query: object) -> dict[str, Any]:
        """Every call of messages/send that the sandbox saw."""
        return self._http.request("GET", f"{self.mandrill_url}/attempts.json", fields=_texts(query)).json()

    def order_fault(self, fault: str, count: int = 1, **match: str) -> None:
        """Have the sandbox misbehave for the next `count` matching calls."""
        reply = self._http.request(
            "POST", f"{self.mandrill_url}/admin/faults", json={"fault": fault, "count": count, "match": match}
        )
        assert reply.status < 300, reply.data

    def wait_for_commands(self, appointment_id: int, state: str = "done", *, within_s: float = 20) -> None:
        """Until every command of an appointment is in `state`."""
        eventually(
            lambda: {row["state"] for row in self.world.commands(appointment_id).values()} == {state},
            within_s=within_s,
            what=f"commands of appointment {appointment_id} are {state}",
        )

    def _answers(self, url: str) -> bool:
        assert not self.ended(), f"{self.ended()} ended; see the logs in {self.directory}."
        try:
            return self._http.request("GET", url, timeout=2).status == 200
        except urllib3.exceptions.HTTPError:
            return False


def _texts(query: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in query.items()}


@contextlib.contextmanager
def running_stack(postgres_url: str, redis: Server, directory: Path, **extra: str) -> Iterator[Stack]:
    """A stack on a new database of the given server; `extra` settings go to every process."""
    from tests.conftest import migrate

    name = f"stack_{os.getpid()}_{time.monotonic_ns()}"
    url = make_url(postgres_url)
    admin = create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    admin.dispose()
    own_url = url.set(database=name).render_as_string(hide_password=False)
    migrate(own_url)
    stack = Stack(own_url, redis, directory, extra)
    try:
        for process in stack.commands:
            if process not in NOT_NEEDED:
                stack.start(process)
        stack.wait_until_ready()
        yield stack
    finally:
        stack.stop()
