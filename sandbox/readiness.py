"""When a process that was started can be called ready, and why a server that was named cannot be used."""

import http.client
from collections.abc import Callable
from pathlib import Path

import psycopg
import redis

from sandbox.ports import LOOPBACK
from sandbox.procfile import SANDBOX
from settings import Settings

_READY = b" ready."  # how a Celery worker ends its start: "mail@host ready."


def check_of(name: str, settings: Settings, *, log: Path, since: int) -> Callable[[], bool] | None:
    """What tells that the process of this name in the Procfile works; None for those that nobody waits for.

    `since` is the size in bytes that its log had when it was started.
    """
    match name:
        case "web":
            return lambda: answers(settings.port, "/healthz")
        case "flower":
            return lambda: answers(settings.flower_port, "/healthcheck")
        case _ if name == SANDBOX:
            return lambda: answers(settings.sandbox_port, "/healthz")
        case _ if name.startswith("worker-"):
            return lambda: says_ready(log, since=since)
    return None


def answers(port: int, path: str, *, accepted: tuple[int, ...] = (200,)) -> bool:
    """Whether the web server on the port answers the path with one of the accepted statuses."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status in accepted
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def says_ready(log: Path, *, since: int) -> bool:
    """Whether a worker has reported itself ready in its log after byte `since`.

    The log is read rather than the worker asked, because asking takes a broker's client and a second or
    more of its waiting time.
    """
    try:
        with log.open("rb") as lines:
            lines.seek(since if since <= log.stat().st_size else 0)  # a rotated log begins again
            return _READY in lines.read()
    except OSError:
        return False


def last_lines(log: Path, count: int = 5) -> str:
    """The end of a log, indented, for a message about its process; empty when there is none."""
    try:
        lines = log.read_bytes()[-8192:].decode(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in lines[-count:] if line.strip())


def why_postgres_is_away(database_url: str) -> str | None:
    """What the server or the driver says when we try to connect; neither repeats the password."""
    try:
        psycopg.connect(database_url.replace("+psycopg", "", 1), connect_timeout=5).close()
    except psycopg.Error as refused:
        return " ".join(str(refused).split())
    return None


def why_redis_is_away(redis_url: str) -> str | None:
    """What a Redis client says of the server at this URL; None when it answers."""
    try:
        with redis.Redis.from_url(redis_url, socket_connect_timeout=2, socket_timeout=2) as client:
            client.ping()
    except (redis.RedisError, ValueError) as failure:
        return str(failure)
    return None
