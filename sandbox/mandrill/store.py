"""What the sandbox has accepted, and what was tried; written before any answer leaves.

The API key is never written.
"""

# ruff: noqa: S608 - the only text put into statements are the clauses and column names written in this file.

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

from sandbox.mandrill.wire import SendRequest

# A recipient's `_id` is the mail's id (28 hexadecimal digits) and the recipient's place in it (4 digits).
MAIL_ID_LENGTH = 28


def recipient_id(mail_id: str, index: int) -> str:
    return f"{mail_id}{index & 0xFFFF:04x}"


@dataclass(frozen=True, slots=True)
class StoredMail:
    """One accepted mail.

    ``entries`` are the answer's, with the recipients' ``type`` and ``name`` added and, once an event changed
    it, their ``state``. ``call`` is how it came, as messages/send; ``derived`` is its message where the
    request has none in that form.
    """

    seq: int
    mail_id: str
    at: float
    sender: str
    subject: str
    send_id: str | None
    appointment_id: str | None
    status: str
    fault: str | None
    tags: list[str]
    entries: list[dict[str, Any]]
    call: str
    template: str | None
    test_mode: bool
    raw: bytes
    derived: bytes | None

    @property
    def id(self) -> str:
        """The `_id` of the first recipient: what the client keeps as the provider's id."""
        return recipient_id(self.mail_id, 0)

    def addresses(self, kind: str) -> list[str]:
        return [entry["email"] for entry in self.entries if entry["type"] == kind]

    def request(self) -> dict[str, Any]:
        """The whole request, its key replaced by "(redacted)"."""
        return from_json(self.raw)  # type: ignore[no-any-return]

    def message(self) -> dict[str, Any]:
        """In the form of messages/send, whichever call it came by."""
        if self.derived is not None:
            return from_json(self.derived)  # type: ignore[no-any-return]
        return self.request()["message"]  # type: ignore[no-any-return]

    def entry(self, identifier: str) -> dict[str, Any] | None:
        """The recipient with this `_id`."""
        return next((entry for entry in self.entries if entry["_id"] == identifier), None)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One POST to a call that sends. ``http_status`` is None where no answer was sent."""

    at: float
    send_id: str | None
    addresses: list[str]
    subject: str
    fault: str | None
    outcome: str
    http_status: int | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which mails (or attempts); blank means any. ``to`` is a recipient of any type, whole or in part."""

    to: str = ""
    subject: str = ""
    send_id: str = ""
    appointment_id: str = ""
    status: str = ""
    since: float | None = None
    until: float | None = None
    duplicates: bool = False

    def where(self) -> tuple[str, list[object]]:
        clauses: list[str] = ["TRUE"]
        values: list[object] = []
        if self.to:
            wanted = self.to.strip().lower()
            whole = "@" in wanted.strip("@")
            clauses.append("instr(addresses, ?) > 0")
            values.append(f"\n{wanted}\n" if whole else wanted)
        if self.subject:
            clauses.append("instr(lower(subject), ?) > 0")
            values.append(self.subject.lower())
        for column in ("send_id", "appointment_id", "status"):
            if wanted := getattr(self, column):
                clauses.append(f"{column} = ?")
                values.append(wanted)
        if self.since is not None:
            clauses.append("at >= ?")
            values.append(self.since)
        if self.until is not None:
            clauses.append("at < ?")
            values.append(self.until)
        if self.duplicates:
            clauses.append("send_id IN (SELECT send_id FROM messages GROUP BY send_id HAVING count(*) > 1)")
        return " AND ".join(clauses), values


