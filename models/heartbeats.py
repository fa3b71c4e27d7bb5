"""Signs of life: each background process writes down, every few seconds, that it works and which build it is."""

import re
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Integer, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Instant

SILENT_AFTER_S = 30
"""A process that was not heard of for this long counts as silent."""
FORGOTTEN_AFTER_S = 24 * 3600
"""Then its row is removed: the host or the name is gone for good."""


class Heartbeat(Base):
    """One background process. `name` is unique among all hosts, such as `worker-mail@host`."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    pid: Mapped[int] = mapped_column(Integer)
    release: Mapped[str] = mapped_column(String(255))
    started_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    beat_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())


_BEAT = text(
    "INSERT INTO heartbeats (name, kind, pid, release) VALUES (:name, :kind, :pid, :release)"
    " ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, release = excluded.release, beat_at = now(),"
    " started_at = CASE WHEN heartbeats.pid = excluded.pid THEN heartbeats.started_at ELSE now() END,"
    " pid = excluded.pid"
)
_FORGET = text("DELETE FROM heartbeats WHERE beat_at < now() - make_interval(secs => :age_s)")


def beat(connection: Connection, *, name: str, kind: str, pid: int, release: str) -> None:
    """This process works at this moment, by the database's clock."""
    connection.execute(_BEAT, {"name": name, "kind": kind, "pid": pid, "release": release})
    connection.execute(_FORGET, {"age_s": FORGOTTEN_AFTER_S})


_PROCESSES = text(
    "SELECT name, kind, pid, release, started_at, beat_at, extract(epoch FROM now() - beat_at)::float AS age_s"
    " FROM heartbeats ORDER BY kind, name"
)
_NUMBER = re.compile(r"[-_.]?\d+$")


@dataclass(frozen=True, slots=True)
class Process:
    """A background process that was heard of within a day. `role` is its name without host and number.

    `is_replaced`: it is silent, and others of its role are not; one that has no name of its own, and others of its
    kind are not.
    """

    name: str
    role: str
    host: str
    kind: str
    pid: int
    release: str
    started_at: datetime
    beat_at: datetime
    age_s: float
    is_silent: bool
    is_replaced: bool = False


def read_processes(connection: Connection) -> list[Process]:
    """The background processes. One is silent after `SILENT_AFTER_S`, as `/readyz` and `workers.check` say too."""
    rows = connection.execute(_PROCESSES).mappings().all()
    split = [(row, *_role_and_host(row["name"])) for row in rows]
    lively = {role for row, role, _ in split if row["age_s"] <= SILENT_AFTER_S}
    # A process without a PROCESS_NAME is called by its kind; it has been given one since.
    lively |= {row["kind"] for row, *_ in split if row["age_s"] <= SILENT_AFTER_S}
    return [
        Process(
            **row,
            role=role,
            host=host,
            is_silent=row["age_s"] > SILENT_AFTER_S,
            is_replaced=row["age_s"] > SILENT_AFTER_S and role in lively,
        )
        for row, role, host in split
    ]


def _role_and_host(name: str) -> tuple[str, str]:
    process, _, host = name.partition("@")
    return _NUMBER.sub("", process) or process, host
