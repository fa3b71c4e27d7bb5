"""What a start prints, and how it ends early: numbered steps, each with its result and its time in seconds.

A reader that goes away (a closed terminal, `| head`) must not end the run, so a line that cannot be written
is dropped.
"""

import os
import sys
import time
from collections.abc import Callable
from types import FrameType


class StartFailedError(Exception):
    """The start cannot go on; the text says why and what to do."""


class StopRequested(BaseException):
    """Ctrl-C, SIGTERM or SIGHUP arrived during the start."""


class StopSign:
    """Whether a stop was asked for. The stop itself happens where the program next looks."""

    asked = False

    def ask(self, _signal: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        self.asked = True


class Steps:
    """The numbered steps of one start."""

    def __init__(self, total: int) -> None:
        """`total` is shown beside every number."""
        self._total = total
        self._number = 0
        self._began = time.monotonic()
        self._open_line = False

    def take(self, title: str, do: Callable[[], str]) -> None:
        """One step. Its line ends with what it returned and the seconds it took."""
        self._number += 1
        began = time.monotonic()
        self._write(f"[{self._number}/{self._total}] {title:<10} ")
        self._open_line = True
        try:
            result = do()
            if not self._open_line:
                self._write(f"      {title:<10} ")
            self._write(f"{result} ({time.monotonic() - began:.1f} s)\n")
            self._open_line = False
        finally:
            if self._open_line:
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
