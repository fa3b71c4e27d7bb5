"""What was accepted, tried and told, as JSON for tests."""

import base64
from dataclasses import asdict
from typing import Any

from sandbox.mandrill.calendar_files import is_calendar, read_calendar
from sandbox.mandrill.event_log import DELIVERY_STATES, EventFilter, LoggedEvent
from sandbox.mandrill.pages import PageHandler, iso
from sandbox.mandrill.store import Filter, StoredMail


class InboxJson(PageHandler):
    """``/inbox.json``"""

    async def get(self) -> None:
        wanted, store = self.filter_of(), self.parts.store
        count = await self.wait_for(lambda: store.count(wanted))
        limit = int(self.number_of("limit", 100, low=0, high=1000))
        mails = store.mails(wanted, limit=limit)
        self.json({"count": count, "messages": [mail_record(mail) for mail in mails]})

    def delete(self) -> None:
        self.json(self.parts.clear())


class AttemptsJson(PageHandler):
    """``/attempts.json``: every POST to a call that sends, and what became of it."""

    async def get(self) -> None:
        store = self.parts.store
        wanted = Filter(
            to=self.text_of("to"), subject=self.text_of("subject"), send_id=self.text_of("send_id")
        )
        count = await self.wait_for(lambda: store.count_attempts(wanted))
        limit = int(self.number_of("limit", 100, low=0, high=1000))
        attempts = [{**each, "at": iso(each["at"])} for each in store.attempts(wanted, limit=limit)]
        self.json({"count": count, "attempts": attempts})


class EventsJson(PageHandler):
    """``/events.json``: every event, and where it was told."""

    async def get(self) -> None:
        log, wanted = self.parts.log, event_filter_of(self)
        count = await self.wait_for(lambda: log.count(wanted))
        limit = int(self.number_of("limit", 100, low=0, high=1000))
        self.json(
            {"count": count, "events": [event_record(each) for each in log.events(wanted, limit=limit)]}
        )


def event_filter_of(handler: PageHandler) -> EventFilter:
    """From the query; a state may be written with a hyphen, given-up."""
    state = handler.text_of("state").replace("-", " ")
    return EventFilter(
        message=handler.text_of("message"),
        send_id=handler.text_of("send_id"),
        event=handler.text_of("event"),
        state=state if state in DELIVERY_STATES else "",
    )


def event_record(event: LoggedEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "at": iso(event.at),
        "event": event.event,
        "message_id": event.message_id,
        "send_id": event.send_id,
        "email": event.email,
        "body": event.body,
        "deliveries": [
            {**asdict(each), "due": iso(each.due), "tried_at": None if each.tried_at is None else iso(each.tried_at)}
            for each in event.deliveries
        ],
    }  # fmt: skip


def mail_record(mail: StoredMail) -> dict[str, Any]:
    message = mail.message()
    return {
        "id": mail.id,
        "accepted_at": iso(mail.at),
        "call": mail.call,
        "template": mail.template,
        "test_mode": mail.test_mode,
        "status": mail.status,
        "state": mail.entries[0].get("state") or mail.status,
        "fault": mail.fault,
        "send_id": mail.send_id,
        "appointment_id": mail.appointment_id,
        "from": mail.sender,
        "from_name": message.get("from_name"),
        "to": mail.addresses("to"),
        "cc": mail.addresses("cc"),
        "bcc": mail.addresses("bcc"),
        "recipients": mail.entries,
        "subject": mail.subject,
        "text": message.get("text"),
        "html": message.get("html"),
        "headers": message.get("headers") or {},
        "tags": mail.tags,
        "metadata": message.get("metadata") or {},
        "attachments": [file_record(each) for each in message.get("attachments") or []],
    }


def file_record(attachment: dict[str, Any]) -> dict[str, Any]:
    """Name, type and size; the text itself where it is one; and what a calendar file says."""
    content = base64.b64decode(attachment["content"])
    name, kind = attachment["name"], attachment["type"]
    text = None
    if kind.lower().startswith("text/") and len(content) <= 64 * 1024:
        text = content.decode(errors="replace")
    calendar = asdict(read_calendar(content, kind)) if is_calendar(name, kind) else None
    return {
        "name": name,
        "type": kind,
        "size": len(content),
        "attached": attachment.get("attached", True),
        "text": text,
        "calendar": calendar,
    }
