"""The good client, as a process of its own: a steady rate of creates, each repeated until it is answered.

`python -m chaos.load` reads one JSON object (`Order` of work: see `Load`) from standard input and writes one
JSON line for each create when its fate is known. Repeating means the same uuid and the same body, after any
error, timeout or 5xx, with growing pauses, within a bound; a 4xx is an answer and is not repeated.

A process of its own, because it must neither wait for the run's supervision nor be forked from.
"""

import json
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import urllib3

from chaos.audit import Create

PATH = "/api/v1/appointments/create"
TIMEOUT_S = 10.0
PATIENCE_S = 90.0
"""How long a create is repeated; far beyond every outage of the run."""
PAUSES_S = (0.3, 0.6, 1.2, 2.4, 4.0)
"""Between the tries, the last one repeated."""
MOST_AT_ONCE = 400
HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Load:
    """What to send: `rate` creates a second for `seconds`, about (order id, photographer id) in turn."""

    url: str
    token: str = field(repr=False)
    orders: tuple[tuple[int, int], ...]
    rate: float
    seconds: float
    seed: int


def bodies(load: Load) -> list[dict[str, Any]]:
    """Every create of the load. The times are given in one frame or another, with a stop or a duration."""
    rng = random.Random(load.seed)
    made = []
    for number in range(round(load.rate * load.seconds)):
        order_id, photographer_id = load.orders[number % len(load.orders)]
        day = datetime(2027, 1, 4, tzinfo=UTC) + timedelta(days=rng.randrange(300))
        hour = rng.randrange(14, 22)  # in every frame by day, and never within a change of the clocks
        frame = rng.choice(("local", "office", "utc"))
        body: dict[str, Any] = {
            "token": load.token,
            "updated_at_mt": "2026-11-20 10:00:00",
            "uuid": str(UUID(int=rng.getrandbits(128), version=4)),
            "order_id": order_id,
            "photographer_user_id": photographer_id,
            "confirmed": rng.random() < 0.8,
            "summary": f"Photo shoot {number}",
            f"date_start_{frame}": day.date().isoformat(),
            f"time_start_{frame}": f"{hour}:30:00",
        }
        if rng.random() < 0.5:
            body["time_duration"] = "1:30"
        else:
            body |= {f"date_stop_{frame}": day.date().isoformat(), f"time_stop_{frame}": f"{hour + 1}:15:00"}
        made.append(body)
    return made


def create(pool: urllib3.PoolManager, url: str, body: dict[str, Any]) -> Create:
    """Post it until it is answered or the patience ends."""
    data = json.dumps(body).encode()
    began_at, began = time.time(), time.monotonic()
    attempts = 0
    while True:
        attempts += 1
        asked = time.monotonic()
        status, answer = _post(pool, url, data)
        ended = time.monotonic()
        fate = Create(body["uuid"], False, None, began_at, ended - asked, ended - began, attempts)
        if status == 200:
            known = {**asdict(fate), "answered": True, "appointment_id": answer["data"]["appointment"]["id"]}
            return Create(**known)
        if 400 <= status < 500:
            return Create(
                **{**asdict(fate), "refusal": f"{status} {answer.get('status')}: {answer.get('message')}"}
            )
        pause = PAUSES_S[min(attempts, len(PAUSES_S)) - 1]
        if ended - began + pause > PATIENCE_S:
            return fate
        time.sleep(pause)


def _post(pool: urllib3.PoolManager, url: str, data: bytes) -> tuple[int, dict[str, Any]]:
    """Status and answer; status 0 when there was no whole answer."""
    try:
        reply = pool.request("POST", url, body=data, headers=HEADERS)
        return reply.status, reply.json() if reply.status < 500 else {}
    except (urllib3.exceptions.HTTPError, OSError, ValueError):
        return 0, {}


def main() -> None:
    """Send the load that standard input describes."""
    load = Load(**json.load(sys.stdin))
    pool = urllib3.PoolManager(maxsize=MOST_AT_ONCE, retries=False, timeout=TIMEOUT_S)
    writing = threading.Lock()

    def one(body: dict[str, Any]) -> None:
        fate = create(pool, load.url + PATH, body)
        with writing:
            print(json.dumps(asdict(fate)), flush=True)

    began = time.monotonic()
    with ThreadPoolExecutor(MOST_AT_ONCE) as threads:
        for number, body in enumerate(bodies(load)):
            time.sleep(max(0.0, began + number / load.rate - time.monotonic()))
            threads.submit(one, body)


if __name__ == "__main__":
    main()
