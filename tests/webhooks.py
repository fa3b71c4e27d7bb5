"""Mandrill's side of a webhook: events as it tells them, and posts as it signs them."""

import base64
import hashlib
import hmac
import itertools
import json
from typing import Any
from urllib.parse import urlencode

from tests.client import ApiClient, Reply

PATH = "/api/v1/webhooks/mandrill"
KEY = "a-key-of-the-tests"
URL = "https://app.example.test/hooks/mandrill"
TS = 1_795_000_000
_numbers = itertools.count(1)


def event(kind: str, email: str, send_id: object = None, *, ts: int = TS, **more: Any) -> dict[str, Any]:
    """One event of one message; `reason` is that of a reject."""
    number = more.pop("id", None) or f"id{next(_numbers):030}"
    metadata = {} if send_id is None else {"send_id": str(send_id)}
    reason = more.pop("reason", None)
    msg = {
        "_id": number,
        "ts": ts,
        "email": email,
        "subject": "Your appointment",
        "metadata": metadata,
        **more,
    }
    made: dict[str, Any] = {"event": kind, "ts": ts, "_id": number, "msg": msg}
    if reason is not None:
        made["reject"] = {"reason": reason, "email": email}
    return made


def signed(value: str, key: str = KEY, url: str = URL) -> str:
    """The signature of a post with one field, by the rule of mail.md section 1."""
    text = (url + "mandrill_events" + value).encode()
    return base64.b64encode(hmac.new(key.encode(), text, hashlib.sha1).digest()).decode()


def post(
    api: ApiClient, events: Any, *, key: str = KEY, url: str = URL, signature: str | None = None
) -> Reply:
    """Post events; text is posted as it is."""
    value = events if isinstance(events, str) else json.dumps(events)
    return api.raw(
        urlencode({"mandrill_events": value}).encode(),
        path=PATH,
        Content_Type="application/x-www-form-urlencoded",
        X_Mandrill_Signature=signed(value, key, url) if signature is None else signature,
    )
