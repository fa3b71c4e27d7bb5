"""A command of a start that runs once and ends: the schema, the demo data."""

import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sandbox import processes, readiness
from sandbox.steps import StartFailedError


class Once:
    """A command in progress, from its making on; what it writes to its standard error goes to `log`."""

    def __init__(
        self, command: Sequence[str], *, directory: Path, environment: Mapping[str, str], log: Path
    ) -> None:
        """Start it in the directory."""
        self._log = log
        self._words = shown(command)
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - `finish` closes it
        with log.open("wb") as errors:
            # A session of its own keeps the terminal's Ctrl-C for this program to handle.
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=errors,
                cwd=directory,
                env=environment,
                start_new_session=True,
                preexec_fn=processes.dies_with_parent(),  # noqa: PLW1509 - we have one thread
            )

    def finish(self, meanwhile: Callable[[], None], *, within_s: float = 120) -> str:
        """Wait for its end and return what it printed; `meanwhile` is called again and again until then.

        It is killed when the time is over or when `meanwhile` raises. Raises `StartFailedError`.
        """
        limit = time.monotonic() + within_s
        with self._output:
            try:
                while self._process.poll() is None and time.monotonic() < limit:
                    meanwhile()
                    time.sleep(0.02)
            finally:
                if self._process.poll() is None:
                    self._process.kill()
                status = self._process.wait()
            if status != 0:
                how = (
                    f"failed (exit status {status})" if status > 0 else f"was not done after {within_s:.0f} s"
                )
                raise StartFailedError(
                    f"'{self._words}' {how}. The end of {self._log}:\n{readiness.last_lines(self._log)}"
                )
            self._output.seek(0)
            return self._output.read()


def shown(command: Sequence[str]) -> str:
    """A command as people type it."""
    return shlex.join("python" if part == sys.executable else part for part in command)
