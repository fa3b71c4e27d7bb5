"""The supervisor: a `supervisord` of our own, its configuration rendered, its remote interface called.

supervisord starts the processes, starts them again with growing pauses, keeps and rotates their logs, and
ends them in order: the group `app` first, all at once, then the group `data`. This module adds what it
leaves out:

* It runs in a session of its own, so that Ctrl-C in the terminal reaches only the program that started it,
  and the kernel ends it (SIGTERM, an orderly stop) if that program dies without a word.
* It tells how a process died, read from supervisord's log; the remote interface does not say.
* A process that was killed leaves its children behind (Celery's pool processes, for one); they are ended.
"""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from sandbox import processes

DATA, APP = "data", "app"

# Together with two turns of supervisord's loop (a second each) these stay below ten seconds.
STOP_APP_WITHIN_S = 4
STOP_DATA_WITHIN_S = 3
STOP_ALL_WITHIN_S = 9.5

# A process that lives shorter than this is taken for one that cannot start, and supervisord's pause before
# the next attempt grows by a second each time; one that lived longer is started again at once.
SETTLED_AFTER_S = 10
LONGEST_PAUSE_S = 15  # supervisord knows no limit; see `_shorten_pause`
_ENDLESSLY = 1_000_000

_PRIVATE_PREFIX = "appointments-run-"
_EXITED = re.compile(r"exited: (?P<name>\S+) \((?P<how>.*?)(?:; (?:not )?expected)?\)$")


class SupervisorFailedError(Exception):
    """supervisord did not start or does not answer; the text is a sentence."""


@dataclass(frozen=True)
class Program:
    """One process to be kept running. `command` is read by /bin/sh and replaces it (`exec`)."""

    name: str
    group: str
    command: str
    directory: Path
    stop_signal: str = "TERM"
    user: str | None = None

    @classmethod
    def of(cls, name: str, group: str, command: Sequence[str], directory: Path, **rest: Any) -> "Program":
        """The program of an argument list."""
        return cls(name, group, shlex.join(command), directory, **rest)


@dataclass(frozen=True)
class Death:
    """A process ended that should run. `attempt` counts the deaths of this name, from 1."""

    name: str
    how: str
    attempt: int


@dataclass(frozen=True)
class Rebirth:
    """A process was started again under a new id."""

    name: str
    pid: int


