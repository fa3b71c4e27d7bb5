"""A real RabbitMQ for the tests: a node of their own on loopback, apart from any service of the machine.

It has its own name, ports, data, cookie and port mapper (epmd), and no plugins. It needs `rabbitmq-server` on
the PATH and no particular account.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from kombu import Connection

from sandbox import processes
from sandbox.ports import free_port
from tests.servers import reachable_directory

_START_WITHIN_S = 60
_STOP_WITHIN_S = 30
_PACKAGED = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
"""Debian's command on the PATH insists on an account and directories of its own, and calls this one."""


def find_rabbitmq() -> str | None:
    """The program, if RabbitMQ is installed."""
    found = shutil.which("rabbitmq-server")
    return str(_PACKAGED) if found and _PACKAGED.exists() else found


class RabbitMQ:
    """A node that tests may stop, kill and start again; its port and data stay."""

    def __init__(self, directory: Path) -> None:
        """Nothing is started yet."""
        program = find_rabbitmq()
        assert program is not None, "There is no rabbitmq-server on the PATH."
        self._program = program
        self._directory = directory
        self.port = free_port()
        self._epmd_port = free_port()
        self._epmd: subprocess.Popen[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        (directory / "plugins").write_text("[].\n")
        (directory / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            "disk_free_limit.absolute = 1MB\n"
            "raft.wal_max_size_bytes = 16000000\n"
        )
        self._environment = {
            **os.environ,
            "HOME": str(directory),
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(directory / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(directory / "data"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "RABBITMQ_PID_FILE": str(directory / "pid"),
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2",
            # The script replaces itself with Erlang, so that signals reach it and it ends with the tests.
            "RUNNING_UNDER_SYSTEMD": "true",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    @property
    def url(self) -> str:
        """The URL for CELERY_BROKER_URL."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self) -> None:
        """Start the node and wait until it takes connections."""
        if self._epmd is None:
            # Otherwise the node would start one that outlives it.
            self._epmd = self._run("epmd")
        self._process = self._run(self._program)
        processes.wait_until(
            lambda: self._answers() or self._process is None or self._process.poll() is not None,
            within_s=_START_WITHIN_S,
        )
        assert self._answers(), f"RabbitMQ did not start:\n{self._log.read_text(errors='replace')[-2000:]}"

    def stop(self) -> None:
        """An orderly stop of the node; its data stay."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """`kill -9`."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """Stop everything."""
        self.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()

    @property
    def _log(self) -> Path:
        return self._directory / "output.txt"

    def _run(self, *command: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=processes.dies_with_parent(signal.SIGKILL),  # noqa: PLW1509 - main thread
            )

    def _end(self, sign: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(sign)
        try:
            self._process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _answers(self) -> bool:
        try:
            with Connection(self.url, connect_timeout=1) as connection:
                connection.connect()
        except Exception:  # noqa: BLE001 - not yet
            return False
        return True


@contextlib.contextmanager
def running_rabbitmq() -> Iterator[RabbitMQ]:
    """A fresh node, stopped and removed at the end."""
    with reachable_directory() as directory:
        node = RabbitMQ(directory)
        try:
            node.start()
            yield node
        finally:
            node.close()
