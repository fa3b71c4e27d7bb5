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

from bench.create import PATH
from bench.servers import Site
from sandbox.ports import LOOPBACK

PER_SECOND = 20
LONGEST_S = 20.0
"""The sandbox lists a thousand mails at once."""
MAILS_PER_CREATE = 2
_CLIENTS = 4
_WARM_UP = 10
_MAILS_WITHIN_S = 30


@dataclass(frozen=True)
class MailTimes:
    """What was found; times in seconds."""

    creates: int
    creates_s: list[float] = field(repr=False)
    mails: int
    mails_s: list[float] = field(repr=False)
    errors: list[str]


def measure(site: Site, body: Callable[[], bytes], *, seconds: float) -> MailTimes:
    """Create for `seconds`, wait for all mails, and put the two sides together."""
    _post_evenly(site, body, _WARM_UP)
    warmed_up = _inbox(site, _WARM_UP * MAILS_PER_CREATE)["count"]
    posted = _post_evenly(site, body, round(PER_SECOND * seconds))
    answered = {id_: at for id_, at, _ in posted.answers}
    wanted = warmed_up + len(answered) * MAILS_PER_CREATE
    messages = _inbox(site, wanted)["messages"]
    times = []
    arrived: Counter[tuple[str, str]] = Counter()
    for message in messages:
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
    return MailTimes(len(answered), [took for _, _, took in posted.answers], len(arrived), times, said)


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
                connection.request("POST", PATH, content, {"Content-Type": "application/json"})
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
