"""A sandbox process for the tests of this room, a small client to it, and a receiver for its webhooks."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.sandbox.mandrill.receiver import Receiver

ROOT = Path(__file__).parents[3]
SILENCE_S = 1.0


class Sandbox:
    """A running ``python -m sandbox.mandrill`` on a free port."""

    def __init__(
        self,
        store: Path,
        *options: str,
        silence_s: float = SILENCE_S,
        environment: dict[str, str] | None = None,
    ) -> None:
        command = [sys.executable, "-m", "sandbox.mandrill", "--port", "0", "--store", str(store)]
        kept = {name: value for name, value in os.environ.items() if "WEBHOOK" not in name}
        self.process = subprocess.Popen(
            [*command, "--silence", str(silence_s), *options],
            cwd=ROOT,
            env={**kept, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        found = re.search(r"inbox (http://127\.0\.0\.1:(\d+))/", line)
        assert found, line + self.process.communicate()[1]
        self.url, self.port = found[1], int(found[2])
        self.http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=2, read=5), maxsize=8)

    def get(self, path: str, **fields: Any) -> urllib3.BaseHTTPResponse:
        return self.http.request("GET", self.url + path, fields=fields or None)

    def json(self, path: str, **fields: Any) -> Any:
        answer = self.get(path, **fields)
        assert answer.status == 200, answer.data
        return answer.json()

    def call(self, call: str, /, **request: Any) -> urllib3.BaseHTTPResponse:
        return self.http.request("POST", f"{self.url}/api/1.0/{call}", json={"key": "sandbox-key", **request})

    def send(
        self, *, key: str = "sandbox-key", read_s: float = 5, **message: Any
    ) -> urllib3.BaseHTTPResponse:
        """messages/send with a mail that is right but for what is given."""
        body = {"key": key, "message": mail(**message)}
        return self.http.request(
            "POST", f"{self.url}/api/1.0/messages/send.json", json=body, timeout=urllib3.Timeout(read=read_s)
        )

    def post(self, path: str, **fields: Any) -> urllib3.BaseHTTPResponse:
        """An admin call with JSON."""
        return self.http.request("POST", self.url + path, json=fields)

    def submit(self, path: str, **fields: Any) -> urllib3.BaseHTTPResponse:
        """A form of a page, as a browser sends it; its redirect is not followed."""
        return self.http.request(
            "POST", self.url + path, fields=fields, encode_multipart=False, redirect=False
        )

    def order(self, fault: str, **order: Any) -> Any:
        answer = self.http.request("POST", self.url + "/admin/faults", json={"fault": fault, **order})
        assert answer.status == 201, answer.data
        return answer.json()

    def clear(self) -> None:
        assert self.http.request("POST", self.url + "/admin/clear").status == 200

    def stop(self) -> tuple[int, str]:
        """SIGTERM. The exit status and what was written to stderr."""
        self.http.clear()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=10)
        return self.process.returncode, errors


def mail(**changes: Any) -> dict[str, Any]:
    message = {
        "from_email": "appointments@example.com",
        "from_name": "Appointments",
        "to": [{"email": "client@example.com", "name": "A Client", "type": "to"}],
        "subject": "Your appointment",
        "text": "We come on Monday.",
        "html": "<p>We come on Monday.</p>",
        "tags": ["send-confirmation"],
        "metadata": {"send_id": "s-1", "appointment_id": 7},
    }
    return {**message, **changes}


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("mandrill") / "store.sqlite", "--webhook-retry-s", "0.1")
    yield sandbox
    status, errors = sandbox.stop()
    assert (status, errors) == (0, "")


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    """The running sandbox, empty."""
    running.clear()
    return running


@pytest.fixture
def receiver(sandbox: Sandbox) -> Iterator[Receiver]:
    """What webhooks post to. Those registered during the test are removed after it."""
    with Receiver() as receiver:
        yield receiver
        for webhook in sandbox.json("/webhooks.json")["webhooks"]:
            sandbox.http.request("DELETE", f"{sandbox.url}/admin/webhooks/{webhook['id']}")
