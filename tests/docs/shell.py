"""A shell for one page: its variables last from block to block, and `flask` costs no new interpreter."""

import contextlib
import itertools
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.docs.flask_server import CLIENT
from tests.stack import ROOT
from tests.waiting import eventually

_PRELUDE = "set -o pipefail\nset -E\ntrap 'WORST=$?' ERR\n"


@dataclass(frozen=True)
class Ended:
    """How a step ended; `printed` is standard output and standard error together, in order."""

    status: int
    printed: str


@contextlib.contextmanager
def flask_program(directory: Path, environment: dict[str, str]) -> Iterator[Path]:
    """A directory for the PATH with a `flask` in it that forks a process which has everything imported."""
    door = directory / "flask.sock"
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.docs.flask_server", str(door)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        env=environment,
    )
    programs = directory / "programs"
    programs.mkdir()
    write_program(programs / "flask", CLIENT.format(python=sys.executable, path=str(door)))
    try:
        eventually(door.exists, within_s=30, what="the documents' flask serves")
        yield programs
    finally:
        server.terminate()
        server.wait(timeout=10)


def write_program(path: Path, text: str) -> None:
    """An executable file."""
    path.write_text(text)
    path.chmod(0o755)


class Shell:
    """One bash. Each step gets its own standard input and output."""

    def __init__(self, directory: Path, scratch: Path, environment: dict[str, str]) -> None:
        """Start in `directory`; `scratch` is for the outputs."""
        self._scratch = scratch
        self._numbers = itertools.count()
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=directory,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._tell(_PRELUDE)

    def run(self, command: str, *, typed: str | None = None, within_s: float = 30) -> Ended:
        """Execute; the status is that of the last command that failed, else 0."""
        number = next(self._numbers)
        output, typing = self._scratch / f"{number}.out", self._scratch / f"{number}.in"
        typing.write_text("" if typed is None else f"{typed}\n" * 20)
        self._tell(f"WORST=0\n{{\n{command.rstrip()}\n}} >{output} 2>&1 <{typing}\necho $WORST\n")
        status = self._listen(within_s, command)
        return Ended(status, output.read_text(errors="replace"))

    def close(self) -> None:
        """End the shell and whatever it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.communicate()

    def _tell(self, text: str) -> None:
        assert self._bash.stdin is not None
        self._bash.stdin.write(text.encode())
        self._bash.stdin.flush()

    def _listen(self, within_s: float, command: str) -> int:
        assert self._bash.stdout is not None
        said, deadline = b"", time.monotonic() + within_s
        while not said.endswith(b"\n"):
            ready, _, _ = select.select([self._bash.stdout], [], [], max(0, deadline - time.monotonic()))
            more = os.read(self._bash.stdout.fileno(), 100) if ready else b""
            assert more, f"This did not end within {within_s} s:\n{command}"
            said += more
        return int(said)
