"""The calls about mails that were accepted: info, content and search.

Each takes the shared parts and the request, gives what is answered with 200, or raises `WireError`.
"""

import time
from collections.abc import Mapping, Set
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.mandrill.event_log import EventFilter
from sandbox.mandrill.events import metadata_of
from sandbox.mandrill.parts import Parts
from sandbox.mandrill.search import QueryError, parse_query
from sandbox.mandrill.store import Filter, StoredMail
from sandbox.mandrill.wire import WireError, instant_of, invalid

_DATES = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d")


def messages_info(parts: Parts, request: Mapping[str, Any]) -> object:
    mail, entry = _found(parts, request)
    told = parts.log.events(EventFilter(message=entry["_id"]), limit=100)
    events = [{"ts": int(each.at), "type": each.event, "diag": each.body["msg"].get("diag")} for each in told]
    return {**_activity(mail, entry, parts.account.fields), "smtp_events": events[::-1]}


def messages_content(parts: Parts, request: Mapping[str, Any]) -> object:
    mail, entry = _found(parts, request)
    message = mail.message()
    if message.get("view_content_link") is False:
        # Mandrill keeps no content of such a mail; our own inbox still shows it.
        raise WireError(404, 11, "Unknown_Message", f"The content of '{entry['_id']}' was not kept")
    return {
        "ts": int(mail.at),
        "_id": entry["_id"],
        "from_email": mail.sender,
        "from_name": message.get("from_name") or "",
        "subject": mail.subject,
        "to": {"email": entry["email"], "name": entry["name"]},
        "tags": mail.tags,
        "headers": message.get("headers") or {},
        "text": message.get("text") or "",
        "html": message.get("html") or "",
        "attachments": [
            {"name": each["name"], "type": each["type"], "binary": True, "content": each["content"]}
            for each in message.get("attachments") or []
        ],
    }


def messages_search(parts: Parts, request: Mapping[str, Any]) -> object:
    if parts.behaviour.search_cap and not parts.search_cap.admits(time.monotonic()):
        raise WireError(
            429, 429, "RequestLimitExceeded", "At most 20 searches a minute; please wait 60 seconds"
        )
    text = request.get("query")
    if text is not None and not isinstance(text, str):
        raise invalid("query: please give a string")
    limit = request.get("limit")
    limit = 100 if limit is None else limit
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= 1000:
        raise invalid("limit: please give a number from 1 to 1000")
    tags, senders = _strings(request, "tags"), _strings(request, "senders")
    try:
        query = parse_query(text or "*")
    except QueryError as error:
        raise invalid(f"query: {error}") from None
    since, until = _range(request.get("date_from"), request.get("date_to"))
    indexed = until.timestamp()
    if parts.behaviour.search_lag_s:
        indexed = min(indexed, time.time() - parts.behaviour.search_lag_s)
    wanted = Filter(since=since.timestamp(), until=indexed, send_id=query.send_id or "")
    found: list[dict[str, Any]] = []
    offset = 0
    while page := parts.store.mails(wanted, limit=500, offset=offset):
        offset += len(page)
        for mail in page:
            if (tags and not tags.intersection(mail.tags)) or (senders and mail.sender not in senders):
                continue
            for entry in mail.entries:
                activity = _activity(mail, entry, parts.account.fields)
                if query.matches(activity):
                    found.append(activity)
                    if len(found) == limit:
                        return found
    return found


def _found(parts: Parts, request: Mapping[str, Any]) -> tuple[StoredMail, dict[str, Any]]:
    identifier = request.get("id")
    if not isinstance(identifier, str) or not identifier:
        raise invalid("id: please give the _id of a message")
    mail = parts.store.mail(identifier)
    entry = None if mail is None else mail.entry(identifier)
    if mail is None or entry is None:
        raise WireError(404, 11, "Unknown_Message", f"No message exists with the id '{identifier}'")
    return mail, entry


def _activity(mail: StoredMail, entry: Mapping[str, Any], fields: Set[str]) -> dict[str, Any]:
    """A mail to one recipient, as messages/search and messages/info show it; only registered metadata."""
    metadata = metadata_of(mail.message(), entry["email"])
    reason = entry.get("rejected_for") or entry["reject_reason"]
    return {
        "ts": int(mail.at),
        "_id": entry["_id"],
        "state": entry.get("state") or entry["status"],
        "subject": mail.subject,
        "email": entry["email"],
        "sender": mail.sender,
        "tags": mail.tags,
        "metadata": {name: value for name, value in metadata.items() if name in fields},
        "template": mail.template,
        "opens": 0,
        "opens_detail": [],
        "clicks": 0,
        "clicks_detail": [],
        "reject": {"reason": reason, "last_event_at": None} if reason else None,
        "resends": [],
    }


def _strings(request: Mapping[str, Any], field: str) -> set[str]:
    values = request.get(field)
    if values is None:
        return set()
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise invalid(f"{field}: please give an array of strings")
    return set(values)


def _range(date_from: object, date_to: object) -> tuple[datetime, datetime]:
    """The last 7 days unless given; a day without a time counts to its end."""
    now = datetime.now(UTC)
    until = now + timedelta(minutes=1)
    if date_to not in (None, ""):
        until = instant_of(date_to, "date_to", formats=_DATES)
        until += timedelta(days=1) if len(str(date_to)) <= 10 else timedelta(seconds=1)
    since = until - timedelta(days=7)
    if date_from not in (None, ""):
        since = instant_of(date_from, "date_from", formats=_DATES)
    return since, until
