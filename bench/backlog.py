"""A backlog of appointments for the workers: creates that nobody has taken up yet, written as fast as it goes."""

import json
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any

from bench.load import LoadError
from bench.sampling import CREATE
from bench.servers import Site
from sandbox.ports import LOOPBACK


def create(site: Site, body: Callable[[], bytes], number: int) -> list[int]:
    """Create so many appointments over HTTP; their ids. Raises `LoadError`."""
    ids = []
    connection = HTTPConnection(LOOPBACK, site.port, timeout=30)
    try:
        for _ in range(number):
            connection.request("POST", CREATE, body(), {"Content-Type": "application/json"})
            reply = connection.getresponse()
            answer: dict[str, Any] = json.loads(reply.read())
            if reply.status != 200:
                raise LoadError(f"A create was answered with {reply.status}: {str(answer)[:200]}")
            ids.append(int(answer["data"]["appointment"]["id"]))
    finally:
        connection.close()
    return ids
