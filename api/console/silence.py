"""The banner of every page: who is silent, since when, and what to do.

It follows `/readyz` (`api/health.py`) and the heartbeats. A process that stops is told of `SILENT_AFTER_S` (30 s)
after its last heartbeat, which was up to 5 s before; with the cache here and the page's refresh that makes 25 to 45
seconds. A round of questions takes some milliseconds, in a thread of its own. What it found holds for three seconds; a
page waits for the next one for a quarter of a second at most, and then shows what the last one found.
"""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from datetime import datetime
from threading import Lock
from typing import Final

import structlog
from flask import Blueprint, Response, url_for
from markupsafe import Markup

from api import health
from api.console import render, words
from models import database
from models.clock.display import in_zone
from models.command_counts import unswept_since
from models.heartbeats import Process, read_processes
from models.moment import now
from settings import get_settings

FRESH_FOR_S: Final = 3.0
PATIENCE_S: Final = 0.25
PERSISTENT_AFTER_S: Final = 5.0
"""What a sweep does at once may wait for a moment after a gate has opened or the broker has come back."""

MEANWHILE: Final = {
    "relay": "mails go out some seconds late, by beat’s sweep",
    "beat": "the relay sweeps alone, and nothing is archived",
    "worker-clocks": "new appointments get no times, and their mails wait",
    "worker-mail": "mails wait in the database",
    "worker": "commands wait in the database",
}
"""What the silence of a role, or else of a kind, means."""

log = structlog.get_logger(__name__)


def add_to(blueprint: Blueprint) -> None:
    """The banner, and the part of every page that keeps it fresh."""
    blueprint.add_url_rule("/banners", "banners", refreshed)
    if banner not in render.BANNERS:
        render.BANNERS.append(banner)


def banner() -> list[str]:
    """The sentences, each with a link to where more is shown."""
    return [_linked(*one) for one in watch.told()]


def refreshed() -> Response:
    """The banners again, for a page that is open."""
    return render.fragment("banners.html", banners=[told for each in render.BANNERS for told in each()])


class Watch:
    """The rounds of one process. What is told is a sentence, and the part of the queues page that shows more."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self._lock = Lock()
        self._round: Future[list[tuple[str, str]]] | None = None
        self._began_at = 0.0
        self._told: list[tuple[str, str]] = []
        self._seen: dict[str, tuple[float, datetime]] = {}

    def told(self) -> list[tuple[str, str]]:
        """What the last round found; a new one is begun when that is not fresh any more."""
        try:
            return self._current().result(timeout=PATIENCE_S)
        except NotInTime:
            return self._told

    def forget(self) -> None:
        """As if nothing had been asked yet."""
        with self._lock:
            self._round, self._told = None, []
            self._seen.clear()

    def _current(self) -> Future[list[tuple[str, str]]]:
        with self._lock:
            is_over = self._round is not None and self._round.done()
            if self._round is None or (is_over and time.monotonic() - self._began_at > FRESH_FOR_S):
                if self._round is not None:
                    self._told = self._round.result()
                self._began_at = time.monotonic()
                # Not a pool that is kept: a thread would not survive a fork.
                looking = ThreadPoolExecutor(1, thread_name_prefix="silence")
                self._round = looking.submit(self._look)
                looking.shutdown(wait=False)
            return self._round

    def _look(self) -> list[tuple[str, str]]:
        try:
            return self._found()
        except Exception as failure:  # noqa: BLE001 - a page must not fail with its banner
            log.warning("nobody knows who is silent", error=type(failure).__name__)
            return []

    def _found(self) -> list[tuple[str, str]]:
        failed = {check.check: check.message for check in health.readiness.checks() if not check.ok}
        for gone in self._seen.keys() - failed.keys() - {"sweep"}:
            del self._seen[gone]
        told: list[tuple[str, str]] = []
        if "database" in failed:
            since = self._first_seen("database")
            return [(f"The database does not answer, since about {since}. Nothing works without it.", "")]
        if "migrations" in failed:
            told.append((failed["migrations"], ""))
        if "broker" in failed:
            since = self._first_seen("broker")
            sentence = f"The broker does not answer, since about {since}: commands wait in the database."
            told.append((f"{sentence} See that it runs.", "broker"))
        told += self._of_processes(failed)
        # Without a broker nothing can be published, whoever sweeps.
        return told if "broker" in failed else [*told, *self._of_sweep()]

    def _of_processes(self, failed: dict[str, str]) -> Iterator[tuple[str, str]]:
        with database.autocommit_engine().connect() as connection:
            processes = read_processes(connection)
        roles: dict[str, list[Process]] = {}
        for process in processes:
            roles.setdefault(process.role, []).append(process)
        for role, of_role in roles.items():
            if all(process.is_silent and not process.is_replaced for process in of_role):
                yield _silent(role, of_role), "processes"
        for kind in health.BACKGROUND:
            if kind in failed and not any(process.kind == kind for process in processes):
                yield f"No {kind} was heard of for a day: {MEANWHILE[kind]}. Start one.", "processes"

    def _of_sweep(self) -> Iterator[tuple[str, str]]:
        with database.autocommit_engine().connect() as connection:
            since = unswept_since(connection, is_paced=get_settings().mail_rate_per_s > 0)
        if since is None:
            self._seen.pop("sweep", None)
            return
        first_at, _ = self._seen.setdefault("sweep", (time.monotonic(), now()))
        if time.monotonic() - first_at >= PERSISTENT_AFTER_S:
            sentence = (
                f"No sweep has passed since {words.clock_time(since)}: what was lost or left behind is not found."
                " See that the relay, or beat and worker-clocks, run."
            )
            yield sentence, "processes"

    def _first_seen(self, what: str) -> str:
        _, at = self._seen.setdefault(what, (time.monotonic(), now()))
        # To the minute: the web processes find out one after the other, and the words must not change with them.
        return f"{in_zone(at, get_settings().office_time_zone):%H:%M}"


watch = Watch()
"""This process's."""


def _silent(role: str, processes: list[Process]) -> str:
    last = max(processes, key=lambda process: process.beat_at)
    who = f"{role} on {last.host}" if len(processes) == 1 else f"All {len(processes)} of {role}"
    verb = "is" if len(processes) == 1 else "are"
    meanwhile = MEANWHILE.get(role) or MEANWHILE.get(last.kind, "its work waits")
    return f"{who} {verb} silent since {words.clock_time(last.beat_at)}: {meanwhile}. See that it runs."


def _linked(sentence: str, anchor: str) -> str:
    if not anchor or not render.has_page("console.queues"):
        return sentence
    address = url_for("console.queues", _anchor=anchor)
    return Markup('{} <a href="{}">What there is to know</a>').format(sentence, address)
