"""Sentinels: random words that stand for secrets, made when a test runs, and where they are looked for."""

import base64
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

import pytest
import redis
import sentry_sdk

from settings import get_settings
from tests.overheard import EnvelopeSink, envelope_sink, everything_in

SETTINGS = {
    "MANDRILL_API_KEY": "the key of Mandrill",
    "MANDRILL_WEBHOOK_KEY": "the key of webhooks",
    "SECRET_KEY": "the key of cookies",
    "METRICS_TOKEN": "the token of the metrics",
}
"""Settings that are secret, as far as a test can change them without changing its servers."""


@dataclass
class Hidden:
    """The secrets by what they are."""

    words: dict[str, str] = field(repr=False)

    def __getitem__(self, name: str) -> str:
        return self.words[name]

    def found_in(self, text: str | bytes, *, but: tuple[str, ...] = ()) -> list[str]:
        """The names of those that a text gives away: plain, in base64, or as a URL spells them."""
        seen = text if isinstance(text, bytes) else text.encode()
        return [
            name
            for name, word in self.words.items()
            if name not in but and any(spelled.encode() in seen for spelled in _spellings(word))
        ]


def _spellings(word: str) -> set[str]:
    """Of a token its secret part is enough."""
    told = word.split("_", 2)[-1] if word.startswith(("application_", "session_")) else word
    return {told, quote(told), base64.b64encode(told.encode()).decode()[4:-4]}


def word(kind: str) -> str:
    """A new sentinel."""
    return kind + secrets.token_hex(10)


@contextmanager
def secret_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[dict[str, str], EnvelopeSink]]:
    """Settings with sentinels in them, and a Sentry that keeps what this process sends."""
    words = {what: word("setting") for what in SETTINGS.values()}
    with envelope_sink() as (sink, dsn):
        for name, what in SETTINGS.items():
            monkeypatch.setenv(name, words[what])
        monkeypatch.setenv("SENTRY_DSN", dsn)
        get_settings.cache_clear()
        try:
            yield words, sink
        finally:
            sentry_sdk.get_client().close(timeout=2)
            sentry_sdk.get_global_scope().set_client(None)
            monkeypatch.undo()
            get_settings.cache_clear()


def in_redis() -> bytes:
    """Everything that the process has left in Redis: keys and values."""
    with redis.Redis.from_url(get_settings().redis_url) as client:
        return b"\n".join([*client.scan_iter(), everything_in(client)])
