"""Whether somebody at the broker's address answers: one word over TCP, without the libraries of a worker.

A web process neither publishes nor consumes. It asks only so that `/readyz` can say that work will wait.
"""

import socket
from typing import Final
from urllib.parse import urlsplit

DEFAULT_PORTS: Final = {"redis": 6379, "rediss": 6379, "sentinel": 26379, "amqp": 5672, "amqps": 5671}
GREETINGS: Final = {
    "redis": b"PING\r\n",
    "sentinel": b"PING\r\n",
    "amqp": b"AMQP\x00\x00\x09\x01",  # the protocol's header; the broker's first frame is the answer
}
"""What each of them answers, whether it wants a password or not. With TLS a connection has to do."""


def answers(url: str, within_s: float) -> bool:
    """Whether one of the broker's hosts answers; each is given `within_s` seconds."""
    return any(_host_answers(one, within_s) for one in url.split(";"))


def _host_answers(url: str, within_s: float) -> bool:
    try:
        parts = urlsplit(url)
        greeting = GREETINGS.get(parts.scheme, b"")
        with _connect(parts.scheme, parts.hostname, parts.port, parts.path, within_s) as connection:
            if not greeting:
                return True
            connection.settimeout(within_s)
            connection.sendall(greeting)
            return bool(connection.recv(1))
    except (OSError, ValueError):
        return False


def _connect(scheme: str, host: str | None, port: int | None, path: str, within_s: float) -> socket.socket:
    if scheme in ("unix", "redis+socket"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(within_s)
        connection.connect(path)
        return connection
    return socket.create_connection((host or "127.0.0.1", port or DEFAULT_PORTS.get(scheme, 0)), within_s)
