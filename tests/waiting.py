"""Waiting on a condition with a limit, instead of sleeping and hoping."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(probe: Callable[[], T], *, within_s: float = 15, every_s: float = 0.05, what: str = "") -> T:
    """The first truthy value of `probe`; fails with what it gave last when that takes too long."""
    deadline = time.monotonic() + within_s
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {within_s} s: {what or probe}; the last value was {value!r}.")
        time.sleep(every_s)
