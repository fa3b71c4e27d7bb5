"""What belongs to the account rather than to a mail: templates, registered webhooks, metadata fields.

Templates and webhooks are kept in the store and outlive a clearing of the inbox; the fields are in memory.
"""

import secrets
import sqlite3
from dataclasses import asdict, dataclass, replace
from typing import Any

from pydantic_core import from_json, to_json

# An account registers up to ten metadata fields; only these are searched and shown. Ours starts with these.
REGISTERED_FIELDS = ("send_id", "appointment_id", "kind")
MOST_FIELDS = 10
AT_START = "given at start"


@dataclass(frozen=True, slots=True)
class Webhook:
    """One registered receiver. ``delay_s``, ``copies`` and ``paused`` are the sandbox's, not Mandrill's."""

    id: int
    url: str
    key: str
    description: str
    events: tuple[str, ...]
    created_at: float
    delay_s: float = 0.0
    """How long every event waits before it is posted for the first time."""
    copies: int = 1
    """How often every batch is posted."""
    paused: bool = False
    """Whether events are held until this is false again."""
    disabled: bool = False
    """Whether Mandrill gave it up; see ``last_error``."""
    last_error: str | None = None
    last_sent_at: float | None = None
    batches_sent: int = 0
    events_sent: int = 0


def new_webhook_key() -> str:
    """22 characters, as Mandrill's are."""
    return secrets.token_urlsafe(16)


class Account:
    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        self.fields: set[str] = set(REGISTERED_FIELDS)
        rows = database.execute("SELECT id, facts FROM webhooks ORDER BY id")
        self.webhooks: dict[int, Webhook] = {row[0]: _webhook(row[0], row[1]) for row in rows}

    def reset_fields(self) -> None:
        self.fields.clear()
        self.fields.update(REGISTERED_FIELDS)

    # Webhooks

    def add_webhook(
        self, url: str, *, key: str, description: str, events: tuple[str, ...], at: float
    ) -> Webhook:
        facts = Webhook(0, url, key or new_webhook_key(), description, events, at)
        cursor = self._db.execute(
            "INSERT INTO webhooks (url, facts) VALUES (?, ?)", [url, to_json(asdict(facts)).decode()]
        )
        webhook = replace(facts, id=int(cursor.lastrowid or 0))
        self.webhooks[webhook.id] = webhook
        return webhook

    def change_webhook(self, identifier: int, **changes: Any) -> Webhook | None:
        """None if it is gone, which it may be by the time a POST to it ends."""
        if identifier not in self.webhooks:
            return None
        webhook = replace(self.webhooks[identifier], **changes)
        self.webhooks[identifier] = webhook
        self._db.execute(
            "UPDATE webhooks SET url = ?, facts = ? WHERE id = ?",
            [webhook.url, to_json(asdict(webhook)).decode(), identifier],
        )
        return webhook

    def delete_webhook(self, identifier: int) -> Webhook | None:
        self._db.execute("DELETE FROM webhooks WHERE id = ?", [identifier])
        self._db.execute("DELETE FROM deliveries WHERE webhook = ? AND state = 'waiting'", [identifier])
        return self.webhooks.pop(identifier, None)

    def register_at_start(self, url: str, key: str, *, events: tuple[str, ...], at: float) -> None:
        """The webhook of the command line, in place of those of earlier starts. A blank URL removes those."""
        kept = None
        for each in [each for each in self.webhooks.values() if each.description == AT_START]:
            if each.url == url and kept is None:
                kept = self.change_webhook(each.id, key=key or each.key, disabled=False, last_error=None)
            else:
                self.delete_webhook(each.id)
        if url and kept is None:
            self.add_webhook(url, key=key, description=AT_START, events=events, at=at)

    # Templates

    def template(self, slug: str) -> dict[str, Any] | None:
        row = self._db.execute("SELECT facts FROM templates WHERE slug = ?", [slug]).fetchone()
        return None if row is None else from_json(row[0])

    def templates(self) -> list[dict[str, Any]]:
        rows = self._db.execute("SELECT facts FROM templates ORDER BY slug")
        return [from_json(row[0]) for row in rows]

    def put_template(self, facts: dict[str, Any]) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO templates (slug, facts) VALUES (?, ?)",
            [facts["slug"], to_json(facts).decode()],
        )

    def delete_template(self, slug: str) -> None:
        self._db.execute("DELETE FROM templates WHERE slug = ?", [slug])


def _webhook(identifier: int, text: str) -> Webhook:
    facts = from_json(text)
    return Webhook(**{**facts, "id": identifier, "events": tuple(facts["events"])})
