"""One process that may be hurt in every way and is started again, as a supervisor of a server would.

What a kill leaves behind of its session is ended before the next start, as systemd does with a control group.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox import processes

RESTART_PAUSE_S = 0.5
NOTICED_AFTER_S = 0.3
"""A server whose child was killed may answer for another moment before it recovers."""


@dataclass
class Outage:
    """When a process was away, in Unix seconds; `until` is None while it is."""

    name: str
    since: float
    until: float | None = None


@dataclass
class Process:
    """A process, its wounds and its outages. `is_ready` says when an outage is over."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    directory: Path
    log: Path
    is_ready: Callable[[], bool] = lambda: True
    identity: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of `Popen` for a process under another account."""
    stop_signal: signal.Signals = signal.SIGTERM

    starts: int = 0
    deaths_of_its_own: int = 0
    """Ends that nobody ordered: a crash, or a process that gives up where it should wait."""
    outages: list[Outage] = field(default_factory=list)
    _running: "subprocess.Popen[bytes] | None" = None
    _sessions: list[int] = field(default_factory=list)
    _down_until: float = 0.0
    _stopped_until: float | None = None
    _killed: bool = False

    @property
    def pid(self) -> int:
        """The process id of the session's leader, 0 when it does not run."""
        return self._running.pid if self._running is not None and self._running.poll() is None else 0

    @property
    def is_stopped(self) -> bool:
        """Whether it was stopped by `stall` and not yet continued."""
        return self._stopped_until is not None

    def members(self) -> list[int]:
        """The living processes of its session, itself among them."""
        return processes.members_of_session(self._running.pid) if self._running is not None else []

    def children(self) -> list[int]:
        """The living processes that it started itself. PostgreSQL's are each in a session of their own."""
        return _children_of(self.pid) if self.pid else []

    def start(self) -> None:
        """Start it in a session of its own. Only the main thread of a program with one thread may."""
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                self.command,
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=processes.dies_with_parent(self.stop_signal),  # noqa: PLW1509 - one thread only
                **self.identity,
            )
        self._sessions.append(self._running.pid)
        self.starts += 1
        self._killed = False
        self._stopped_until = None

    def kill_all(self, down_s: float = 0.0) -> None:
        """`kill -9` to everything in its session at once; it stays down for `down_s` at least."""
        self._begin_outage(down_s)
        self._killed = True
        for pid in self.members():
            processes.send(pid, signal.SIGKILL)

    def send(self, sign: signal.Signals, down_s: float = 0.0) -> None:
        """Signal the leader so that it ends; it stays down for `down_s` at least."""
        self._begin_outage(down_s)
        self._killed = True
        if self.pid:
            processes.send(self.pid, sign)

    def wound(self) -> None:
        """Note that a part of it is about to be killed, which may take the rest with it for a moment."""
        self._begin_outage(0.0)

    def stall(self, seconds: float) -> None:
        """SIGSTOP to its whole session: it neither answers nor hangs up, until it is continued."""
        self._begin_outage(0.0)
        for pid in self.members():
            processes.send(pid, signal.SIGSTOP)
        self._stopped_until = time.time() + seconds

    def tend(self) -> None:
        """Continue it, start it again or see it recover, whichever is due. Called several times a second."""
        now = time.time()
        if self._stopped_until is not None and now >= self._stopped_until:
            self._continue()
        if not self.pid:
            self._mourn(now)
            if now >= self._down_until:
                self._end_sessions()
                self.start()
        elif self._may_have_recovered(now) and self.is_ready():
            self.outages[-1].until = time.time()

    def end(self, *, within_s: float) -> None:
        """End it, and whatever it or its earlier lives left behind."""
        if self._stopped_until is not None:
            self._continue()
        if self._running is not None and self._running.poll() is None:
            processes.send(self._running.pid, self.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._running.wait(timeout=within_s)
        self._end_sessions()
        if self._running is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._running.wait(timeout=5)

    def _may_have_recovered(self, now: float) -> bool:
        outage = self._open_outage
        return outage is not None and not self.is_stopped and now - outage.since > NOTICED_AFTER_S

    @property
    def _open_outage(self) -> Outage | None:
        return self.outages[-1] if self.outages and self.outages[-1].until is None else None

    def _begin_outage(self, down_s: float) -> None:
        self._down_until = max(self._down_until, time.time() + max(down_s, RESTART_PAUSE_S))
        if self._open_outage is None:
            self.outages.append(Outage(self.name, time.time()))

    def _mourn(self, now: float) -> None:
        """Take note of an end that nobody ordered, once."""
        if self.starts and not self._killed:
            self.deaths_of_its_own += 1
            self._killed = True
            self._down_until = max(self._down_until, now + RESTART_PAUSE_S)
            self._begin_outage(0.0)

    def _continue(self) -> None:
        self._stopped_until = None
        for pid in self.members():
            processes.send(pid, signal.SIGCONT)

    def _end_sessions(self) -> None:
        for session in self._sessions:
            for pid in processes.members_of_session(session):
                with contextlib.suppress(PermissionError):
                    os.kill(pid, signal.SIGKILL)
        self._sessions = self._sessions[-1:]


def _children_of(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            # The second field is the name in parentheses and may itself hold spaces and parentheses.
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[1]) == parent and fields[0] not in "ZX":
                found.append(int(entry.parent.name))
    return found
