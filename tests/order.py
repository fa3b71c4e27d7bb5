"""How several processes share the tests: hooks of pytest-xdist, for `make test`.

A third of all work is waiting, for real processes and for faults that take their time. So there are more processes
than processors, what waits is spread among what computes, and the end is computing: nobody is idle while another
does a long file alone.
"""

import os
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ON_THE_STACK = (
    *("browser/test_console.py", "browser/test_documentation.py", "documentation/test_samples.py"),
    *(
        f"end_to_end/test_{name}.py"
        for name in (
            *("shutdown", "clock_skew", "create_to_mail", "changes", "mandrill_away", "waiting_for_mails"),
            "not_http",
        )
    ),
    *("cli/test_doctor.py", "api/test_metrics.py"),
)
"""Files that use the session's `stack`: one process does them all, so that one stack is started, and one runs on."""

WAITING = (
    *("sandbox/test_run.py", "end_to_end/test_worker_faults.py", "contributing/", "chaos/test_short_run.py"),
    *(
        "bench/test_bench.py",
        "docs/test_commands.py",
        "end_to_end/test_faults.py",
        "end_to_end/test_partition.py",
    ),
    *(
        "contracts/test_deployments.py",
        "end_to_end/",
        "tasks/test_backpressure.py",
        "sandbox/test_servers.py",
    ),
)
"""Files of few tests that take long and mostly wait, the longest first."""

MOST_PROCESSES = 6
"""More would not be done sooner: the files on the stack follow each other."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Half as many again as there are processors."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST_PROCESSES, processors + (processors + 1) // 2)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """For `--dist loadfile`: a file is done by one process, and so are all files on the stack together."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFileAndStack(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "the stack" if file.removeprefix("tests/") in ON_THE_STACK else file

    return ByFileAndStack(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the files in order; xdist hands them out so (`--no-loadscope-reorder`).

    Its own order goes by the number of tests: it leaves the long runs of few tests to the end, all at once.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ or config.pluginmanager.hasplugin("randomly"):
        return  # `make test-shuffled` has an order of its own
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    names = {path: path.relative_to(HERE).as_posix() for path in files}
    on_the_stack = [path for name in ON_THE_STACK for path in files if names[path] == name]
    waiting = [path for kind in WAITING for path in files if names[path].startswith(kind)]
    waiting = [path for path in dict.fromkeys(waiting) if path not in on_the_stack]
    computing = sorted(files.keys() - {*on_the_stack, *waiting}, key=lambda path: (-len(files[path]), path))
    # After each file that waits a like share of large and small ones that compute; a third is left for the end.
    shares = max(1, len(waiting) * 3 // 2)
    order = [*on_the_stack]
    order += [each for number, path in enumerate(waiting) for each in (path, *computing[number::shares])]
    order += [path for place, path in enumerate(computing) if place % shares >= len(waiting)]
    items[:] = [item for path in order for item in files[path]]
