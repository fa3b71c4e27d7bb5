"""The one SQLite file: its tables, and how it is opened.

One connection on one thread (the event loop's; SQLite itself refuses another), write-ahead log, no fsync: what
is written survives the end of the process, not a loss of power. A file of another version is emptied.

Ids are never used twice (AUTOINCREMENT) where rows may be deleted while a POST about them is under way: its
outcome must not hit their successors.
"""

import sqlite3
from pathlib import Path

_SCHEMA_VERSION = 3
_SCHEMA = """
CREATE TABLE messages (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    at REAL NOT NULL,
    sender TEXT NOT NULL,
    subject TEXT NOT NULL,
    addresses TEXT NOT NULL,
    send_id TEXT,
    appointment_id TEXT,
    status TEXT NOT NULL,
    fault TEXT,
    tags TEXT NOT NULL,
    entries TEXT NOT NULL,
    call TEXT NOT NULL,
    template TEXT,
    test_mode INTEGER NOT NULL,
    raw BLOB NOT NULL,
    derived BLOB
);
CREATE INDEX messages_send_id ON messages (send_id) WHERE send_id IS NOT NULL;
CREATE INDEX messages_appointment_id ON messages (appointment_id) WHERE appointment_id IS NOT NULL;
CREATE TABLE attempts (
    seq INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    send_id TEXT,
    addresses TEXT NOT NULL,
    subject TEXT NOT NULL,
    fault TEXT,
    outcome TEXT NOT NULL,
    http_status INTEGER,
    message_id TEXT
);
CREATE INDEX attempts_send_id ON attempts (send_id) WHERE send_id IS NOT NULL;
CREATE TABLE templates (slug TEXT PRIMARY KEY, facts TEXT NOT NULL);
CREATE TABLE webhooks (id INTEGER PRIMARY KEY AUTOINCREMENT, url TEXT NOT NULL, facts TEXT NOT NULL);
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    event TEXT NOT NULL,
    message_id TEXT NOT NULL,
    mail_id TEXT NOT NULL,
    send_id TEXT,
    email TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX events_mail_id ON events (mail_id);
CREATE INDEX events_send_id ON events (send_id) WHERE send_id IS NOT NULL;
CREATE TABLE deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event INTEGER NOT NULL,
    webhook INTEGER NOT NULL,
    batch INTEGER,
    state TEXT NOT NULL,
    due REAL NOT NULL,
    tries INTEGER NOT NULL,
    tried_at REAL,
    outcome TEXT
);
CREATE INDEX deliveries_event ON deliveries (event);
CREATE INDEX deliveries_waiting ON deliveries (webhook, due) WHERE state = 'waiting';
"""
_TABLES = ("messages", "attempts", "templates", "webhooks", "events", "deliveries")


def open_database(path: Path) -> sqlite3.Connection:
    """Raises OSError and sqlite3.Error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, isolation_level=None, cached_statements=64)
    database.executescript("PRAGMA journal_mode = wal; PRAGMA synchronous = off; PRAGMA cache_size = -16000;")
    # SQLite's own lower() knows only ASCII.
    database.create_function("lower", 1, lambda text: text.lower() if text else text, deterministic=True)
    if database.execute("PRAGMA user_version").fetchone()[0] != _SCHEMA_VERSION:
        drops = "".join(f"DROP TABLE IF EXISTS {table};" for table in _TABLES)
        database.executescript(f"BEGIN; {drops} {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;")
    return database
