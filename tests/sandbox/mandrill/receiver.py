"""A receiver of webhooks: a real HTTP server that answers as told and keeps what it was sent."""

import base64
import hashlib
import hmac
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs


@dataclass
class Post:
    headers: dict[str, str]
    form: dict[str, str]

    @property
    def events(self) -> list[dict[str, Any]]:
        return json.loads(self.form["mandrill_events"])

    def signed_with(self, url: str, key: str) -> bool:
        """Computed here by the rule, not by the code under test."""
        text = (url + "mandrill_events" + self.form["mandrill_events"]).encode()
        wanted = base64.b64encode(hmac.new(key.encode(), text, hashlib.sha1).digest()).decode()
        return self.headers["X-Mandrill-Signature"] == wanted


@dataclass
class Receiver:
    """``statuses`` are the answers to the next POSTs, then 200; ``head`` is the answer to HEAD."""

    head: int = 200
    statuses: list[int] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)

    def __post_init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response(receiver.head)
                self.end_headers()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body, strict_parsing=True).items()}
                with receiver.arrived:
                    status = receiver.statuses.pop(0) if receiver.statuses else 200
                    receiver.posts.append(Post(dict(self.headers), form))
                    receiver.arrived.notify_all()
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Silent."""

        self.arrived = threading.Condition()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hooks/mandrill?from=sandbox"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()

    def events(self) -> list[dict[str, Any]]:
        """All events of all POSTs, in the order in which they came."""
        return [event for post in list(self.posts) for event in post.events]

    def wait_for(self, count: int, *, timeout_s: float = 10) -> list[dict[str, Any]]:
        """The events, once there are so many of them."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.events()) >= count, timeout_s), self.events()
        return self.events()

    def wait_for_posts(self, count: int, *, timeout_s: float = 10) -> list[Post]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.posts) >= count, timeout_s), self.posts
        return self.posts
