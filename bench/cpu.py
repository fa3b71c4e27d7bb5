"""CPU time of whole process trees, from /proc (proc(5)). Linux only; elsewhere nothing is known."""

import contextlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


def is_known() -> bool:
    """Whether this system tells."""
    return _PROC.joinpath("self/stat").exists()


def seconds(roots: Mapping[str, int]) -> dict[str, float]:
    """CPU seconds that each named process and its descendants have used so far, user and system together.

    Descendants that ended are included once their parent has waited for them, as fields 16 and 17 say.
    """
    children, used = _read()
    return {name: sum(used.get(pid, 0.0) for pid in _tree(root, children)) for name, root in roots.items()}


def tree(root: int) -> list[int]:
    """A process and all its descendants that run now."""
    children, _ = _read()
    return list(_tree(root, children))


def _read() -> tuple[Mapping[int, list[int]], Mapping[int, float]]:
    children: dict[int, list[int]] = defaultdict(list)
    used: dict[int, float] = {}
    for entry in _PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            pid = int(entry.parent.name)
            # The second field, a name in parentheses, may itself hold spaces and parentheses.
            rest = entry.read_text(errors="replace").rpartition(")")[2].split()
            children[int(rest[1])].append(pid)
            used[pid] = sum(map(int, rest[11:15])) / _TICKS
    return children, used


def _tree(root: int, children: Mapping[int, list[int]]) -> Iterable[int]:
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += children.get(pid, [])
