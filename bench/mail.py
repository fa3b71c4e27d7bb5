"""From a create to its mails: how long until the provider has accepted them, at a gentle, even rate.

The whole product runs, with the sandbox for Mandrill. Every create has two mails, to the client and to the
photographer. A mail's time runs from the moment the create's answer arrived to `accepted_at` of the sandbox,
which is on the same clock and has millisecond precision.
"""

import http.client
import json
import threading
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bench.found import Found, Options, Target, table
from bench.load import quantile
from bench.sampling import CREATE
from bench.servers import WORKERS, Site
from sandbox.ports import LOOPBACK

PER_SECOND = 20
LONGEST_S = 20.0
"""The sandbox lists a thousand mails at once."""
MAILS_PER_CREATE = 2
_CLIENTS = 4
_WARM_UP = 10
_MAILS_WITHIN_S = 30


def measure(site: Site, body: Callable[[], bytes], options: Options, tell: Callable[[str], None]) -> Found:
    """Create for a while, wait for all mails, and put the two sides together."""
    site.run("web", "relay", "mandrill", *WORKERS)
    tell("from create to mail")
    before = _inbox(site, 0)["count"]
    _post_evenly(site, body, _WARM_UP)
    warmed_up = _inbox(site, before + _WARM_UP * MAILS_PER_CREATE)["count"]
    posted = _post_evenly(site, body, round(PER_SECOND * min(options.seconds * options.rounds, LONGEST_S)))
    answered = {id_: at for id_, at, _ in posted.answers}
    wanted = warmed_up + len(answered) * MAILS_PER_CREATE
    times = []
    arrived: Counter[tuple[str, str]] = Counter()
    for message in _inbox(site, wanted)["messages"]:
        id_ = str(message["appointment_id"])
        if id_ in answered:
            arrived[id_, message["metadata"]["kind"]] += 1
            times.append(datetime.fromisoformat(message["accepted_at"]).timestamp() - answered[id_])
    missing = len(answered) * MAILS_PER_CREATE - len(arrived)
    doubled = sum(arrived.values()) - len(arrived)
    said = list(posted.errors)
    if missing:
        said.append(f"{missing} of {len(answered) * MAILS_PER_CREATE} mails were not accepted in time.")
    if doubled:
        said.append(f"{doubled} mails were accepted twice.")
    return _found([took for _, _, took in posted.answers], times, said)


def _found(creates_s: list[float], mails_s: list[float], said: list[str]) -> Found:
    figures = {
        "per_second": PER_SECOND,
        "creates": len(creates_s),
        "create_p50_ms": round(quantile(creates_s, 0.5) * 1000, 1),
        "create_p99_ms": round(quantile(creates_s, 0.99) * 1000, 1),
        "mails": len(mails_s),
        "accepted_p50_ms": round(quantile(mails_s, 0.5) * 1000, 1),
        "accepted_p99_ms": round(quantile(mails_s, 0.99) * 1000, 1),
    }
    lines = [
        f"From create to mail accepted, at {PER_SECOND} creates a second",
        "",
        *table(
            ("", "number", "p50 ms", "p99 ms"),
            [
                (
                    "create, to its answer",
                    *(figures[k] for k in ("creates", "create_p50_ms", "create_p99_ms")),
                ),
                (
                    "mail, from that answer",
                    *(figures[k] for k in ("mails", "accepted_p50_ms", "accepted_p99_ms")),
                ),
            ],
        ),
    ]
    targets = []
    if creates_s:
        ratio = quantile(mails_s, 0.5) / quantile(creates_s, 0.5)
        targets = [
            Target("mail accepted after the answer, p50 of the create's p50", 3, ratio),
            Target("mail accepted after the answer, p99", 40, quantile(mails_s, 0.99) * 1000, unit="ms"),
        ]
    return Found(figures, lines, targets, said)


@dataclass
class _Posted:
    """What the clients saw: appointment id, time of the answer (Unix seconds), duration."""

    answers: list[tuple[str, float, float]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def _post_evenly(site: Site, body: Callable[[], bytes], count: int) -> _Posted:
    """Post `count` creates, one every 1/PER_SECOND s, however long each takes."""
    posted = _Posted()
    began = time.perf_counter() + 0.05
    lock = threading.Lock()

    def client(first: int) -> None:
        connection = http.client.HTTPConnection(LOOPBACK, site.port, timeout=10)
        try:
            for number in range(first, count, _CLIENTS):
                time.sleep(max(0.0, began + number / PER_SECOND - time.perf_counter()))
                with lock:
                    content = body()
                sent = time.perf_counter()
                connection.request("POST", CREATE, content, {"Content-Type": "application/json"})
                reply = connection.getresponse()
                answer = reply.read()
                took, at = time.perf_counter() - sent, time.time()
                if reply.status == 200:
                    id_ = str(json.loads(answer)["data"]["appointment"]["id"])
                    posted.answers.append((id_, at, took))
                else:
                    posted.errors.append(f"create: {reply.status} {answer[:200].decode(errors='replace')}")
        except (OSError, http.client.HTTPException) as failed:
            posted.errors.append(f"create: {type(failed).__name__}: {failed}")
        finally:
            connection.close()

    clients = [threading.Thread(target=client, args=(first,)) for first in range(_CLIENTS)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    return posted


def _inbox(site: Site, wanted: int) -> dict[str, Any]:
    query = urllib.parse.urlencode({"wait_for": wanted, "timeout": _MAILS_WITHIN_S, "limit": 1000})
    with urllib.request.urlopen(
        f"{site.sandbox_url}/inbox.json?{query}", timeout=_MAILS_WITHIN_S + 10
    ) as reply:
        found: dict[str, Any] = json.load(reply)
    return found
