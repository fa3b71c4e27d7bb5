"""`/healthz`: this process answers. `/readyz`: whether it can do its work, and who else is missing.

*Not ready* (503, a balancer should look elsewhere): the database does not answer this process, or its schema is
older than this release. *Degraded* (200): the broker, the relay, the workers or beat are silent. Creates are
accepted without them by design, their commands wait in the database, and taking every web process out of service
would turn a delay into an outage.

Both are open to everybody, so they tell no name, address or version. An answer takes two seconds at most: the
checks run in a thread of their own, one round at a time however many ask, and one that is not back in time has
failed. What a round found holds for a second.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import structlog
from sqlalchemy import Connection, text

from api import broker_probe
from models import database
from models.heartbeats import SILENT_AFTER_S, read_processes
from settings import get_settings

PATIENCE_S = 1.6
BROKER_PATIENCE_S = 0.5
FRESH_FOR_S = 1.0

ROOT = Path(__file__).resolve().parents[1]
BACKGROUND = {
    "relay": "publishes what is due; beat's sweep does it every five seconds meanwhile",
    "worker": "does what follows from requests; commands wait in the database meanwhile",
    "beat": "finds what was lost and archives what is done; the relay sweeps meanwhile",
}
"""Kinds of background processes, each with what it is for."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found. `needed`: without it this process cannot serve."""

    check: str
    ok: bool
    message: str
    needed: bool = False


def healthz() -> tuple[dict[str, str], int]:
    """This process answers. Whether it can do its work is another question."""
    return {"status": "ok"}, 200


def readyz() -> tuple[dict[str, Any], int]:
    """Whether this process should get requests, with a sentence for every check."""
    checks = readiness.checks()
    if any(check.needed and not check.ok for check in checks):
        status, code = "not ready", 503
    else:
        status, code = "ready" if all(check.ok for check in checks) else "degraded", 200
    return {"status": status, "checks": [asdict(check) for check in checks]}, code


class Readiness:
    """The rounds of checks of one process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._round: Future[list[Check]] | None = None
        self._began_at = 0.0

    def checks(self) -> list[Check]:
        """What the round under way, or the last one, found; after `PATIENCE_S` that nothing came back."""
        try:
            return self._current().result(timeout=PATIENCE_S)
        except NotInTime:
            return [Check("database", False, "The database did not answer in time.", needed=True)]

    def forget(self) -> None:
        """Look afresh next time."""
        with self._lock:
            self._round = None

    def _current(self) -> Future[list[Check]]:
        with self._lock:
            is_over = self._round is None or (
                self._round.done() and time.monotonic() - self._began_at > FRESH_FOR_S
            )
            if self._round is None or is_over:
                self._began_at = time.monotonic()
                # Not a pool that is kept: a thread would not survive a fork.
                looking = ThreadPoolExecutor(1, thread_name_prefix="readyz")
                self._round = looking.submit(_look)
                looking.shutdown(wait=False)
            return self._round


readiness = Readiness()
"""This process's."""


def _look() -> list[Check]:
    return [*_database_checks(), _broker()]


def _database_checks() -> list[Check]:
    try:
        with database.autocommit_engine().connect() as connection:
            answers = Check("database", True, "The database answers.", needed=True)
            return [answers, _schema(connection), *_heartbeats(connection)]
    except Exception as failure:  # noqa: BLE001 - whatever it is, this process cannot serve
        # The driver's words may name hosts and accounts; they are for the log.
        log.warning("not ready", error=type(failure).__name__)
        return [Check("database", False, "The database did not answer, or not as expected.", needed=True)]


def _schema(connection: Connection) -> Check:
    """Newer is fine: an expanded schema is one that older code runs on (docs/deploy.md)."""
    current = set(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())
    older = _older_revisions()
    if current and not current & older:
        return Check("migrations", True, "The schema is that of this release, or newer.", needed=True)
    message = "The schema is older than this release: run `alembic upgrade head`."
    return Check("migrations", False, message, needed=True)


@lru_cache(maxsize=1)
def _older_revisions() -> frozenset[str]:
    """Every revision that this release knows, but for the newest."""
    from alembic.config import Config  # noqa: PLC0415 - most processes are never asked
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    directory = ScriptDirectory.from_config(Config(str(ROOT / "alembic.ini")))
    return frozenset(script.revision for script in directory.walk_revisions()) - set(directory.get_heads())


def _heartbeats(connection: Connection) -> Iterator[Check]:
    processes = read_processes(connection)
    for kind, purpose in BACKGROUND.items():
        of_kind = [process for process in processes if process.kind == kind]
        lively = {process.role for process in of_kind if not process.is_silent}
        # The workers of one queue say nothing about those of another.
        silent = sorted({process.role for process in of_kind if not process.is_replaced} - lively)
        if not lively:
            yield Check(kind, False, f"None was heard of for {SILENT_AFTER_S} seconds. It {purpose}.")
        elif silent:
            missing = ", ".join(silent)
            yield Check(kind, False, f"Not heard of for {SILENT_AFTER_S} seconds: {missing}. It {purpose}.")
        else:
            yield Check(kind, True, f"Heard of a short while ago: {', '.join(sorted(lively))}.")


def _broker() -> Check:
    if broker_probe.answers(get_settings().broker_url, BROKER_PATIENCE_S):
        return Check("broker", True, "The broker answers.")
    return Check("broker", False, "The broker does not answer; commands wait in the database meanwhile.")
