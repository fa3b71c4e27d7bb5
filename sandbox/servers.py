"""The door to this room's servers: a PostgreSQL and a Redis of our own, prepared to be started.

`make run` has them supervised (`sandbox.supervision`), the tests and the benchmark start them themselves:

    server = prepare_redis(directory)
    process = subprocess.Popen(server.command, cwd=server.directory)
    wait_until(server.is_ready, within_s=10)
"""

from pathlib import Path

from sandbox import postgres, redis
from sandbox.accounts import Account
from sandbox.ports import free_port
from sandbox.postgres import Postgres, PostgresUnavailableError
from sandbox.redis import Redis, RedisUnavailableError

__all__ = [
    "Account",
    "Postgres",
    "PostgresUnavailableError",
    "Redis",
    "RedisUnavailableError",
    "free_port",
    "prepare_postgres",
    "prepare_redis",
]


def prepare_postgres(directory: Path, *, port: int | None = None, durable: bool = True) -> Postgres:
    """Find PostgreSQL, make its data in `directory`/postgres unless they are there; it is not started.

    `port` is taken if it is free, else another. Raises `PostgresUnavailableError`.
    """
    return postgres.prepare(directory / "postgres", port=free_port(port), durable=durable)


def prepare_redis(directory: Path, *, port: int | None = None, durable: bool = True) -> Redis:
    """Find Redis and write its configuration into `directory`/redis; it is not started.

    `port` is taken if it is free, else another. Raises `RedisUnavailableError`.
    """
    return redis.prepare(directory / "redis", port=free_port(port), durable=durable)
