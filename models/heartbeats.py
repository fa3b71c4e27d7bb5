"""Signs of life: each background process writes down, every few seconds, that it works and which build it is."""

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
