"""Where a create's time goes in a web process, by py-spy: who holds Python's lock, and on whose behalf.

py-spy is no requirement: `pip install py-spy`; it needs the right to trace processes (root, or ptrace_scope 0).
"""

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bench import cpu
from bench.found import Found, Options, table
from bench.load import drive
from bench.sampling import CREATE, WARM_UP_S, published_and_forgotten
from bench.servers import Site
from trials.trial import ServerFailedError

CONCURRENCY = 8
_PER_SECOND = 500
_SHOWN = 40


def measure(site: Site, body: Callable[[], bytes], options: Options, tell: Callable[[str], None]) -> Found:
    """Sample one web process under load. Raises `ServerFailedError` without py-spy."""
    program = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if program is None:
        raise ServerFailedError("There is no py-spy: pip install py-spy.")
    site.run("web", "relay")
    seconds = max(3.0, options.seconds * options.rounds)
    tell(f"profile: {seconds:.0f} s at concurrency {CONCURRENCY}")
    drive(site.port, CREATE, body, concurrency=CONCURRENCY, warm_up_s=WARM_UP_S, seconds=0.5)
    worker = max(cpu.tree(site.pids("web")["web"]))
    stacks = site.directory / "stacks"
    command = [program, "record", "--gil", "--rate", str(_PER_SECOND), "--duration", str(round(seconds))]
    spy = subprocess.Popen(
        [*command, "--format", "raw", "--output", str(stacks), "--pid", str(worker)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    drive(site.port, CREATE, body, concurrency=CONCURRENCY, warm_up_s=WARM_UP_S, seconds=seconds)
    _, said = spy.communicate(timeout=30)
    published_and_forgotten(site)
    if spy.returncode != 0 or not stacks.exists():
        raise ServerFailedError(f"py-spy failed: {said.decode(errors='replace').strip()[-500:]}")
    within, alone, samples = _counted(stacks.read_text().splitlines())
    figures = {"samples": samples, "cumulative": _shares(within, samples), "self": _shares(alone, samples)}
    lines = ["Where Python's lock is held in a web process (share of samples)", ""]
    for name, counted in (("with all it calls", within), ("by itself", alone)):
        rows = [(f"{count / samples:.1%}", where) for where, count in counted.most_common(_SHOWN)]
        lines += [*table((name, ""), rows, words=(1,)), ""]
    return Found(figures, lines)


def _counted(lines: list[str]) -> tuple[Counter[str], Counter[str], int]:
    within: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    samples = 0
    for line in lines:
        stack, _, count = line.rpartition(" ")
        frames = [frame.rpartition(":")[0] for frame in stack.split(";")]
        samples += int(count)
        alone[frames[-1]] += int(count)
        for frame in set(frames):
            within[frame] += int(count)
    return within, alone, max(samples, 1)


def _shares(counted: Counter[str], samples: int) -> dict[str, float]:
    return {where: round(count / samples, 4) for where, count in counted.most_common(_SHOWN)}
