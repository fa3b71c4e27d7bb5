"""What a start prints: numbered steps, each with its result and its time in seconds.

A reader that goes away (a closed terminal, `| head`) must not end the run, so a line that cannot be written
is dropped.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator


class Steps:
    """The numbered steps of one start."""

    def __init__(self, total: int) -> None:
        """`total` is shown beside every number."""
        self._total = total
        self._number = 0
        self._began = time.monotonic()
        self._open_line = False

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator["Step"]:
        """One step. Its line ends with what `done` was told and the seconds it took."""
        self._number += 1
        began = time.monotonic()
        self._write(f"[{self._number}/{self._total}] {title:<10} ")
        self._open_line = True
        step = Step()
        try:
            yield step
        finally:
            if step.result:
                if not self._open_line:
                    self._write(f"      {title:<10} ")
                self._write(f"{step.result} ({time.monotonic() - began:.1f} s)\n")
            elif self._open_line:
                self._write("\n")
            self._open_line = False

    def say(self, text: str) -> None:
        """One line, on a line of its own also in the middle of a step."""
        if self._open_line:
            self._write("...\n")
            self._open_line = False
        self._write(text + "\n")

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start began."""
        return time.monotonic() - self._began

    def _write(self, text: str) -> None:
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except (OSError, ValueError):
            sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - kept until the process ends


class Step:
    """A step in progress."""

    result = ""

    def done(self, result: str) -> None:
        """What came of it."""
        self.result = result
