"""How a connection misbehaves: silence, resets, halves of answers.

Each function owns the connection from the moment it was detached from the HTTP server until it is closed.
None lasts longer than the sandbox's ``silence`` (seconds), nor beyond its shutdown, nor beyond the client's
patience.
"""

import asyncio
import contextlib
import socket
import struct

from tornado.iostream import IOStream, StreamClosedError


class Silence:
    """The bound of every pause: at most ``seconds``, and never past `end`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._over = asyncio.Event()

    def end(self) -> None:
        self._over.set()

    async def keep(self, seconds: float | None = None, *, stream: IOStream | None = None) -> None:
        """Waits; returns early at shutdown or, if a stream is given, when its client hangs up."""
        pause = self.seconds if seconds is None else min(seconds, self.seconds)
        over = asyncio.ensure_future(self._over.wait())
        waits: set[asyncio.Future[object]] = {over}  # type: ignore[arg-type]
        if stream is not None:
            # A client that pipelines sends more; only the end of the connection is of interest.
            waits.add(asyncio.ensure_future(stream.read_until_close()))
        try:
            await asyncio.wait(waits, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()


async def silence(stream: IOStream, pause: Silence) -> None:
    await pause.keep(stream=stream)
    stream.close()


def reset(stream: IOStream) -> None:
    """RST instead of FIN: lingering for zero seconds (socket(7))."""
    if not stream.closed():
        with contextlib.suppress(OSError):
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


async def partial(stream: IOStream, body: bytes) -> None:
    """An answer that promises its whole length and ends in the middle."""
    with contextlib.suppress(StreamClosedError):
        await stream.write(_head(body) + body[: len(body) // 2])
    stream.close()


async def drip(stream: IOStream, body: bytes, pause: Silence, milliseconds: int) -> None:
    """The answer, one byte at a time; given up after the length of a silence."""
    loop = asyncio.get_running_loop()
    end = loop.time() + pause.seconds
    with contextlib.suppress(StreamClosedError):
        await stream.write(_head(body))
        for at in range(len(body)):
            if loop.time() >= end:
                break
            await stream.write(body[at : at + 1])
            await pause.keep(milliseconds / 1000)
    stream.close()


def _head(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)
    )
