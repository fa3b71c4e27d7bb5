"""A small real HTTP server on loopback that answers by script, one behaviour per request.

What the sandbox is too polite to do happens here: sockets reset, bodies cut short, headers that drip.
"""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

Act = Callable[["WireServer", socket.socket], bool]
"""What to do after a request was read; True keeps the connection open."""


class WireServer:
    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.connections = 0
        self.script: list[Act] = []
        self.stopped = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._spawn(self._accept)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/1.0"

    @property
    def calls(self) -> list[str]:
        return [path.removeprefix("/api/1.0/") for path, _, _ in self.requests]

    @property
    def last_body(self) -> Any:
        return self.requests[-1][2]

    def stop(self) -> None:
        self.stopped.set()
        for sock in [self._listener, *self._open]:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)

    def _spawn(self, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            self._spawn(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        try:
            stream = sock.makefile("rb")
            with sock, stream:
                while line := stream.readline():
                    headers = {}
                    while header := stream.readline().strip():
                        name, _, value = header.decode().partition(":")
                        headers[name.lower()] = value.strip()
                    body = json.loads(stream.read(int(headers["content-length"])))
                    self.requests.append((line.split()[1].decode(), headers, body))
                    act = self.script.pop(0) if self.script else answer([])
                    if not act(self, sock):
                        return
        except (OSError, ValueError):
            return


@contextmanager
def wire_server(*script: Act) -> Iterator[WireServer]:
    server = WireServer()
    server.script.extend(script)
    try:
        yield server
    finally:
        server.stop()


def answer(
    body: Any, status: int = 200, headers: dict[str, str] | None = None, *, keep_open: bool = True
) -> Act:
    """A whole answer: bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def act(_: WireServer, sock: socket.socket) -> bool:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        sock.sendall("\r\n".join([*lines, "", ""]).encode() + content)
        return keep_open

    return act


def silence(server: WireServer, _: socket.socket) -> bool:
    server.stopped.wait(10)
    return False


def reset(_: WireServer, sock: socket.socket) -> bool:
    """Close with RST, as a crashed process or an impatient balancer does."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def truncated(_: WireServer, sock: socket.socket) -> bool:
    sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n[{"email": "c@exa')
    return False


def drip(preamble: bytes, piece: bytes) -> Act:
    """Send a piece every 50 ms for as long as anyone listens."""

    def act(server: WireServer, sock: socket.socket) -> bool:
        sock.sendall(preamble)
        for _ in range(200):
            sock.sendall(piece)
            if server.stopped.wait(0.05):
                break
        return False

    return act


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])
