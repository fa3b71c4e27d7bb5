"""Whether one background process of this host works: `python -m workers.check NAME`, for probes.

NAME is the process's `PROCESS_NAME`, such as `worker-mail` or `relay-1`. A sentence says what was found; the exit
status is 0 when the process was heard of within the last half minute, else 1.

A database that does not answer says nothing about the process, and a restart would not mend it: then the status is
0 as well. The processes themselves wait for their database and tell a stall from a wait (`workers/liveness.py`).
"""

import argparse
import socket
import sys
from dataclasses import dataclass

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from models import database
from models.heartbeats import SILENT_AFTER_S

_NAMES = text("SELECT name FROM heartbeats WHERE name LIKE :here ORDER BY name LIMIT 30")
_BEAT = text(
    "SELECT extract(epoch FROM now() - beat_at)::float AS age_s, release FROM heartbeats WHERE name = :name"
)


@dataclass(frozen=True, slots=True)
class Found:
    """The exit status, and the sentence for it."""

    status: int
    sentence: str


def check(process: str, host: str, silent_after_s: float = SILENT_AFTER_S) -> Found:
    """Look up the heartbeat of `process` on `host`."""
    try:
        with database.engine().connect() as connection:
            beat = connection.execute(_BEAT, {"name": f"{process}@{host}"}).first()
            known = [] if beat else _known(connection, host)
    except SQLAlchemyError:
        return Found(0, "The database does not answer, so nothing is known; a restart would not mend that.")
    if beat is None:
        return Found(
            1,
            f"{process} was never heard of on {host}; see that it runs with PROCESS_NAME={process}. {_listed(known)}",
        )
    if beat.age_s > silent_after_s:
        return Found(1, f"{process} was last heard of {beat.age_s:.0f} s ago: it stands still, or has ended.")
    return Found(0, f"{process} works; it was heard of {beat.age_s:.0f} s ago, as release {beat.release}.")


def names(host: str) -> Found:
    """What can be asked about; without a name nothing was found out, hence the status 2, as of any wrong usage."""
    try:
        with database.engine().connect() as connection:
            return Found(2, f"Give the name of a process. {_listed(_known(connection, host))}")
    except SQLAlchemyError:
        return Found(2, "Give the name of a process. The database does not answer, so none is known.")


def _known(connection: Connection, host: str) -> list[str]:
    found = connection.execute(_NAMES, {"here": f"%@{host}"}).scalars()
    return [name.removesuffix(f"@{host}") for name in found]


def _listed(known: list[str]) -> str:
    return f"Heard of here: {', '.join(known)}." if known else "No process of this host was heard of."


def main() -> None:
    """Print the sentence and exit with the status."""
    parser = argparse.ArgumentParser(
        prog="python -m workers.check", description="Check one process of this host."
    )
    parser.add_argument(
        "name",
        metavar="NAME",
        nargs="?",
        help="its PROCESS_NAME; without one, those that are known are listed",
    )
    parser.add_argument("--silent-after", type=float, default=SILENT_AFTER_S, metavar="S")
    given = parser.parse_args()
    host = socket.gethostname()
    found = names(host) if given.name is None else check(given.name, host, given.silent_after)
    sys.stdout.write(found.sentence + "\n")
    sys.exit(found.status)


if __name__ == "__main__":
    main()
