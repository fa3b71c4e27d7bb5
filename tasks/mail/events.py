"""What Mandrill tells by webhook: the check of its signature, and its JSON in our words. Pure.

The shape of an event and the rule of the signature are those of mail.md section 1. Mandrill adds kinds and
keys unannounced, so whatever is an object is an event, and what is missing in it stays empty.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic_core import from_json

from tasks.mail.plain import one_line, shortened

FIELD = "mandrill_events"
SIGNATURE_HEADER = "X-Mandrill-Signature"
CHECK_KEY = "test-webhook"
"""What Mandrill signs the empty list with by which it tries out a URL that is about to be registered."""

LAST_TS = 4_102_444_800
"""The year 2100: a stamp beyond it is none."""

_ADDRESS = re.compile(r"[^\s<>;,:]+@[^\s<>;,:]+")


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """An event in our words. `at` is aware; `reason` and `detail` are one line each and hold no address."""

    provider_id: str
    event: str
    at: datetime
    send_id: UUID | None = None
    recipient: str = field(default="", repr=False)
    reason: str | None = None
    detail: str | None = None


class EventsError(ValueError):
    """The field does not hold a list of events. The message is a sentence."""


def signature(key: str, url: str, fields: Sequence[tuple[str, str]]) -> str:
    """Base64 of HMAC-SHA1 over the registered URL and each field's name and value, in the order of the names."""
    signed = url + "".join(name + value for name, value in sorted(fields, key=lambda field: field[0]))
    mac = hmac.new(key.encode(), signed.encode("utf-8", "surrogatepass"), hashlib.sha1)
    return base64.b64encode(mac.digest()).decode()


def is_signed(given: str, key: str, url: str, fields: Sequence[tuple[str, str]]) -> bool:
    """Whether the signature is the key's; takes the same time for every wrong one."""
    wanted = signature(key, url, fields)
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())


def told_events(text: str, *, now: datetime) -> list[ToldEvent]:
    """The events of one POST, each whatever it is worth; `now` (aware) is the moment of one without a stamp.

    Raises:
        EventsError: not a JSON array.
    """
    try:
        found = from_json(text.encode("utf-8", "surrogatepass"), allow_inf_nan=False)
    except ValueError:
        raise EventsError(f"The field {FIELD} is not JSON.") from None
    if not isinstance(found, list):
        raise EventsError(f"The field {FIELD} is not a JSON array.")
    return [_told(entry, now) for entry in found]


def _told(entry: Any, now: datetime) -> ToldEvent:
    event: dict[str, Any] = entry if isinstance(entry, dict) else {}
    msg = event.get("msg")
    message: dict[str, Any] = msg if isinstance(msg, dict) else {}
    metadata = message.get("metadata")
    return ToldEvent(
        provider_id=_text(event, "_id", 80) or _text(message, "_id", 80) or _digest(entry),
        # Of another kind than a message's, such as a change of the rejection list, it has a `type` instead.
        event=_text(event, "event", 40) or _text(event, "type", 40) or "unknown",
        at=_instant(event.get("ts"), now),
        send_id=_uuid(metadata.get("send_id") if isinstance(metadata, dict) else None),
        recipient=_text(message, "email", 320),
        reason=_reason(event, message),
        detail=_ADDRESS.sub("…", _text(message, "diag", 500)) or None,
    )


def _reason(event: dict[str, Any], message: dict[str, Any]) -> str | None:
    for holder in (event.get("reject"), message.get("reject")):
        if isinstance(holder, dict) and (reason := _text(holder, "reason", 128)):
            return _ADDRESS.sub("…", reason)
    return _ADDRESS.sub("…", _text(message, "bounce_description", 128)) or None


def _text(holder: dict[str, Any], name: str, length: int) -> str:
    value = holder.get(name)
    # One line, and nothing that PostgreSQL could not store.
    return shortened(one_line(value), length) if isinstance(value, str) else ""


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) and len(value) <= 45 else None
    except ValueError:
        return None


def _instant(ts: object, now: datetime) -> datetime:
    if isinstance(ts, bool) or not isinstance(ts, int | float) or not 0 <= ts < LAST_TS:
        return now
    return datetime.fromtimestamp(int(ts), UTC)


def _digest(entry: object) -> str:
    """What stands for the id of an event that has none: the same event told twice has the same."""
    return hashlib.sha256(repr(entry).encode("utf-8", "surrogatepass")).hexdigest()[:40]
