"""The process: keep-alive, many connections, a store that outlives it, and an end without delay."""

import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import urllib3

from tests.sandbox.mandrill.conftest import ROOT, Sandbox, mail


def test_it_is_healthy(sandbox: Sandbox) -> None:
    assert sandbox.json("/healthz") == {"status": "ok"}


def test_a_connection_is_kept_alive(sandbox: Sandbox) -> None:
    with urllib3.HTTPConnectionPool("127.0.0.1", sandbox.port, maxsize=1) as pool:
        for _ in range(20):
            body = {"key": "k", "message": mail()}
            assert pool.request("POST", "/api/1.0/messages/send.json", json=body).status == 200
            assert pool.request("GET", "/healthz").json() == {"status": "ok"}
        assert pool.num_connections == 1


def test_many_connections_work_at_once(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(16) as threads:
        statuses = list(
            threads.map(lambda each: sandbox.send(metadata={"send_id": f"s-{each}"}).status, range(320))
        )
    assert set(statuses) == {200}
    assert sandbox.json("/inbox.json", limit=1)["count"] == 320
    assert sandbox.json("/inbox.json", duplicates=1)["count"] == 0


SILENCE_S = 1.5


def test_silences_block_nobody(sandbox: Sandbox) -> None:
    def suffer(_: int) -> None:
        with pytest.raises(urllib3.exceptions.HTTPError):
            sandbox.send(to=[{"email": "fault+timeout-after@example.com"}], read_s=SILENCE_S)

    with ThreadPoolExecutor(8) as threads:
        silent = [threads.submit(suffer, each) for each in range(8)]
        sandbox.json("/attempts.json", wait_for=8)
        began = time.monotonic()
        assert sandbox.send().status == 200
        assert time.monotonic() - began < SILENCE_S
        for each in silent:
            each.result()


def test_the_store_outlives_the_process_and_never_holds_the_key(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "store.sqlite"
    first = Sandbox(path)
    first.send(key="md-very-secret-key", subject="Kept")
    first.http.clear()
    first.process.kill()
    first.process.communicate(timeout=5)
    second = Sandbox(path)
    assert [each["subject"] for each in second.json("/inbox.json")["messages"]] == ["Kept"]
    assert second.stop() == (0, "")
    for file in path.parent.iterdir():
        assert b"md-very-secret-key" not in file.read_bytes()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_even_in_the_middle_of_everything(tmp_path: Path, end: signal.Signals) -> None:
    sandbox = Sandbox(tmp_path / "store.sqlite", silence_s=60)
    outcomes: list[str] = []

    def ask(path: str, fault: str | None = None) -> None:
        try:
            if fault is None:
                sandbox.get(path, wait_for=99, timeout=60)
            else:
                sandbox.send(to=[{"email": f"fault+{fault}@example.com"}], read_s=30)
            outcomes.append("answered")
        except urllib3.exceptions.HTTPError:
            outcomes.append("cut off")

    asking = [threading.Thread(target=ask, args=("/inbox.json",))]
    asking += [
        threading.Thread(target=ask, args=("", each)) for each in ("timeout-after", "slow=50000", "drip")
    ]
    for each in asking:
        each.start()
    sandbox.json("/attempts.json", wait_for=3)
    began = time.monotonic()
    sandbox.process.send_signal(end)
    sandbox.process.wait(timeout=5)
    assert time.monotonic() - began < 2
    for each in asking:
        each.join(timeout=5)
    assert len(outcomes) == 4
    assert sandbox.stop() == (0, "")


def test_a_taken_port_is_said_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [
            sys.executable,
            "-m",
            "sandbox.mandrill",
            "--port",
            port,
            "--store",
            str(tmp_path / "store.sqlite"),
        ]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr
