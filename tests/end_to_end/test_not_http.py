"""What is not HTTP, or breaks off, is answered in the contract's JSON all the same, and never as a crash."""

import contextlib
import http.client
import json
import socket
import subprocess
from pathlib import Path

import pytest

from tests.client import STAMP
from tests.stack import ROOT, Stack

HEAD = b"POST /api/v1/appointments/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def ask(stack: Stack, raw: bytes) -> tuple[int, dict]:
    """Send these bytes; the HTTP status and the envelope."""
    host, _, port = stack.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while received := connection.recv(65536):
            answer += received
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.mark.parametrize(
    ("raw", "code", "status"),
    [
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "invalid-encoded-params"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}", 400, "invalid-encoded-params"),
        (HEAD + b'Content-Length: 500\r\n\r\n{"token": "', 400, "invalid-encoded-params"),
        (HEAD + b"Content-Length: -5\r\n\r\n{}", 400, "invalid-encoded-params"),
        (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 400, "invalid-encoded-params"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "invalid-encoded-params"),
        (b"get / HTTP/1.1\r\nHost: x\r\n\r\n", 400, "invalid-encoded-params"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, "invalid-encoded-params"),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 413, "request-too-large"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20000 + b"\r\n\r\n", 413, "request-too-large"),
    ],
    ids=[
        "no chunk size",
        "broken chunk",
        "short body",
        "negative length",
        "two lengths",
        "unknown version",
        "small letters",
        "TLS",
        "long line",
        "long header",
    ],
)
def test_the_answer_is_json(stack: Stack, raw: bytes, code: int, status: str) -> None:
    answered, body = ask(stack, raw)
    assert (answered, body["code"], body["status"]) == (code, code, status)
    assert body["request_id"]


def test_a_body_that_ends_before_its_length_is_refused_although_what_came_is_whole(stack: Stack) -> None:
    """A line that broke, or a proxy that gave up: what is missing may have been anything."""
    whole = json.dumps({"token": stack.world.application_token(), "updated_at_mt": STAMP}).encode()
    before = stack.world.rows("SELECT id FROM appointments ORDER BY id")
    answered, body = ask(stack, HEAD + b"Content-Length: 99999\r\n\r\n" + whole)
    assert (answered, body["status"]) == (400, "invalid-encoded-params")
    assert f"99999 bytes, and {len(whole)} came" in body["message"]
    assert stack.world.rows("SELECT id FROM appointments ORDER BY id") == before


def test_a_broken_header_does_not_reach_the_log(stack: Stack) -> None:
    ask(stack, b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization Bearer sentinel-8c1f77\r\n\r\n")
    assert "sentinel-8c1f77" not in stack.log("web")


@pytest.mark.parametrize(
    ("key", "url", "sentence"),
    [
        ("", "http://127.0.0.1:9/api/1.0", "MANDRILL_API_KEY is not set"),
        ("sandbox-key", "https://mandrillapp.com/api/1.0", "sandbox key"),
        ("real-looking", "https://mail.example.com/api/1.0", "real key"),
    ],
)
def test_a_worker_whose_key_and_url_do_not_belong_together_does_not_start(
    stack: Stack, tmp_path: Path, key: str, url: str, sentence: str
) -> None:
    environment = {
        **stack.environment,
        "MANDRILL_API_KEY": key,
        "MANDRILL_URL": url,
        "VAR_DIR": str(tmp_path),
    }
    started = subprocess.run(
        ["/bin/sh", "-c", f"exec {stack.commands['worker-mail']}"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert started.returncode != 0
    assert sentence in started.stderr


@pytest.mark.parametrize("length", [300_000, 5_000_000], ids=["a little", "a lot"])
def test_a_body_that_is_too_large_is_answered_and_the_connection_closed_as_announced(
    stack: Stack, length: int
) -> None:
    """A client that keeps connections must not send its next request on this one."""
    host, _, port = stack.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % length)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(b"a" * length)
        answer = b""
        while received := connection.recv(65536):
            answer += received
    head, _, body = answer.partition(b"\r\n\r\n")
    headers = head.decode("latin1").lower().split("\r\n")
    assert headers[0].split()[1] == "413"
    assert "connection: close" in headers
    assert "connection: keep-alive" not in headers
    assert json.loads(body)["status"] == "request-too-large"


def test_other_refusals_keep_the_connection(stack: Stack) -> None:
    host, _, port = stack.url.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=10)
    with contextlib.closing(connection):
        for _ in range(2):
            connection.request(
                "POST", "/api/v1/appointments/create", b"{}", {"Content-Type": "application/json"}
            )
            answer = connection.getresponse()
            assert (answer.status, answer.getheader("Connection")) == (400, "keep-alive")
            answer.read()