class Store:
    """The tables of mails and attempts."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database

    def record(
        self,
        attempt: Attempt,
        *,
        mail_id: str | None = None,
        send: SendRequest | None = None,
        entries: list[dict[str, Any]] | None = None,
    ) -> None:
        """The attempt, and with it the mail if it was accepted: ``mail_id``, ``send`` and ``entries``."""
        addresses = "\n" + "\n".join(each.lower() for each in attempt.addresses) + "\n"
        self._db.execute("BEGIN")
        try:
            if mail_id is not None and send is not None and entries:
                self._db.execute(
                    "INSERT INTO messages (id, at, sender, subject, addresses, send_id, appointment_id,"
                    " status, fault, tags, entries, call, template, test_mode, raw, derived)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (mail_id, attempt.at, send.from_email, send.subject, addresses, send.send_id,
                     send.appointment_id, entries[0]["status"], attempt.fault,
                     to_json(send.tags).decode(), to_json(entries).decode(), send.call, send.template,
                     send.test_mode, send.raw, send.derived),
                )  # fmt: skip
            self._db.execute(
                "INSERT INTO attempts (at, send_id, addresses, subject, fault, outcome, http_status,"
                " message_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (attempt.at, attempt.send_id, addresses, attempt.subject, attempt.fault, attempt.outcome,
                 attempt.http_status, None if mail_id is None else recipient_id(mail_id, 0)),
            )  # fmt: skip
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def change_entries(self, mail_id: str, entries: list[dict[str, Any]]) -> None:
        self._db.execute("UPDATE messages SET entries = ? WHERE id = ?", [to_json(entries).decode(), mail_id])

    def count(self, wanted: Filter) -> int:
        where, values = wanted.where()
        return int(self._db.execute(f"SELECT count(*) FROM messages WHERE {where}", values).fetchone()[0])

    def mails(self, wanted: Filter, *, limit: int, offset: int = 0) -> list[StoredMail]:
        """Newest first."""
        where, values = wanted.where()
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM messages WHERE {where} ORDER BY seq DESC LIMIT ? OFFSET ?",
            [*values, limit, offset],
        )
        return [_stored(row) for row in rows]

    def mail(self, identifier: str) -> StoredMail | None:
        """By the mail's id or any of its recipients' `_id`."""
        row = self._db.execute(
            f"SELECT {_COLUMNS} FROM messages WHERE id = ?", [identifier[:MAIL_ID_LENGTH]]
        ).fetchone()
        return None if row is None else _stored(row)

    def copies(self, send_ids: Iterable[str | None]) -> dict[str, int]:
        """How many mails were accepted with each of these send_ids."""
        wanted = sorted({each for each in send_ids if each is not None})
        rows = self._db.execute(
            "SELECT send_id, count(*) FROM messages WHERE send_id IN (SELECT value FROM json_each(?))"
            " GROUP BY send_id",
            [to_json(wanted).decode()],
        )
        return dict(rows.fetchall())

    def duplicated(self) -> int:
        """How many mails are repetitions of an earlier one with the same send_id."""
        return int(
            self._db.execute("SELECT count(send_id) - count(DISTINCT send_id) FROM messages").fetchone()[0]
        )

    def count_attempts(self, wanted: Filter) -> int:
        where, values = wanted.where()
        return int(self._db.execute(f"SELECT count(*) FROM attempts WHERE {where}", values).fetchone()[0])

    def attempts(self, wanted: Filter, *, limit: int) -> list[Mapping[str, Any]]:
        """Newest first, as JSON objects."""
        where, values = wanted.where()
        rows = self._db.execute(
            "SELECT seq, at, send_id, addresses, subject, fault, outcome, http_status, message_id"
            f" FROM attempts WHERE {where} ORDER BY seq DESC LIMIT ?",
            [*values, limit],
        )
        return [
            {"id": row[0], "at": row[1], "send_id": row[2], "to": row[3].split(), "subject": row[4],
             "fault": row[5], "outcome": row[6], "http_status": row[7], "message_id": row[8],
             "stored": row[8] is not None}
            for row in rows
        ]  # fmt: skip

    def clear(self) -> tuple[int, int]:
        """Forgets everything. How many mails and attempts there were."""
        self._db.execute("BEGIN")
        mails = self._db.execute("DELETE FROM messages").rowcount
        attempts = self._db.execute("DELETE FROM attempts").rowcount
        self._db.execute("COMMIT")
        if mails > 1000:
            self._db.execute("VACUUM")
        return mails, attempts


_COLUMNS = (
    "seq, id, at, sender, subject, send_id, appointment_id, status, fault, tags, entries, call, template,"
    " test_mode, raw, derived"
)


def _stored(row: tuple[Any, ...]) -> StoredMail:
    *head, tags, entries, call, template, test_mode, raw, derived = row
    tail = (from_json(tags), from_json(entries), call, template, bool(test_mode), raw, derived)
    return StoredMail(*(*head, *tail))
