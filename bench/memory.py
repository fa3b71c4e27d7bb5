"""Memory of the processes after work, and how long the web server takes from its start to its first answer."""

import time
from collections.abc import Callable
from pathlib import Path

from bench import backlog, cpu
from bench.found import Found, Options, Target, table
from bench.sampling import forget_commands
from bench.servers import ServerFailedError, Site

_WITHIN_S = 600.0
_UNDER_WAY = (
    "SELECT EXISTS (SELECT FROM commands WHERE kind = 'reconcile-times' AND state IN ('pending', 'running'))"
)


def measure(site: Site, body: Callable[[], bytes], options: Options, tell: Callable[[str], None]) -> Found:
    """Start the web server anew, create, reconcile, and look at the resident memory."""
    site.run()
    began = time.perf_counter()
    site.need("web")
    start_s = time.perf_counter() - began
    site.need("relay", "worker-clocks")
    tell(f"memory: {options.number:,} creates and as many tasks")
    backlog.create(site, body, options.number)
    give_up_at = time.monotonic() + _WITHIN_S
    while site.query(_UNDER_WAY)[0][0]:
        if time.monotonic() > give_up_at:
            raise ServerFailedError("The clocks' worker was not done in time.")
        time.sleep(0.2)
    largest = {name: _largest_mb(site.pids(name)[name]) for name in ("web", "worker-clocks", "relay")}
    forget_commands(site)
    figures = {"start_s": round(start_s, 2), "tasks": options.number, "largest_process_mb": largest}
    lines = [
        f"Start, and resident memory of the largest process of each kind after {options.number:,} creates and tasks",
        "",
        *table(
            ("first answer, s", *(f"{name}, MB" for name in largest)),
            [(f"{start_s:.2f}", *(f"{value:.0f}" for value in largest.values()))],
            words=(),
        ),
    ]
    targets = [Target("from the start of the web server to its first answer", 2, start_s, unit="s")]
    if cpu.is_known():
        targets += [
            Target("memory of a web process", 120, largest["web"], unit="MB"),
            Target("memory of a worker's child", 150, largest["worker-clocks"], unit="MB"),
        ]
    return Found(figures, lines, targets)


def _largest_mb(root: int) -> float:
    """Resident memory (VmRSS, proc(5)) of the largest process of a tree, in MB; 0 where it is not told."""
    if not cpu.is_known():
        return 0.0
    sizes = []
    for pid in cpu.tree(root):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                sizes.append(int(line.split()[1]) / 1000)
    return round(max(sizes), 1)
