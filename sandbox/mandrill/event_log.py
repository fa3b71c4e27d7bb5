"""Which events there were, and to which webhook each was or is still to be told.

A delivery is one event for one webhook. It is ``waiting`` until a POST is answered with 200 (``delivered``) or
tried for the last time (``given up``). The events of one POST form a batch and are tried again together.
"""

# ruff: noqa: S608 - the only text put into statements are the clauses written in this file.

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

from sandbox.mandrill.store import MAIL_ID_LENGTH

LARGEST_BATCH = 1000
DELIVERY_STATES = ("waiting", "delivered", "given up")


@dataclass(frozen=True, slots=True)
class Delivery:
    webhook: int
    state: str
    due: float
    tries: int
    tried_at: float | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    id: int
    at: float
    event: str
    message_id: str
    send_id: str | None
    email: str
    body: dict[str, Any]
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    number: int
    tries: int
    """How often it was posted before."""
    deliveries: tuple[int, ...]
    bodies: tuple[str, ...]
    """The events' JSON, in their order."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events; blank means any. ``message`` is a mail's id or any of its recipients' `_id`."""

    message: str = ""
    send_id: str = ""
    event: str = ""
    state: str = ""
    ids: tuple[int, ...] = ()

    def where(self) -> tuple[str, list[object]]:
        clauses, values = ["TRUE"], list[object]()
        if self.message:
            clauses.append("mail_id = ?")
            values.append(self.message[:MAIL_ID_LENGTH])
            if len(self.message) > MAIL_ID_LENGTH:
                clauses.append("message_id = ?")
                values.append(self.message)
        for column in ("send_id", "event"):
            if wanted := getattr(self, column):
                clauses.append(f"{column} = ?")
                values.append(wanted)
        if self.state:
            clauses.append("seq IN (SELECT event FROM deliveries WHERE state = ?)")
            values.append(self.state)
        if self.ids:
            clauses.append("seq IN (SELECT value FROM json_each(?))")
            values.append(to_json(self.ids).decode())
        return " AND ".join(clauses), values


class EventLog:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database

    def add(self, body: dict[str, Any], *, at: float, send_id: str | None) -> int:
        """Its id."""
        cursor = self._db.execute(
            "INSERT INTO events (at, event, message_id, mail_id, send_id, email, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            [at, body["event"], body["_id"], body["_id"][:MAIL_ID_LENGTH], send_id, body["msg"]["email"],
             to_json(body).decode()],
        )  # fmt: skip
        return int(cursor.lastrowid or 0)

    def schedule(self, event: int, webhook: int, *, due: float) -> None:
        self._db.execute(
            "INSERT INTO deliveries (event, webhook, state, due, tries) VALUES (?, ?, 'waiting', ?, 0)",
            [event, webhook, due],
        )

    def next_due(self, webhook: int) -> float | None:
        """When the next delivery to this webhook is to be tried; None if none waits."""
        row = self._db.execute(
            "SELECT min(due) FROM deliveries WHERE webhook = ? AND state = 'waiting'", [webhook]
        ).fetchone()
        return None if row[0] is None else float(row[0])

    def take_batch(self, webhook: int, *, now: float) -> Batch | None:
        """What is due: either one batch that failed before, or all that is new, up to 1000 events."""
        first = self._db.execute(
            "SELECT batch, tries FROM deliveries WHERE webhook = ? AND state = 'waiting' AND due <= ?"
            " ORDER BY due, seq LIMIT 1",
            [webhook, now],
        ).fetchone()
        if first is None:
            return None
        number, tries = first
        rows = self._db.execute(
            "SELECT deliveries.seq, events.body FROM deliveries JOIN events ON events.seq = deliveries.event"
            " WHERE webhook = ? AND deliveries.state = 'waiting' AND due <= ? AND batch IS ?"
            " ORDER BY deliveries.seq LIMIT ?",
            [webhook, now, number, LARGEST_BATCH],
        ).fetchall()
        deliveries = tuple(row[0] for row in rows)
        if number is None:
            number = deliveries[0]
            self._db.execute(
                "UPDATE deliveries SET batch = ? WHERE seq IN (SELECT value FROM json_each(?))",
                [number, to_json(deliveries).decode()],
            )
        return Batch(number, tries, deliveries, tuple(row[1] for row in rows))

    def settle(self, batch: Batch, *, state: str, at: float, outcome: str, due: float = 0.0) -> None:
        """What became of a try: the new state and, if that is waiting, when the next try is due."""
        self._db.execute(
            "UPDATE deliveries SET state = ?, tries = tries + 1, tried_at = ?, outcome = ?, due = ?"
            " WHERE seq IN (SELECT value FROM json_each(?))",
            [state, at, outcome, due, to_json(batch.deliveries).decode()],
        )

    def hurry(self, webhook: int, *, now: float) -> None:
        """All that waits for this webhook is due at once."""
        self._db.execute(
            "UPDATE deliveries SET due = ? WHERE webhook = ? AND state = 'waiting' AND due > ?",
            [now, webhook, now],
        )

    def count(self, wanted: EventFilter) -> int:
        where, values = wanted.where()
        return int(self._db.execute(f"SELECT count(*) FROM events WHERE {where}", values).fetchone()[0])

    def events(self, wanted: EventFilter, *, limit: int, offset: int = 0) -> list[LoggedEvent]:
        """Newest first."""
        where, values = wanted.where()
        rows = self._db.execute(
            "SELECT seq, at, event, message_id, send_id, email, body FROM events"
            f" WHERE {where} ORDER BY seq DESC LIMIT ? OFFSET ?",
            [*values, limit, offset],
        ).fetchall()
        deliveries = self._deliveries(row[0] for row in rows)
        return [
            LoggedEvent(*(*facts, from_json(body), tuple(deliveries.get(facts[0], ()))))
            for *facts, body in rows
        ]

    def _deliveries(self, events: Iterable[int]) -> dict[int, list[Delivery]]:
        found: dict[int, list[Delivery]] = {}
        rows: Sequence[tuple[Any, ...]] = self._db.execute(
            "SELECT event, webhook, state, due, tries, tried_at, outcome FROM deliveries"
            " WHERE event IN (SELECT value FROM json_each(?)) ORDER BY seq",
            [to_json(list(events)).decode()],
        ).fetchall()
        for row in rows:
            found.setdefault(row[0], []).append(Delivery(*row[1:]))
        return found

    def waiting(self, webhook: int) -> int:
        return int(
            self._db.execute(
                "SELECT count(*) FROM deliveries WHERE webhook = ? AND state = 'waiting'", [webhook]
            ).fetchone()[0]
        )

    def clear(self) -> int:
        """How many events there were."""
        self._db.execute("DELETE FROM deliveries")
        return self._db.execute("DELETE FROM events").rowcount
