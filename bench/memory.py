"""Memory of the processes after work, and how long the web server takes from its start to its first answer."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import backlog, cpu
from bench.found import Found, Options, Target, table
from bench.sampling import forget_commands
from bench.servers import Site
from trials.trial import ServerFailedError

_WITHIN_S = 600.0
_UNDER_WAY = (
    "SELECT EXISTS (SELECT FROM commands WHERE kind = 'reconcile-times' AND state IN ('pending', 'running'))"
)


def measure(site: Site, body: Callable[[], bytes], options: Options, tell: Callable[[str], None]) -> Found:
    """Start the web server anew, create, reconcile, and look at the memory."""
    site.run()
    began = time.perf_counter()
    site.need("web")
    start_s = time.perf_counter() - began
    site.need("relay", "worker-clocks")
    tell(f"memory: {options.number:,} creates and as many tasks")
    early = max(1, options.number // 10)
    _reconcile(site, body, early)
    before = _sizes(site)
    _reconcile(site, body, options.number - early)
    after = _sizes(site)
    forget_commands(site)
    figures = {
        "start_s": round(start_s, 2),
        "tasks": options.number,
        "largest_process_mb": {name: asdict(size) for name, size in after.items()},
        "after_a_tenth_mb": {name: asdict(size) for name, size in before.items()},
    }
    lines = [
        f"Start, and memory of the largest process of each kind after {options.number:,} creates and tasks:",
        "all of it, its share of what it has in common with others, and what is only its own",
        "",
        *table(
            ("first answer, s", *(f"{name}, MB" for name in after)),
            [(f"{start_s:.2f}", *(str(size) for size in after.values()))],
            words=tuple(range(1, len(after) + 1)),
        ),
    ]
    targets = [Target("from the start of the web server to its first answer", 2, start_s, unit="s")]
    if cpu.is_known():
        child = after["worker-clocks"]
        targets += [
            Target("memory of a web process", 120, after["web"].resident, unit="MB"),
            Target("memory of a worker's child, its share of common pages", 150, child.share, unit="MB"),
            Target(
                "growth of a worker's child since a tenth of the tasks",
                5,
                child.share - before["worker-clocks"].share,
                unit="MB",
            ),
        ]
    return Found(figures, lines, targets)


@dataclass(frozen=True)
class Size:
    """Memory of a process in MB: `share` counts a page that n processes have for one nth (PSS of proc(5))."""

    resident: float
    share: float
    own: float

    def __str__(self) -> str:
        return f"{self.resident:.0f} ({self.share:.0f}, {self.own:.0f})"


def _reconcile(site: Site, body: Callable[[], bytes], number: int) -> None:
    backlog.create(site, body, number)
    give_up_at = time.monotonic() + _WITHIN_S
    while site.query(_UNDER_WAY)[0][0]:
        if time.monotonic() > give_up_at:
            raise ServerFailedError("The clocks' worker was not done in time.")
        time.sleep(0.2)


def _sizes(site: Site) -> dict[str, Size]:
    """Of the largest process of each kind; of a pool its largest child."""
    sizes = {}
    for name in ("web", "worker-clocks", "relay"):
        root = site.pids(name)[name]
        pids = [pid for pid in cpu.tree(root) if pid != root] if cpu.is_known() else []
        sizes[name] = max((_size(pid) for pid in pids or [root]), key=lambda size: size.resident)
    return sizes


def _size(pid: int) -> Size:
    """What the kernel tells; nothing where it does not."""
    if not cpu.is_known():
        return Size(0.0, 0.0, 0.0)
    told = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, value = line.partition(":")
        told[name] = int(value.split()[0]) / 1000
    own = told["Private_Clean"] + told["Private_Dirty"]
    return Size(*(round(value, 1) for value in (told["Rss"], told["Pss"], own)))