class Supervision:
    """A running supervisord and the programs it keeps. Use from the main thread only."""

    def __init__(self, programs: Sequence[Program], *, logs: Path, environment: Mapping[str, str]) -> None:
        """Nothing is started yet. `logs` gets one file per program and `supervisord.log`."""
        self.programs = tuple(programs)
        self.pids: dict[str, int] = {}
        self._logs = logs
        self._environment = dict(environment)
        self._supervisord: subprocess.Popen[bytes] | None = None
        self._private: tempfile.TemporaryDirectory[str] | None = None
        self._last_pids: dict[str, int] = {}
        self._deaths: dict[str, int] = {}
        self._log_read_to = 0

    # -- start

    def start(self, *, within_s: float = 10) -> None:
        """Start supervisord, with no program running yet. Raises `SupervisorFailedError`."""
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._remove_link_and_target()
        # A Unix socket's path may hold about 100 bytes, so it cannot lie in the run's directory.
        base = "/tmp" if os.access("/tmp", os.W_OK | os.X_OK) else None  # noqa: S108 - mkdtemp inside
        self._private = tempfile.TemporaryDirectory(prefix=_PRIVATE_PREFIX, dir=base)
        private = Path(self._private.name)
        self._link.symlink_to(private)
        configuration = self._write_configuration(private)
        log = self._log_file
        self._log_read_to = log.stat().st_size if log.exists() else 0
        with log.open("ab") as out:
            self._supervisord = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd="/",
                env=self._environment,
                start_new_session=True,
                preexec_fn=processes.dies_with_parent(signal.SIGTERM),  # noqa: PLW1509 - we have one thread
            )
        if not processes.wait_until(lambda: self._answers() or not self.is_alive, within_s=within_s) or (
            not self.is_alive
        ):
            self.stop()
            raise SupervisorFailedError(f"supervisord did not start; the reason is at the end of {log}.")

    def start_programs(self, names: Sequence[str]) -> None:
        """Start these programs, without waiting for them."""
        for program in self.programs:
            if program.name in names:
                self._call("startProcess", f"{program.group}:{program.name}", False)
        self._note_pids()

    # -- watch

    @property
    def is_alive(self) -> bool:
        """Whether supervisord itself runs."""
        return self._supervisord is not None and not _has_ended(self._supervisord.pid)

    @property
    def pid(self) -> int | None:
        """The process id of supervisord, which is also the id of the session of all its programs."""
        return self._supervisord.pid if self._supervisord else None

    def events(self) -> list[Death | Rebirth]:
        """What happened since the last call; also brings `pids` up to date. Call it about once a second.

        Raises `SupervisorFailedError` when supervisord is gone.
        """
        before = dict(self._last_pids)
        self._note_pids()
        happened: list[Death | Rebirth] = []
        for name, how in self._deaths_in_log():
            self._deaths[name] = self._deaths.get(name, 0) + 1
            happened.append(Death(name, how, self._deaths[name]))
        for name, pid in self.pids.items():
            if name in before and before[name] != pid:
                happened.append(Rebirth(name, pid))
                self._end_orphans_of(before[name])
        return happened

    def log_of(self, name: str) -> Path:
        """The file with what the program writes to its standard output and error."""
        return self._logs / f"{name}.log"

    # -- stop

    def stop(self) -> None:
        """Stop every program in order, then supervisord; at most about ten seconds. Safe to call twice."""
        supervisord = self._supervisord
        if supervisord is not None:
            limit = time.monotonic() + STOP_ALL_WITHIN_S
            try:
                with self._proxy(patience_s=1) as proxy:
                    proxy.supervisor.shutdown()  # quicker than a signal: it ends a poll
            except (OSError, HTTPException, xmlrpc.client.Error):
                processes.send(supervisord.pid, signal.SIGTERM)
            processes.wait_until(
                lambda: _has_ended(supervisord.pid), within_s=max(0.0, limit - time.monotonic())
            )
            # Not yet reaped, supervisord keeps its id, and thereby the session's id, from being used again:
            # whoever is in that session is ours.
            self._kill_session(supervisord.pid)
            supervisord.kill()
            supervisord.wait()
            self._supervisord = None
        if self._private is not None:
            self._private.cleanup()
            self._private = None
            self._link.unlink(missing_ok=True)
        self.pids.clear()

    @property
    def _link(self) -> Path:
        """`supervisor`, beside the logs: leads to the private directory, also for `supervisorctl -c`."""
        return self._logs.parent / "supervisor"

    def _remove_link_and_target(self) -> None:
        """Remove what a killed run left: its link, and the private directory if it is one of ours."""
        if not self._link.is_symlink():
            return
        left = self._link.readlink()
        with contextlib.suppress(OSError):
            if (
                left.name.startswith(_PRIVATE_PREFIX)
                and not left.is_symlink()
                and left.stat().st_uid == os.geteuid()
            ):
                shutil.rmtree(left)
        self._link.unlink()

    def _kill_session(self, session: int) -> None:
        for pid in processes.members_of_session(session):
            processes.send(pid, signal.SIGKILL)
        if not Path("/proc/self").exists():  # nothing lists a session there; groups must do
            for pid in self.pids.values():
                if processes.leads_a_group(pid):
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.killpg(pid, signal.SIGKILL)

    # -- supervisord's configuration, log and remote interface

    @property
    def _log_file(self) -> Path:
        return self._logs / "supervisord.log"

    def _write_configuration(self, private: Path) -> Path:
        """Render the configuration. Odd characters of paths stay in scripts and links, out of its syntax."""
        # Programs may run under another account, which must read its script; the socket and the
        # configuration inside stay ours alone.
        private.chmod(0o711)
        (private / "logs").symlink_to(self._logs.resolve())
        sections = [
            _section(
                "unix_http_server",
                file=private / "supervisor.sock",
                chmod="0700",
            ),
            _section(
                "supervisord",
                nodaemon="true",
                logfile="/dev/null",  # what it logs also goes to its standard output, which is a file
                logfile_maxbytes="0",
                pidfile=private / "supervisord.pid",
                nocleanup="true",
                minfds="256",
                minprocs="50",
                **({"user": "root"} if os.geteuid() == 0 else {}),
            ),
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n",
        ]
        for priority, group in ((1, DATA), (2, APP)):
            members = [program for program in self.programs if program.group == group]
            if not members:
                continue
            names = ",".join(program.name for program in members)
            sections.append(_section(f"group:{group}", programs=names, priority=priority))
            sections += [_program_section(program, private) for program in members]
        configuration = private / "supervisord.conf"
        configuration.touch(mode=0o600)
        configuration.write_text("\n".join(sections))
        return configuration

    def _proxy(self, *, patience_s: float = 5) -> Any:
        private = Path(self._private.name) if self._private else Path("/nonexistent")
        transport = SupervisorTransport(None, None, f"unix://{private / 'supervisor.sock'}")
        connect = transport._get_connection

        def connect_with_limit() -> Any:
            connection = connect()
            connection.timeout = patience_s
            return connection

        transport._get_connection = connect_with_limit
        return xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=transport)

    def _call(self, method: str, *arguments: object) -> Any:
        try:
            with self._proxy() as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, HTTPException, xmlrpc.client.Error) as failed:
            raise SupervisorFailedError(
                f"supervisord did not answer to {method}: {type(failed).__name__}; see {self._log_file}."
            ) from failed

    def _answers(self) -> bool:
        try:
            self._call("getState")
        except SupervisorFailedError:
            return False
        return True

    def _note_pids(self) -> None:
        entries = self._call("getAllProcessInfo")
        for entry in entries:
            if entry["statename"] == "BACKOFF" and entry["now"] - entry["stop"] >= LONGEST_PAUSE_S:
                self._shorten_pause(f"{entry['group']}:{entry['name']}")
        running = {entry["name"]: entry["pid"] for entry in entries if entry["pid"]}
        self.pids = {
            program.name: running[program.name] for program in self.programs if program.name in running
        }
        self._last_pids |= self.pids

    def _shorten_pause(self, program: str) -> None:
        """Start a program that waits for its next attempt; supervisord takes that only from the stopped."""
        self._call("stopProcess", program, False)
        self._call("startProcess", program, False)

    def _deaths_in_log(self) -> list[tuple[str, str]]:
        with self._log_file.open("rb") as log:
            log.seek(self._log_read_to)
            fresh = log.read()
        complete = fresh[: fresh.rfind(b"\n") + 1]
        self._log_read_to += len(complete)
        deaths = []
        for line in complete.decode(errors="replace").splitlines():
            entry = _EXITED.search(line)
            if entry:
                deaths.append((entry["name"], entry["how"]))
        return deaths

    def _end_orphans_of(self, leader: int) -> None:
        """End what a dead program left behind: the members of its process group in our session."""
        if self.pid is not None:
            for pid in processes.members_of_group(leader, session=self.pid):
                processes.send(pid, signal.SIGKILL)


