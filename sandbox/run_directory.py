"""What a run leaves in its directory (`VAR_DIR`): the lock, what is kept for the next run, and the run files.

* `run.lock`: held while a runner works in the directory; the kernel lets go of it however the runner ends.
* `kept.json`: ports of our own servers, Flower's password and the key of webhooks, the same in every run.
* `started.json`: the processes of this run with their start times, for the next one, should this one be
  killed before it could end them.
* `run.json`: the run's addresses, process ids and demo data, for scripts; only while it runs.
* `run.env`: the run's settings, for commands in another terminal (`settings.py` reads it); only while it
  runs.

All but the lock may hold passwords or tokens: they are readable by their owner only and are replaced in one
step, so that a reader never sees half a file.
"""

import fcntl
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox import processes


class DirectoryTakenError(Exception):
    """Another runner works in the directory, or it cannot be used; the text is a sentence."""


class RunDirectory:
    """The directory of one run. Open it, work, `leave` it."""

    def __init__(self, path: Path) -> None:
        """Make the directory and take its lock. Raises `DirectoryTakenError`."""
        self.path = path.resolve()
        try:
            # Others may pass through, which PostgreSQL's account must, but not look around.
            self.path.mkdir(mode=0o711, parents=True, exist_ok=True)
            self._lock = os.open(self.path / "run.lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as refused:
            raise DirectoryTakenError(
                f"{self.path} cannot be written to ({refused.strerror}); it may belong to another account. "
                "Set VAR_DIR to a directory of your own."
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._lock, 20, 0).decode() or "unknown"
            os.close(self._lock)
            raise DirectoryTakenError(
                f"Process {holder} already runs in {self.path}. Stop it (kill {holder}), or set VAR_DIR, "
                "PORT, FLOWER_PORT and SANDBOX_PORT to run a second copy beside it."
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)
        self.forget_run()

    @property
    def logs(self) -> Path:
        """Where the processes' output goes."""
        return self.path / "log"

    def kept(self) -> dict[str, Any]:
        """What the last run kept for this one; empty the first time."""
        try:
            kept = json.loads((self.path / "kept.json").read_text())
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def keep(self, values: Mapping[str, object]) -> None:
        """Keep these values for the next run, beside those kept already."""
        self._write("kept.json", _json({**self.kept(), **values}))

    def write_run(self, run: Mapping[str, object]) -> Path:
        """Write `run.json`; returns its path."""
        return self._write("run.json", _json(run))

    def write_environment(self, environment: Mapping[str, str]) -> None:
        """Write `run.env`, in the form of a .env file."""
        quoted = (value.replace("\\", "\\\\").replace("'", "\\'") for value in environment.values())
        lines = (f"{name}='{value}'\n" for name, value in zip(environment, quoted, strict=True))
        self._write("run.env", "".join(lines))

    def make_empty(self, name: str) -> None:
        """A directory in it with nothing inside."""
        shutil.rmtree(self.path / name, ignore_errors=True)
        (self.path / name).mkdir(mode=0o700)

    def forget_run(self) -> None:
        """Remove the files that describe a run in progress."""
        for name in ("run.json", "run.env"):
            (self.path / name).unlink(missing_ok=True)

    def remember_started(self, supervisor: int | None, pids: Mapping[str, int]) -> None:
        """Remember the processes of this run with their start times."""
        named = {"supervisord": supervisor, **pids}
        started = {
            name: [pid, known]
            for name, pid in named.items()
            if pid is not None and (known := processes.identity(pid)) is not None
        }
        self._write("started.json", _json(started))

    def end_leftovers(self, *, within_s: float = 10) -> list[str]:
        """End what a killed run left running; the names of what there was.

        First the old supervisor may finish its own orderly stop, which the kernel asked it to begin.
        """
        try:
            started = json.loads((self.path / "started.json").read_text())
            left = {name: (int(pid), str(known)) for name, (pid, known) in started.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return []
        names = [name for name, (pid, known) in left.items() if processes.is_alive(pid, known)]
        if "supervisord" in names:
            processes.end([left["supervisord"]], within_s=within_s)
        # SIGINT is PostgreSQL's "fast" stop: SIGTERM would wait for its clients.
        processes.end(
            [known for name, known in left.items() if name == "postgres"], within_s=3, sign=signal.SIGINT
        )
        processes.end(left.values(), within_s=3)
        if "supervisord" in left:
            # The children of those: in the session that the old supervisor made, and with our directory in
            # their environment. The session's id alone could meanwhile be another's.
            for pid in processes.members_of_session(left["supervisord"][0]):
                if processes.was_started_with(pid, "VAR_DIR", str(self.path)):
                    processes.send(pid, signal.SIGKILL)
        (self.path / "started.json").unlink(missing_ok=True)
        return names

    def leave(self) -> None:
        """Remove the run's files and let go of the lock."""
        self.forget_run()
        (self.path / "started.json").unlink(missing_ok=True)
        os.close(self._lock)

    def _write(self, name: str, text: str) -> Path:
        target = self.path / name
        # mkstemp makes the file readable by its owner only.
        handle, unfinished = tempfile.mkstemp(prefix=f".{name}-", dir=self.path)
        with os.fdopen(handle, "w") as file:
            file.write(text)
        return Path(unfinished).replace(target)


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(value, indent=2) + "\n"
