"""What a test hears: a Sentry that keeps what it is sent, a listener to Flower's channel, everything in a Redis."""

import base64
import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import redis
from sentry_sdk.envelope import Envelope

from tests.waiting import eventually


@dataclass
class EnvelopeSink:
    """A Sentry that keeps what it is sent."""

    raw: list[bytes] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The error events so far."""
        envelopes = [Envelope.deserialize(raw) for raw in list(self.raw)]
        return [event for envelope in envelopes if (event := envelope.get_event()) is not None]

    @property
    def transactions(self) -> list[dict[str, Any]]:
        """The parts of traces so far."""
        envelopes = [Envelope.deserialize(raw) for raw in list(self.raw)]
        return [part for envelope in envelopes if (part := envelope.get_transaction_event()) is not None]

    def event_of(self, request_id: str) -> dict[str, Any]:
        """The event that was tagged with a request, once it arrives."""
        found = eventually(
            lambda: [event for event in self.events if event.get("tags", {}).get("request_id") == request_id],
            what=f"an event of request {request_id}",
        )
        return found[0]


@contextmanager
def envelope_sink() -> Iterator[tuple[EnvelopeSink, str]]:
    """The sink and its DSN."""
    sink = EnvelopeSink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sink.raw.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield sink, f"http://public@127.0.0.1:{server.server_port}/1"
        finally:
            server.shutdown()
            thread.join(5)


class BusListener:
    """Everything that is published in a Redis, which is what Flower hears."""

    def __init__(self, url: str) -> None:
        self.heard: list[bytes] = []
        self._client = redis.Redis.from_url(url)
        self._pubsub = self._client.pubsub()
        self._pubsub.psubscribe(**{"*": self._hear})
        self._thread = self._pubsub.run_in_thread(sleep_time=0.05, daemon=True)

    def _hear(self, message: dict[str, Any]) -> None:
        self.heard.append(opened(message["data"]))

    def stop(self) -> None:
        self._thread.stop()
        self._thread.join(5)
        self._pubsub.close()
        self._client.close()


def opened(raw: bytes) -> bytes:
    """A message as it is, followed by its body in plain text."""
    try:
        body = json.loads(raw)["body"]
        return raw + base64.b64decode(body)
    except (ValueError, KeyError, TypeError):
        return raw


def everything_in(client: redis.Redis) -> bytes:
    """All values of a Redis in one string."""
    values: list[bytes] = []
    for key in client.scan_iter():
        match client.type(key):
            case b"list":
                values += map(opened, client.lrange(key, 0, -1))
            case b"hash":
                values += client.hvals(key)
            case b"set":
                values += client.smembers(key)
            case b"zset":
                values += client.zrange(key, 0, -1)
            case b"string":
                values.append(client.get(key))
    return b"\n".join(values)
