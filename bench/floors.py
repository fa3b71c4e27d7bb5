"""What a create cannot do without, alone: the bare insert, and the bare message. One thread, one connection."""

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
from kombu import Connection, Producer
from psycopg import RawCursor

from bench import cpu
from bench.found import Found, Options, table
from bench.servers import Site

_ROW = {
    "summary": "Photo shoot",
    "location": "100 Larimer Street, Denver, CO 80202",
    "updated_at_mt": "11/20/2026 2:05:09 PM",
    "created_by": "bench",
    "request_id": "bench",
    "caller_kind": "application",
    "caller_role": "application",
}


def measure(site: Site, _body: Callable[[], bytes], options: Options, tell: Callable[[str], None]) -> Found:
    """Each for `options.seconds`."""
    tell("floors")
    figures: dict[str, Any] = {}
    with psycopg.connect(site.postgres.url(scheme="postgresql"), autocommit=True) as connection:
        application = connection.execute("SELECT min(id) FROM applications").fetchone()
        names = (*_ROW, "uuid", "updated_at_mt_instant", "supplied", "fingerprint", "caller_application_id")
        values = ", ".join(f"${place}" for place in range(1, len(_ROW) + 2))
        insert = (
            f"INSERT INTO appointments ({', '.join(names)}) VALUES ({values}, now(), '{{}}', '\\x00',"
            f" {application[0] if application else 0}) RETURNING id"
        ).encode()
        cursor = RawCursor(connection)
        figures["bare insert"] = _cost(
            lambda: cursor.execute(insert, [*_ROW.values(), uuid4()]).fetchall(), site, options.seconds
        )
    with Connection(site.redis.url()) as broker:
        producer = Producer(broker.channel())
        figures["bare publish"] = _cost(
            lambda: producer.publish({"id": 1}, exchange="", routing_key="floors", serializer="json"),
            site,
            options.seconds,
        )
    lines = [
        "Floors: one thread, one connection, nothing else (µs each)",
        "",
        *table(
            ("", "wall", "CPU here", "CPU PostgreSQL", "CPU Redis"),
            [(name, *each.values()) for name, each in figures.items()],
        ),
    ]
    return Found(figures, lines)


def _cost(do: Callable[[], object], site: Site, seconds: float) -> dict[str, int]:
    for _ in range(50):
        do()
    roots = site.pids("postgres", "redis")
    before, cpu_began, began = cpu.seconds(roots), time.process_time(), time.perf_counter()
    times = 0
    while time.perf_counter() - began < seconds:
        do()
        times += 1
    wall, here, after = time.perf_counter() - began, time.process_time() - cpu_began, cpu.seconds(roots)
    found = {"wall": wall, "here": here, **{name: after[name] - before[name] for name in roots}}
    return {name: round(value * 1e6 / times) for name, value in found.items()}
