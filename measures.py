"""What is counted and measured: every metric of the product, declared once, the same in every process.

Whoever does something counts it here, after it was committed. With `PROMETHEUS_MULTIPROC_DIR` in the environment
all processes of a host count together: prometheus_client keeps each process's numbers in a file that is mapped
into its memory, so that a count costs a microsecond or two and outlives `kill -9`. Without it each process counts
for itself, which is enough for one process and for tests.

What stands in the database anyway (`READ_AT_SCRAPE`) is not counted but read when somebody asks. Outcomes are
counted, because to count them in the tables would take a scan of millions of rows each time. Times are seconds.
`docs/metrics.md` explains each metric to whoever operates the product.
"""

import fcntl
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

from settings import get_settings

PREFIX = "appointments_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
DEAD = 0
"""No process has this id: under it stand the sums of those that ended."""

REGISTRY = CollectorRegistry()

# When a series began is of no use to anybody here, and would be a third of the text.
disable_created_metrics()

REQUESTS = Counter(
    "appointments_http_requests",
    "Requests answered, by the declared route, the verb and the status of the answer.",
    ("route", "method", "status"),
    registry=REGISTRY,
)
IN_FLIGHT = Gauge(
    "appointments_http_requests_in_flight",
    "Requests being answered at this moment.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
CREATE_SECONDS = Histogram(
    "appointments_create_seconds",
    "Time from a create's headers to its answer, refusals included.",
    registry=REGISTRY,
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
CREATED = Counter(
    "appointments_creates", "Appointments that requests created; repetitions do not count.", registry=REGISTRY
)
RATE_LIMIT_REFUSALS = Counter(
    "appointments_rate_limit_refusals",
    "Requests answered with 429, by whose limit it was: application, session or address.",
    ("limit",),
    registry=REGISTRY,
)
CONNECTIONS_IN_USE = Gauge(
    "appointments_database_connections_in_use",
    "Connections to PostgreSQL that web requests hold at this moment.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
CONNECTIONS_ALLOWED = Gauge(
    "appointments_database_connections_allowed",
    "Connections to PostgreSQL that the web processes together may hold.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
MAILS = Counter(
    "appointments_mail_outcomes",
    "Outcomes of mails as they were written down, by kind of mail; a mail in doubt gets more than one.",
    ("kind", "outcome"),
    registry=REGISTRY,
)
RETRIES = Counter(
    "appointments_command_retries",
    "Commands that were put back to be tried again later, by kind.",
    ("kind",),
    registry=REGISTRY,
)
FAILURES = Counter(
    "appointments_command_failures",
    "Commands that were given up and need a person, by kind.",
    ("kind",),
    registry=REGISTRY,
)
TASK_SECONDS = Histogram(
    "appointments_task_seconds",
    "Run time of a worker's tasks, by task and by whether it ended well or crashed.",
    ("task", "ended"),
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 45),
)
PUBLISHED = Counter(
    "appointments_messages_published",
    "Messages that the broker took, by kind of command.",
    ("kind",),
    registry=REGISTRY,
)
PUBLISH_FAILURES = Counter(
    "appointments_messages_refused",
    "Messages that the broker did not take; the sweep finds their commands again.",
    registry=REGISTRY,
)
SWEPT = Counter(
    "appointments_sweep_finds",
    "What sweeps found: commands whose lease had expired, commands that were due, and repeated messages.",
    ("found",),
    registry=REGISTRY,
)

READ_AT_SCRAPE: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "commands": ("Commands that something is still to happen to, by kind and state.", ("kind", "state")),
    "oldest_due_seconds": ("How long the oldest due command has been waiting; 0 when none is.", ("kind",)),
    "heartbeat_age_seconds": ("Time since a background process was last heard of.", ("kind", "name")),
    "mail_gate_closed": ("1 while mails wait because the provider failed again and again.", ()),
    "queue_messages": ("Messages that wait in a queue of the broker.", ("queue",)),
    "scrape_errors": ("1 when what is read at the scrape could not be read, by source.", ("source",)),
}
"""Names without the prefix, with their help and labels."""

Facts = Mapping[str, Mapping[tuple[str, ...], float]]
"""What was read at a scrape: by name of `READ_AT_SCRAPE`, then by label values."""


def render(facts: Facts) -> bytes:
    """Everything in Prometheus' text format: what was counted on this host, and `facts`."""
    directory = get_settings().prometheus_multiproc_dir
    registry = CollectorRegistry()
    counted = REGISTRY.collect if directory is None else lambda: _of_all_processes(directory)
    registry.register(_Collected(lambda: [*counted(), *_families(facts)]))
    return generate_latest(registry)


class _Collected:
    """A collector in prometheus_client's sense, of metrics that are made when it is asked."""

    def __init__(self, make: object) -> None:
        self._make = make

    def collect(self) -> list[Metric]:
        """What there is now."""
        made: list[Metric] = self._make()  # type: ignore[operator]
        return made

    def describe(self) -> list[Metric]:
        """Nothing beforehand: it is asked once."""
        return []


def _families(facts: Facts) -> Iterator[Metric]:
    for name, values in facts.items():
        told, labels = READ_AT_SCRAPE[name]
        family = GaugeMetricFamily(PREFIX + name, told, labels=labels)
        for label_values, value in values.items():
            family.add_metric(label_values, value)
        yield family


# -- the files of a host's processes

_FILE = re.compile(r"(?P<kind>counter|histogram|gauge_\w+?)_(?P<pid>\d+)\.db")


def _of_all_processes(directory: Path) -> list[Metric]:
    """The sum over this host's processes, those included that ended: a counter never goes down."""
    with _alone(directory):
        fold_dead(directory)
        files = [str(path) for path in directory.iterdir() if _FILE.fullmatch(path.name)]
        return list(MultiProcessCollector.merge(files, accumulate=True))


def fold_dead(directory: Path) -> None:
    """Put the counts of processes that ended into one file, and forget what they had in hand at that moment.

    Workers replace their processes all the time; a file for each that ever lived would fill the disk, and
    reading them all would take longer every day.
    """
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    dead: list[Path] = []
    for path in directory.iterdir():
        found = _FILE.fullmatch(path.name)
        if found is None or int(found["pid"]) == DEAD or _is_alive(int(found["pid"])):
            continue
        dead.append(path)
        if not found["kind"].startswith("gauge"):
            for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):
                sums[found["kind"]][key] += value
    for kind, added in sums.items():
        _add(directory / f"{kind}_{DEAD}.db", added)
    for path in dead:
        path.unlink(missing_ok=True)


def _add(path: Path, added: Mapping[str, float]) -> None:
    """Replaced as a whole, so that a reader or a crash never meets half of it."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    values: dict[str, float] = defaultdict(float, added)
    if path.exists():
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(path)):
            values[key] += value
    written = MmapedDict(str(fresh))
    for key, value in values.items():
        written.write_value(key, value, 0.0)
    written.close()
    fresh.replace(path)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One reader at a time: another one must not read a file while it is being folded."""
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
