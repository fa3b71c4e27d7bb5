"""`make run`: the whole product on one machine, from nothing to a curl line, until Ctrl-C.

    python -m sandbox.run [--procfile Procfile]

Eight steps, each a method of `Run` in the order of this file: ports, PostgreSQL, Redis, schema, demo data,
processes, readiness, run.json. The processes are supervised (`sandbox.supervision`); this program only
starts, watches, tells, and at the end stops what it started and nothing else. What it listens to is
`settings.py`; what it leaves in VAR_DIR is described in `sandbox.run_directory`.

Exit status: 0 after a stop that was asked for, 1 after a start that failed (the reason is printed).
"""

import argparse
import json
import secrets
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO, Any

import psycopg
import redis
from pydantic import ValidationError

from sandbox import announcement, ports, processes, procfile, readiness, servers
from sandbox.environment import METRICS, ROOT, RunnerSettings, environment_of, told_to_other_terminals
from sandbox.run_directory import DirectoryTakenError, RunDirectory
from sandbox.steps import Steps
from sandbox.supervision import APP, DATA, Death, Program, Supervision, SupervisorFailedError

SANDBOX = "mandrill"  # the name in the Procfile of the process that another Mandrill makes needless
NEEDS_NO_SCHEMA = (SANDBOX, "flower")
_TICK_S = 0.5
_PATIENCE_S = 60
_DEATHS_THAT_FAIL_A_START = 3


class StartFailedError(Exception):
    """The start cannot go on; the text says why and what to do."""


class StopRequested(BaseException):
    """Ctrl-C, SIGTERM or SIGHUP arrived during the start."""


@dataclass(frozen=True)
class Plan:
    """What to run. The commands of the schema and of the demo data run once, in the project's directory.

    `demo` prints one JSON object, which becomes `run.json`'s "demo".
    """

    procfile: Path = ROOT / "Procfile"
    migrate: Sequence[str] = (sys.executable, "-m", "alembic", "upgrade", "head")
    demo: Sequence[str] = (sys.executable, "-m", "flask", "--app", "cli.app", "demo", "seed", "--json")
    directory: Path = field(default=ROOT)


class Run:
    """One run of the product, from the first step to the last process stopped."""

    def __init__(self, plan: Plan, settings: RunnerSettings, directory: RunDirectory) -> None:
        """Nothing is started yet."""
        self.plan = plan
        self.settings = settings
        self.directory = directory
        self.steps = Steps(8)
        self.commands = procfile.read(plan.procfile)
        if not settings.own_sandbox:
            self.commands.pop(SANDBOX, None)
        self.stop_asked = False
        self.programs: list[Program] = []
        self.deaths: dict[str, int] = {}
        self.postgres: servers.Postgres | None = None
        self.redis: servers.Redis | None = None
        self.environment = environment_of(settings)
        self.supervision: Supervision | None = None
        self.demo: dict[str, Any] = {}
        self.log_began: dict[str, int] = {}
        self.is_announced = False

    # -- the eight steps

    def start(self) -> None:
        """All steps. Raises `StartFailedError`, `StopRequested`."""
        self.check_ports()
        self.start_postgres()
        self.start_redis()
        self.migrate()
        self.load_demo_data()
        self.name_processes()
        self.wait_for_processes()
        self.write_run_file()

    def check_ports(self) -> None:
        """Step 1: the ports that people know must be free; what a killed run left is ended first."""
        with self.steps.step("Ports") as step:
            left = self.directory.end_leftovers()
            if left:
                self.steps.say(f"      The last run was killed; what it left is stopped: {', '.join(left)}.")
            wanted = [
                (variable, port, process)
                for variable, port, process in (
                    ("PORT", self.settings.port, "web"),
                    ("FLOWER_PORT", self.settings.flower_port, "flower"),
                    ("SANDBOX_PORT", self.settings.sandbox_port, SANDBOX),
                )
                if process in self.commands
            ]
            named: dict[int, str] = {}
            for variable, port, process in wanted:
                if port in named:
                    raise StartFailedError(
                        f"{named[port]} and {variable} are both {port}; give one another port."
                    )
                named[port] = variable
                why_not = ports.why_not(port)
                if why_not is not None:
                    other = ports.free_port(port + 1 if port < 65535 else None)
                    raise StartFailedError(
                        f"Port {port}, on which {process} would listen, {why_not}. "
                        f"Set {variable} to another, for example: make run {variable}={other}"
                    )
            step.done(", ".join(str(port) for port in named) + " are free" if named else "none needed")

    def start_postgres(self) -> None:
        """Step 2: the PostgreSQL of DATABASE_URL, or one of our own; and with it the supervisor.

        Our own Redis is started at the same moment, to save its time.
        """
        with self.steps.step("PostgreSQL") as step:
            kept = self.directory.kept()
            try:
                if self.settings.own_postgres:
                    self.postgres = servers.prepare_postgres(
                        self.directory.path, port=kept.get("postgres_port")
                    )
                    self.environment["DATABASE_URL"] = self.postgres.url()
                if self.settings.own_redis:
                    self.redis = servers.prepare_redis(self.directory.path, port=kept.get("redis_port"))
                    self.environment["REDIS_URL"] = self.redis.url()
            except (servers.PostgresUnavailableError, servers.RedisUnavailableError) as unavailable:
                raise StartFailedError(str(unavailable)) from None
            self._keep(kept)
            self.directory.make_empty(METRICS)
            self.programs = self._all_programs()
            self._start_supervision(DATA)
            if self.postgres is None:
                if why_not := _why_unreachable(self.settings.database_url):
                    raise StartFailedError(f"the server of DATABASE_URL does not answer: {why_not}")
                step.done("that of DATABASE_URL")
            else:
                self._wait("postgres", self.postgres.is_ready)
                self.postgres.create_database()
                step.done(f"{self.postgres.note}, port {self.postgres.port}")

    def start_redis(self) -> None:
        """Step 3: the Redis of REDIS_URL, or one of our own."""
        with self.steps.step("Redis") as step:
            if self.redis is None:
                if why_not := _why_redis_is_away(self.settings.redis_url):
                    raise StartFailedError(f"the server of REDIS_URL does not answer: {why_not}")
                step.done("that of REDIS_URL")
            else:
                self._wait("redis", self.redis.is_ready)
                step.done(f"{self.redis.note}, port {self.redis.port}")

    def migrate(self) -> None:
        """Step 4: the schema, while the processes that need none begin to start."""
        with self.steps.step("Schema") as step:
            self._start_programs([name for name in NEEDS_NO_SCHEMA if name in self.commands])
            with tempfile.TemporaryFile("w+") as output:
                self._finish(self._begin(self.plan.migrate, output, "migrate"), "migrate")
            step.done(f"up to date: {_shown(self.plan.migrate)}")

    def load_demo_data(self) -> None:
        """Step 5: the demo data, while the other processes begin to start."""
        with self.steps.step("Demo data") as step:
            with tempfile.TemporaryFile("w+") as output:
                seeding = self._begin(self.plan.demo, output, "demo")
                self._start_programs([name for name in self.commands if name not in NEEDS_NO_SCHEMA])
                self._finish(seeding, "demo")
                output.seek(0)
                try:
                    self.demo = json.load(output)
                except ValueError:
                    raise StartFailedError(
                        f"'{_shown(self.plan.demo)}' did not print one JSON object; "
                        f"its other output is in {self.directory.logs / 'demo.log'}."
                    ) from None
            step.done(f"loaded: {_shown(self.plan.demo)}")

    def name_processes(self) -> None:
        """Step 6: the processes of the Procfile, all started by now."""
        with self.steps.step("Processes") as step:
            step.done(", ".join(self.commands))

    def wait_for_processes(self) -> None:
        """Step 7: wait until the web server, the sandbox, Flower and the workers do their work.

        Without the web server there is nothing to use and the start fails; for the others a sentence says
        where to look.
        """
        with self.steps.step("Ready") as step:
            missing = []
            for name, is_ready in self._readiness().items():
                try:
                    self._wait(name, is_ready)
                except StartFailedError as failed:
                    if name == "web":
                        raise
                    missing.append(name)
                    self.steps.say(str(failed))
            ready = [name for name in self._readiness() if name not in missing]
            step.done(", ".join(ready) or "nothing to wait for")

    def write_run_file(self) -> None:
        """Step 8: `run.json` for scripts and `run.env` for commands in another terminal."""
        with self.steps.step("Run file") as step:
            self._write_run_files()
            self.is_announced = True
            step.done(str(self.directory.path / "run.json"))
        self.steps.say(
            announcement.block(
                self._run_file(), own_sandbox=self.settings.own_sandbox, seconds=self.steps.elapsed_s
            )
        )

    # -- after the start

    def watch(self) -> None:
        """Until a stop is asked for: say a word about every process that dies and is started again."""
        pause_s = 1.0
        while not self.stop_asked:
            time.sleep(_TICK_S)
            try:
                self._tell_events()
            except SupervisorFailedError:
                if self._supervision().is_alive or self.stop_asked:
                    continue
                self.steps.say(f"The supervisor itself died; everything is started again in {pause_s:.0f} s.")
                self._supervision().stop()
                if processes.wait_until(lambda: self.stop_asked, within_s=pause_s):
                    continue
                pause_s = min(pause_s * 2, 30)
                self._start_again()

    def stop(self) -> None:
        """Stop everything this run started; at most about ten seconds."""
        if self.supervision is not None:
            began = time.monotonic()
            self.steps.say("Stopping ...")
            self.supervision.stop()
            self.steps.say(f"Everything this run started is stopped ({time.monotonic() - began:.1f} s).")
        self.directory.leave()

    def ask_to_stop(self, _signal: int, _frame: FrameType | None) -> None:
        """The signal handler: the stop happens where the program next looks."""
        self.stop_asked = True

    def _start_again(self) -> None:
        try:
            self._start_supervision(DATA)
            self._start_programs(list(self.commands))
            self._write_run_files()
        except (StartFailedError, StopRequested, SupervisorFailedError) as failed:
            self.steps.say(str(failed))

    # -- processes

    def _all_programs(self) -> list[Program]:
        programs = []
        if self.postgres is not None:
            # SIGINT is PostgreSQL's "fast" stop: it ends its clients' connections and does not wait.
            programs.append(
                Program.of(
                    "postgres",
                    DATA,
                    self.postgres.command,
                    self.postgres.data,
                    stop_signal="INT",
                    user=self.postgres.account.name if self.postgres.account else None,
                )
            )
        if self.redis is not None:
            programs.append(Program.of("redis", DATA, self.redis.command, self.redis.directory))
        return programs + [
            Program(name, APP, command, self.plan.directory) for name, command in self.commands.items()
        ]

    def _start_supervision(self, group: str) -> None:
        self.supervision = Supervision(self.programs, logs=self.directory.logs, environment=self.environment)
        try:
            self.supervision.start()
        except SupervisorFailedError as failed:
            raise StartFailedError(str(failed)) from None
        self._start_programs([program.name for program in self.programs if program.group == group])

    def _start_programs(self, names: Sequence[str]) -> None:
        supervision = self._supervision()
        for name in names:
            log = supervision.log_of(name)
            self.log_began[name] = log.stat().st_size if log.exists() else 0
        supervision.start_programs(names)
        self.directory.remember_started(supervision.pid, supervision.pids)

    def _supervision(self) -> Supervision:
        if self.supervision is None:
            raise SupervisorFailedError("The supervisor is not started yet.")
        return self.supervision

    def _tell_events(self) -> None:
        supervision = self._supervision()
        events = supervision.events()
        if not events:
            return
        # The files first: whoever reads the word may look there at once.
        self.directory.remember_started(supervision.pid, supervision.pids)
        if self.is_announced:
            self._write_run_files()
        for event in events:
            if isinstance(event, Death):
                self.deaths[event.name] = event.attempt
                self.steps.say(
                    f"{_now()} {event.name} died ({event.how}), for the {_ordinal(event.attempt)} time; "
                    f"it is started again. Its last words are in {supervision.log_of(event.name)}"
                )
            else:
                self.steps.say(f"{_now()} {event.name} runs again as process {event.pid}.")

    def _wait(self, name: str, is_ready: Callable[[], bool], *, within_s: float = _PATIENCE_S) -> None:
        """Wait for a process. Raises `StartFailedError` at the limit or when the process keeps dying."""
        supervision = self._supervision()
        limit = time.monotonic() + within_s
        next_look = 0.0
        while not is_ready():
            if self.stop_asked:
                raise StopRequested
            now = time.monotonic()
            if now >= next_look:
                next_look = now + _TICK_S
                self._tell_events()
            gives_up = self.deaths.get(name, 0) >= _DEATHS_THAT_FAIL_A_START
            if now >= limit or gives_up:
                log = supervision.log_of(name)
                what = "cannot stay alive" if gives_up else f"was not ready after {within_s:.0f} s"
                raise StartFailedError(f"{name} {what}. The end of {log}:\n{readiness.last_lines(log)}")
            time.sleep(0.05)

    def _readiness(self) -> dict[str, Callable[[], bool]]:
        supervision = self._supervision()
        checks: dict[str, Callable[[], bool]] = {}
        for name in self.commands:
            if name == "web":
                checks[name] = lambda: readiness.answers(self.settings.port, "/healthz")
            elif name == SANDBOX:
                checks[name] = lambda: readiness.answers(self.settings.sandbox_port, "/healthz")
            elif name == "flower":
                checks[name] = lambda: readiness.answers(self.settings.flower_port, "/healthcheck")
            elif name.startswith("worker-"):
                checks[name] = lambda name=name: readiness.says_ready(  # type: ignore[misc]
                    supervision.log_of(name), since=self.log_began.get(name, 0)
                )
        return checks

    # -- commands that run once

    def _begin(self, command: Sequence[str], output: IO[str], name: str) -> subprocess.Popen[bytes]:
        with (self.directory.logs / f"{name}.log").open("wb") as log:
            # A session of its own keeps the terminal's Ctrl-C for this program to handle.
            return subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=log,
                cwd=self.plan.directory,
                env=self.environment,
                start_new_session=True,
                preexec_fn=processes.dies_with_parent(),  # noqa: PLW1509 - we have one thread
            )

    def _finish(self, process: subprocess.Popen[bytes], name: str, *, within_s: float = 120) -> None:
        limit = time.monotonic() + within_s
        next_look = 0.0
        try:
            while process.poll() is None and time.monotonic() < limit:
                if self.stop_asked:
                    raise StopRequested
                if time.monotonic() >= next_look:
                    next_look = time.monotonic() + _TICK_S
                    self._tell_events()
                time.sleep(0.02)
        finally:
            if process.poll() is None:
                process.kill()
            status = process.wait()
        if status != 0:
            log = self.directory.logs / f"{name}.log"
            how = f"failed (exit status {status})" if status > 0 else f"was not done after {within_s:.0f} s"
            raise StartFailedError(
                f"'{_shown(process.args)}' {how}. The end of {log}:\n{readiness.last_lines(log)}"
            )

    # -- environment and files

    def _keep(self, kept: Mapping[str, Any]) -> None:
        flower_login = str(kept.get("flower_login") or f"planomatic:{secrets.token_urlsafe(9)}")
        self.environment.setdefault("FLOWER_BASIC_AUTH", flower_login)
        # The sandbox signs with the key that the web processes check with; a value of this machine alone.
        webhook_key = str(kept.get("webhook_key") or secrets.token_urlsafe(24))
        if self.settings.own_sandbox:
            chosen = self.settings.mandrill_webhook_key.get_secret_value()
            self.environment["MANDRILL_WEBHOOK_KEY"] = chosen or webhook_key
        self.directory.keep(
            {
                "postgres_port": self.postgres.port if self.postgres else kept.get("postgres_port"),
                "redis_port": self.redis.port if self.redis else kept.get("redis_port"),
                "flower_login": flower_login,
                "webhook_key": webhook_key,
            }
        )

    def _write_run_files(self) -> None:
        self.directory.write_run(self._run_file())
        self.directory.write_environment(
            told_to_other_terminals(self.environment, own_sandbox=self.settings.own_sandbox)
        )

    def _run_file(self) -> dict[str, Any]:
        return announcement.run_file(
            self.environment,
            own_sandbox=self.settings.own_sandbox,
            pids=self._supervision().pids,
            demo=self.demo,
        )


