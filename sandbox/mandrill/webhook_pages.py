"""Events and webhooks for people and tests: lists, new events, replays, and how receivers are treated.

Every POST takes a form or JSON. A form is led back to its page, JSON is answered with JSON.
"""

import time
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from tornado.web import HTTPError

from sandbox.mandrill.account import Webhook
from sandbox.mandrill.account_calls import wanted_events
from sandbox.mandrill.event_log import EventFilter
from sandbox.mandrill.events import EVENTS
from sandbox.mandrill.pages import BadRequestError, PageHandler, seconds, sentence, whole_number, yes_or_no
from sandbox.mandrill.receiver import WebhookRefusedError, check_receiver, check_url
from sandbox.mandrill.records import event_filter_of, event_record
from sandbox.mandrill.store import Filter, StoredMail
from sandbox.mandrill.wire import WireError

PAGE_SIZE = 50
MOST_TIMES = 100


class EventsPage(PageHandler):
    """``/events``"""

    def get(self) -> None:
        log, wanted = self.parts.log, event_filter_of(self)
        total = log.count(wanted)
        pages = max(1, -(-total // PAGE_SIZE))
        number = int(self.number_of("page", 1, low=1, high=pages))
        filters = {
            name: value for name in ("message", "send_id", "event", "state") if (value := self.text_of(name))
        }

        def link(**changes: str) -> str:
            query = {name: value for name, value in {**filters, **changes}.items() if value}
            return "/events?" + urlencode(query) if query else "/events"

        self.page(
            "events.html",
            events=log.events(wanted, limit=PAGE_SIZE, offset=(number - 1) * PAGE_SIZE),
            webhooks=self.parts.account.webhooks,
            kinds_of_event=EVENTS,
            filters=filters,
            total=total,
            page=number,
            pages=pages,
            link=link,
            here=link(page=str(number) if number > 1 else ""),
        )


class WebhooksPage(PageHandler):
    """``/webhooks``"""

    def get(self) -> None:
        self.page(
            "webhooks.html",
            webhooks=list(self.parts.account.webhooks.values()),
            waiting={each: self.parts.log.waiting(each) for each in self.parts.account.webhooks},
            kinds_of_event=EVENTS,
        )


class WebhooksJson(PageHandler):
    """``/webhooks.json``"""

    def get(self) -> None:
        self.json({"webhooks": [self.record(each) for each in self.parts.account.webhooks.values()]})

    def record(self, webhook: Webhook) -> dict[str, Any]:
        return {**asdict(webhook), "waiting": self.parts.log.waiting(webhook.id)}


class NewWebhook(WebhooksJson):
    """``POST /admin/webhooks``: as webhooks/add, but with a key of one's choice and unchecked if wanted."""

    async def post(self) -> None:
        try:
            given = self.given()
            url = check_url(given.get("url"))
            events = given.get("events")
            wanted = wanted_events(events.split(",") if isinstance(events, str) else events)
            if yes_or_no(given, "check", default=not self.from_form()):
                await check_receiver(self.parts.courier.http, url)
            webhook = self.parts.account.add_webhook(
                url,
                key=sentence(given, "key") or "",
                description=sentence(given, "description") or "",
                events=wanted,
                at=time.time(),
            )
        except (BadRequestError, WebhookRefusedError) as error:
            return self.refuse(str(error))
        except WireError as error:
            return self.refuse(f"{error.message}.")
        self.parts.courier.start()
        return self.done(self.record(webhook), 201)


class OneWebhook(WebhooksJson):
    """``/admin/webhooks/<id>``: POST changes how it is treated, DELETE removes it."""

    def post(self, identifier: str) -> None:
        webhook = self._webhook(identifier)
        try:
            given = self.given()
            if given.get("action") == "delete":
                self._delete(webhook)
                return None
            if given.get("action") == "hurry":
                self.parts.log.hurry(webhook.id, now=time.time())
                self.parts.courier.ring(webhook.id)
                return self.done(self.record(webhook))
            disabled = yes_or_no(given, "disabled", default=webhook.disabled)
            changed = self.parts.account.change_webhook(
                webhook.id,
                delay_s=seconds(given, "delay_s", default=webhook.delay_s),
                copies=whole_number(given, "copies", default=webhook.copies, low=1, high=MOST_TIMES),
                paused=yes_or_no(given, "paused", default=webhook.paused),
                disabled=disabled,
                last_error=None if webhook.disabled and not disabled else webhook.last_error,
            )
        except BadRequestError as error:
            return self.refuse(str(error))
        self.parts.courier.ring(webhook.id)
        return self.done(self.record(changed or webhook))

    def delete(self, identifier: str) -> None:
        self._delete(self._webhook(identifier))

    def _delete(self, webhook: Webhook) -> None:
        self.parts.account.delete_webhook(webhook.id)
        self.parts.courier.ring(webhook.id)
        self.done({"deleted": webhook.id})

    def _webhook(self, identifier: str) -> Webhook:
        webhook = self.parts.account.webhooks.get(int(identifier))
        if webhook is None:
            raise HTTPError(404)
        return webhook


class NewEvent(PageHandler):
    """``POST /admin/events``: something happens to a mail.

    ``event``; ``message`` (any `_id` of the mail) or ``send_id`` (its newest mail); ``email`` for one of
    several recipients; ``reason``, ``url``, ``diag``; ``delay_s`` and ``times``.
    """

    def post(self) -> None:
        try:
            given = self.given()
            event = given.get("event")
            if event not in EVENTS:
                raise BadRequestError(f"event is one of {', '.join(EVENTS)}.")
            mail, entry = self._recipient(given)
            identifier = self.parts.courier.emit(
                event,
                mail,
                entry,
                reason=sentence(given, "reason"),
                url=sentence(given, "url"),
                diag=sentence(given, "diag"),
                delay_s=seconds(given, "delay_s"),
                times=whole_number(given, "times", default=1, low=1, high=MOST_TIMES),
            )
        except BadRequestError as error:
            return self.refuse(str(error))
        (made,) = self.parts.log.events(EventFilter(ids=(identifier,)), limit=1)
        return self.done(event_record(made), 201)

    def _recipient(self, given: dict[str, Any]) -> tuple[StoredMail, dict[str, Any]]:
        identifier, send_id, email = (sentence(given, name) for name in ("message", "send_id", "email"))
        mail = None
        if identifier:
            mail = self.parts.store.mail(identifier)
        elif send_id:
            mail = next(iter(self.parts.store.mails(Filter(send_id=send_id), limit=1)), None)
        if mail is None:
            raise BadRequestError("Please give the message (an _id) or the send_id of a mail that is here.")
        if email:
            entry = next((each for each in mail.entries if each["email"].lower() == email.lower()), None)
            if entry is None:
                raise BadRequestError(f"The mail did not go to {email}.")
            return mail, entry
        return mail, mail.entry(identifier or "") or mail.entries[0]


class Replay(PageHandler):
    """``POST /admin/events/replay``: tells events once more. ``events`` (ids), ``message``, or ``send_id``."""

    def post(self) -> None:
        try:
            given = self.given()
            wanted = EventFilter(
                message=sentence(given, "message") or "",
                send_id=sentence(given, "send_id") or "",
                event=sentence(given, "event") or "",
                ids=_ids(given.get("events")),
            )
            if wanted == EventFilter():
                raise BadRequestError("Please say which: events (their ids), message, send_id or event.")
            told = self.parts.courier.replay(
                wanted,
                delay_s=seconds(given, "delay_s"),
                times=whole_number(given, "times", default=1, low=1, high=MOST_TIMES),
            )
        except BadRequestError as error:
            return self.refuse(str(error))
        return self.done({"events": told})


def _ids(value: object) -> tuple[int, ...]:
    if value is None:
        return ()
    values = value.split(",") if isinstance(value, str) else value
    try:
        return tuple(int(each) for each in values) if isinstance(values, list) else ()
    except (TypeError, ValueError):
        raise BadRequestError("events is a list of numbers.") from None
