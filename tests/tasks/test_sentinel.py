"""Redis behind Sentinel by URL alone: the group's name is part of it, and the primary is found."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from sandbox import processes
from sandbox.ports import free_port
from tests.servers import Server, running_redis
from tests.stack import ROOT
from tests.waiting import eventually

THERE_AND_BACK = """
from models.command_publishing import Due
from tasks.publishing import publish
from workers.app import app

app.set_current()
assert publish([Due(1, "send-confirmation")])
with app.connection_for_read() as connection:
    taken = connection.default_channel.basic_get("mail")
    print(taken.headers["task"], taken.headers["argsrepr"])
    taken.ack()
"""


@pytest.fixture
def primary() -> Iterator[Server]:
    with running_redis() as server:
        yield server


@pytest.fixture
def sentinel_port(primary: Server, tmp_path: Path) -> Iterator[int]:
    """A Sentinel that watches the primary as `appointments`."""
    port = free_port()
    configuration = tmp_path / "sentinel.conf"
    configuration.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\n"
        f"sentinel monitor appointments 127.0.0.1 {primary.port} 1\n"
        f"sentinel auth-pass appointments {urlsplit(primary.url).password}\n"
    )
    program = primary.described.command[0]
    with (tmp_path / "sentinel.log").open("wb") as log:
        process = subprocess.Popen(
            [program, str(configuration), "--sentinel"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=processes.dies_with_parent(signal.SIGKILL),  # noqa: PLW1509 - main thread
        )
    with redis.Redis(port=port) as client:
        eventually(lambda: _knows(client), what="Sentinel knows the primary")
    yield port
    process.terminate()
    process.wait(10)


def _knows(sentinel: redis.Redis) -> bool:
    try:
        return bool(sentinel.execute_command("SENTINEL get-master-addr-by-name appointments"))
    except redis.RedisError:
        return False


def test_messages_go_to_the_primary_that_sentinel_names_and_come_back(
    configured: None, primary: Server, sentinel_port: int
) -> None:
    password = urlsplit(primary.url).password
    url = f"sentinel://:{password}@127.0.0.1:{sentinel_port}/0?master_name=appointments"
    ran = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", THERE_AND_BACK],
        cwd=ROOT,
        env={**os.environ, "CELERY_BROKER_URL": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == ["send-confirmation", "(1,)"]