def run(plan: Plan) -> int:
    """Run the plan until a stop is asked for; returns the exit status."""
    try:
        settings = RunnerSettings()
        directory = RunDirectory(settings.run_directory)
    except ValidationError as invalid:
        return _fail(_sentences(invalid))
    except DirectoryTakenError as taken:
        return _fail(str(taken))
    try:
        this = Run(plan, settings, directory)
    except (OSError, procfile.ProcfileError) as unreadable:
        return _fail(str(unreadable))
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, this.ask_to_stop)
    status = 0
    try:
        this.start()
        this.watch()
    except (StartFailedError, SupervisorFailedError) as failed:
        status = _fail(str(failed))
    except StopRequested:
        pass
    finally:
        this.stop()
    return status


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.run", description="Run the product on one machine."
    )
    parser.add_argument("--procfile", type=Path, default=Plan.procfile, help="the processes to run")
    return run(Plan(procfile=parser.parse_args(arguments).procfile))


def _fail(sentence: str) -> int:
    sys.stdout.flush()
    sys.stderr.write(f"\n{sentence}\n\n")
    return 1


def _sentences(invalid: ValidationError) -> str:
    """What pydantic found, without the values, which may be secrets."""
    faults = invalid.errors(include_input=False, include_url=False)
    return "\n".join(
        ": ".join(filter(None, ("_".join(map(str, fault["loc"])).upper(), fault["msg"]))) for fault in faults
    )


def _why_redis_is_away(redis_url: str) -> str | None:
    """What a Redis client says of the server at this URL; None when it answers."""
    try:
        with redis.Redis.from_url(redis_url, socket_connect_timeout=2, socket_timeout=2) as client:
            client.ping()
    except (redis.RedisError, ValueError) as failure:
        return str(failure)
    return None


def _why_unreachable(database_url: str) -> str | None:
    """What the server or the driver says when we try to connect; neither repeats the password."""
    try:
        psycopg.connect(database_url.replace("+psycopg", "", 1), connect_timeout=5).close()
    except psycopg.Error as refused:
        return " ".join(str(refused).split())
    return None


def _shown(command: Any) -> str:
    parts = [str(part) for part in command]
    return shlex.join(["python" if part == sys.executable else part for part in parts])


def _now() -> str:
    return datetime.now(UTC).astimezone().strftime("%H:%M:%S")


def _ordinal(number: int) -> str:
    endings = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if 10 <= number % 100 <= 20 else endings.get(number % 10, 'th')}"


if __name__ == "__main__":
    sys.exit(main())
