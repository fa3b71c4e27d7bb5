"""When a process that was started can be called ready."""

import http.client
from pathlib import Path

from sandbox.ports import LOOPBACK

_READY = b" ready."  # how a Celery worker ends its start: "mail@host ready."


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
