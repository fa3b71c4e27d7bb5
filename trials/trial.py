"""One trial of the product: servers of its own on free ports, in a directory that is removed afterwards.

PostgreSQL runs with fsync and synchronous_commit, as in production. The commands come from the Procfile. Who
starts and ends the processes, and how, is the affair of whoever makes the trial (`bench.servers`, `chaos.world`).
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from sandbox import procfile, servers
from sandbox.ports import LOOPBACK, free_port
from settings import Settings

ROOT = Path(__file__).resolve().parents[1]


class ServerFailedError(Exception):
    """Something of the trial did not start or died; the text is a sentence."""


class Trial:
    """Where everything is: the servers, the ports, the addresses, the commands and their environment."""

    def __init__(self, directory: Path, *, durable_broker: bool = True, **told: str) -> None:
        """Find the programs and make the data; nothing is started yet. `told` goes to every process."""
        self.directory = directory
        self.postgres = servers.prepare_postgres(directory)
        self.redis = servers.prepare_redis(directory, durable=durable_broker)
        self.port, self.sandbox_port = free_port(), free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.sandbox_url = f"http://{LOOPBACK}:{self.sandbox_port}"
        self.commands = procfile.read(ROOT / "Procfile")
        self.environment = {**self._environment(), **told}

    def make_schema(self) -> None:
        """Make the database and its newest schema; PostgreSQL has to run. Raises `ServerFailedError`."""
        self.postgres.create_database()
        migrated = subprocess.run(
            [sys.executable, "-m", "alembic", "upgrade", "head"],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if migrated.returncode != 0:
            raise ServerFailedError(f"The schema could not be made: {migrated.stderr.strip()[-1000:]}")

    def _environment(self) -> Mapping[str, str]:
        """What every process is told; what the caller's environment says about the product is left out."""
        kept = {
            name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields
        }
        return {
            **kept,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "APP_ENV": "development",
            "DATABASE_URL": self.postgres.url(),
            "REDIS_URL": self.redis.url(),
            "CELERY_BROKER_URL": self.redis.url(),
            "MANDRILL_URL": f"{self.sandbox_url}/api/1.0",
            "MANDRILL_API_KEY": "sandbox-key",
            "APPT_TYPES": "[]",
            "DELIVERY_TYPES": "[]",
            "PUBLIC_URL": self.url,
            "PORT": str(self.port),
            "SANDBOX_PORT": str(self.sandbox_port),
            "VAR_DIR": str(self.directory),
        }


@contextlib.contextmanager
def temporary_directory(purpose: str) -> Iterator[Path]:
    """A directory for a trial, removed at the end."""
    directory = Path(tempfile.mkdtemp(prefix=f"appointments-{purpose}-"))
    directory.chmod(0o711)  # PostgreSQL's account must pass through when root runs this
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
