"""One machine that is being brought up: what is to run on it, and what is known of it so far.

The steps (`sandbox.bring_up`) read and fill a `Machine`; the files in VAR_DIR are written from it.
"""

import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import announcement, procfile, servers
from sandbox.environment import ROOT, RunnerSettings, environment_of, told_to_other_terminals
from sandbox.run_directory import RunDirectory
from sandbox.steps import Steps, StopSign
from sandbox.supervised import Supervised
from sandbox.supervision import APP, DATA, Program


@dataclass(frozen=True)
class Plan:
    """What to run. The commands of the schema and of the demo data run once, in the project's directory.

    `demo` prints one JSON object, which becomes `run.json`'s "demo".
    """

    procfile: Path = ROOT / "Procfile"
    migrate: Sequence[str] = (sys.executable, "-m", "alembic", "upgrade", "head")
    demo: Sequence[str] = (sys.executable, "-m", "flask", "--app", "cli.app", "demo", "seed", "--json")
    directory: Path = ROOT


class Machine:
    """One run of the product: its plan and settings, its processes, its servers, its files."""

    def __init__(self, plan: Plan, settings: RunnerSettings, directory: RunDirectory, steps: Steps) -> None:
        """Nothing is started yet. Raises `OSError` and `ProcfileError`, if the Procfile cannot be read."""
        self.plan = plan
        self.settings = settings
        self.directory = directory
        self.steps = steps
        self.stop_sign = StopSign()
        self.commands = procfile.read(plan.procfile)
        if not settings.own_sandbox:
            self.commands.pop(procfile.SANDBOX, None)
        self.environment = environment_of(settings)
        self.processes = Supervised(directory, steps, self.stop_sign, self._refresh_run_files)
        self.postgres: servers.Postgres | None = None
        self.redis: servers.Redis | None = None
        self.demo: dict[str, Any] = {}
        self._has_run_files = False

    @property
    def programs(self) -> list[Program]:
        """Everything that is kept running: our own servers, and the processes of the Procfile."""
        programs = []
        if self.postgres is not None:
            account = self.postgres.account
            programs.append(
                Program.of(
                    "postgres",
                    DATA,
                    self.postgres.command,
                    self.postgres.data,
                    stop_signal="INT",  # PostgreSQL's "fast" stop: it ends its clients' connections
                    user=account.name if account else None,
                )
            )
        if self.redis is not None:
            programs.append(Program.of("redis", DATA, self.redis.command, self.redis.directory))
        return programs + [
            Program(name, APP, command, self.plan.directory) for name, command in self.commands.items()
        ]

    def keep_for_the_next_run(self) -> None:
        """Give every run of this directory the same ports of its servers, and the same secrets of this machine."""
        kept = self.directory.kept()
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

    def run_file(self) -> dict[str, Any]:
        """The content of `run.json`, as things stand."""
        return announcement.run_file(
            self.environment,
            own_sandbox=self.settings.own_sandbox,
            pids=self.processes.pids,
            demo=self.demo,
        )

    def write_run_files(self) -> None:
        """Write `run.json` and `run.env`, from now on also whenever a process was started again."""
        self._has_run_files = True
        self.directory.write_run(self.run_file())
        self.directory.write_environment(
            told_to_other_terminals(self.environment, own_sandbox=self.settings.own_sandbox)
        )

    def stop(self) -> None:
        """Stop everything this run started, and leave its directory."""
        self.processes.stop()
        self.directory.leave()

    def _refresh_run_files(self) -> None:
        if self._has_run_files:
            self.write_run_files()