def _program_section(program: Program, private: Path) -> str:
    script = private / f"{program.name}.sh"
    script.write_text(
        f"cd {shlex.quote(str(program.directory))} || exit 1\n"
        # Heartbeats go by it: two workers of one name would hide each other's silence.
        f"export PROCESS_NAME={shlex.quote(program.name)}\n"
        f"exec {program.command}\n"
    )
    script.chmod(0o644)
    return _section(
        f"program:{program.name}",
        command=f"/bin/sh {script}",
        autostart="false",
        autorestart="true",
        startsecs=SETTLED_AFTER_S,
        startretries=_ENDLESSLY,
        stopsignal=program.stop_signal,
        stopwaitsecs=STOP_APP_WITHIN_S if program.group == APP else STOP_DATA_WITHIN_S,
        killasgroup="true",
        umask="077",  # what they write may hold mails and addresses
        redirect_stderr="true",
        stdout_logfile=private / "logs" / f"{program.name}.log",
        stdout_logfile_maxbytes="5MB",
        stdout_logfile_backups="2",
        **({"user": program.user} if program.user else {}),
    )


def _section(title: str, **entries: object) -> str:
    lines = [f"{name} = {value}".replace("%", "%%") for name, value in entries.items()]
    return "\n".join([f"[{title}]", *lines, ""])


def _has_ended(pid: int) -> bool:
    """Whether our child has ended, without reaping it (waitid(2), WNOWAIT)."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:
        return True
