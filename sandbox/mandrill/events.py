"""The events that webhooks tell: their names, and the JSON of one. Pure.

The shape follows Mandrill's published examples; where those are silent (what ``reject`` holds), ours says so
in docs/sandbox.md.
"""

from collections.abc import Mapping
from typing import Any

from sandbox.mandrill.store import StoredMail

EVENTS = (
    "send", "deferral", "hard_bounce", "soft_bounce", "delivered", "open", "click", "spam", "unsub", "reject",
)  # fmt: skip
SYNC_EVENTS = ("inbound", "whitelist", "blacklist")
"""Accepted when a webhook is registered, as Mandrill does; the sandbox has nothing to tell of them."""

STATES = {
    "send": "sent",
    "deferral": "deferred",
    "hard_bounce": "bounced",
    "soft_bounce": "soft-bounced",
    "delivered": "sent",
    "open": "sent",
    "click": "sent",
    "spam": "spam",
    "unsub": "unsub",
    "reject": "rejected",
}
"""The state of the message in the event and, from then on, in messages/info and messages/search."""

_DIAGNOSES = {
    "hard_bounce": ("bad_mailbox", "smtp;550 5.1.1 The mailbox of the recipient does not exist."),
    "soft_bounce": ("mailbox_full", "smtp;552 5.2.2 The mailbox of the recipient is full."),
    "deferral": ("", "451 4.3.5 Temporarily unavailable, please try again later."),
}
_READERS = ("open", "click")
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64) sandbox"
# What happens to a mail that is queued for one of these is only a matter of time; the others are held.
_PASSING = (None, "attachments", "multiple-recipients")


def automatic_events(entry: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """The events that follow the acceptance for one recipient, each with a reason or None.

    An entry's ``late`` is the value of the fault late-reject: the reason of a reject, or a bounce's name.
    """
    late = entry.get("late")
    if late in ("hard_bounce", "soft_bounce"):
        return [("send", None), (late, None)]
    if late is not None:
        return [("reject", late)]
    if entry["status"] == "rejected":
        return [("reject", entry["reject_reason"])]
    if entry["status"] == "sent" or (entry["status"] == "queued" and entry["queued_reason"] in _PASSING):
        return [("send", None), ("delivered", None)]
    return []


def metadata_of(message: Mapping[str, Any], email: str) -> dict[str, Any]:
    """The metadata of a message with those that one recipient has of his own."""
    metadata = dict(message.get("metadata") or {})
    for each in message.get("recipient_metadata") or []:
        if isinstance(each, dict) and each.get("rcpt") == email and isinstance(each.get("values"), dict):
            metadata.update(each["values"])
    return metadata


def event_body(
    event: str,
    mail: StoredMail,
    entry: Mapping[str, Any],
    *,
    at: float,
    reason: str | None = None,
    url: str | None = None,
    diag: str | None = None,
) -> dict[str, Any]:
    """The event as it is posted. ``reason`` is that of a reject, or the bounce_description of a bounce."""
    description, usual_diag = _DIAGNOSES.get(event, (None, None))
    message: dict[str, Any] = {
        "ts": int(mail.at),
        "_id": entry["_id"],
        "state": STATES[event],
        "subject": mail.subject,
        "email": entry["email"],
        "sender": mail.sender,
        "tags": mail.tags,
        "metadata": metadata_of(mail.message(), entry["email"]),
        "subaccount": None,
        "template": mail.template,
        "opens": [{"ts": int(at)}] if event == "open" else [],
        "clicks": [{"ts": int(at), "url": url}] if event == "click" else [],
        "smtp_events": [],
        "resends": [],
        "reject": None,
    }
    body: dict[str, Any] = {"event": event, "ts": int(at), "_id": entry["_id"], "msg": message}
    if description is not None:
        message["diag"] = diag or usual_diag
        if description:
            message["bounce_description"] = reason or description
    elif diag:
        message["diag"] = diag
    if event == "reject":
        reason = reason or entry["reject_reason"] or "hard-bounce"
        message["reject"] = {"reason": reason, "last_event_at": None}
        body["reject"] = {"reason": reason, "detail": None, "email": entry["email"]}
    if event in _READERS:
        body.update(ip="127.0.0.1", user_agent=_BROWSER, location=None, user_agent_parsed=None)
    if event == "click":
        body["url"] = url or "https://example.com/"
    return body
