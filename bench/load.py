"""The load client: a fixed number of keep-alive connections, each posting its next request when it has its answer.

One thread over raw sockets, because the client shares the cores with what it measures. It costs some 40 µs a
request, the same for whatever is measured; `Load.client_share` says how busy it was, and near 1 it, not the
server, was the limit.
"""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.ports import LOOPBACK

SILENCE_LIMIT_S = 10.0
_BUFFER = 65_536


class LoadError(Exception):
    """The load could not be driven to its end; the text is a sentence."""


@dataclass(frozen=True)
class Load:
    """What one measurement found. `answered` and the latencies leave out the warm-up, `all_answered` does not."""

    answered: int
    all_answered: int
    seconds: float
    latencies_s: list[float] = field(repr=False)
    client_share: float
    errors: dict[str, int]

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds

    def latency_ms(self, share: float) -> float:
        """The latency that `share` of the requests stayed within: 0.5 is the median."""
        return quantile(self.latencies_s, share) * 1000


def quantile(values: list[float], share: float) -> float:
    """The nearest-rank quantile of some values; 0 when there are none."""
    if not values:
        return 0.0
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


class _Connection:
    """One keep-alive connection with at most one request under way."""

    def __init__(self, port: int, path: str) -> None:
        self.socket = socket.create_connection((LOOPBACK, port), timeout=SILENCE_LIMIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\nContent-Type: application/json\r\n"
            "Content-Length: "
        ).encode()
        self._received = b""
        self.sent_at = 0.0

    def send(self, body: bytes) -> None:
        self._received = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))

    def receive(self) -> bytes | None:
        """The whole answer, or None as long as a part is missing. Raises `LoadError` when it was cut off."""
        piece = self.socket.recv(_BUFFER)
        if not piece:
            raise LoadError("The server closed a connection in the middle of an answer.")
        self._received += piece
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return None
        lower = head.lower()
        start = lower.find(b"content-length:")
        if start < 0:
            raise LoadError("The server answered without a Content-Length.")
        length = int(lower[start + 15 :].split(b"\r\n", 1)[0])
        return self._received if len(body) >= length else None


def drive(
    port: int, path: str, body: Callable[[], bytes], *, concurrency: int, warm_up_s: float, seconds: float
) -> Load:
    """Post `body()` to a path of this machine for warm-up and measured time. Raises `LoadError`.

    Answers other than 200 are counted under their first line and their beginning in `Load.errors`.
    """
    selector = selectors.DefaultSelector()
    connections = [_Connection(port, path) for _ in range(concurrency)]
    errors: Counter[str] = Counter()
    latencies: list[float] = []
    all_answered = answered = 0
    cpu_began = time.process_time()
    began = time.perf_counter()
    measured_from = began + warm_up_s
    end = measured_from + seconds
    try:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(body())
        under_way = concurrency
        while under_way:
            ready = selector.select(SILENCE_LIMIT_S)
            if not ready:
                raise LoadError(f"The server was silent for {SILENCE_LIMIT_S:.0f} s.")
            for key, _ in ready:
                connection = key.data
                answer = connection.receive()
                if answer is None:
                    continue
                now = time.perf_counter()
                all_answered += 1
                if not answer.startswith(b"HTTP/1.1 200 "):
                    errors[_described(answer)] += 1
                if measured_from <= now < end:
                    answered += 1
                    latencies.append(now - connection.sent_at)
                if now < end:
                    connection.send(body())
                else:
                    under_way -= 1
    except OSError as failed:
        raise LoadError(f"The server at port {port} could not be used: {failed}.") from failed
    finally:
        selector.close()
        for connection in connections:
            connection.socket.close()
    busy = (time.process_time() - cpu_began) / (time.perf_counter() - began)
    return Load(answered, all_answered, seconds, latencies, busy, dict(errors))


def _described(answer: bytes) -> str:
    head, _, body = answer.decode(errors="replace").partition("\r\n\r\n")
    return f"{head.splitlines()[0]}: {body[:200]}"
