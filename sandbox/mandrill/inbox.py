"""The inbox for people: the list of mails, one mail, its HTML, its files.

A mail's own HTML is shown in a sandboxed frame, under a policy that forbids scripts, forms and every request.
"""

import base64
from typing import Any
from urllib.parse import quote, urlencode

from pydantic_core import to_json
from tornado.web import HTTPError

from sandbox.mandrill.event_log import EventFilter
from sandbox.mandrill.events import EVENTS
from sandbox.mandrill.faults import KINDS
from sandbox.mandrill.pages import TEMPLATES, PageHandler
from sandbox.mandrill.records import file_record
from sandbox.mandrill.store import Filter

PAGE_SIZE = 50
_MAIL_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'self'"
)


class ListPage(PageHandler):
    """``/``"""

    def get(self) -> None:
        store, wanted = self.parts.store, self.filter_of()
        total = store.count(wanted)
        pages = max(1, -(-total // PAGE_SIZE))
        number = int(self.number_of("page", 1, low=1, high=pages))
        mails = store.mails(wanted, limit=PAGE_SIZE, offset=(number - 1) * PAGE_SIZE)
        filters = {
            name: value
            for name in ("to", "subject", "send_id", "appointment_id", "status", "duplicates", "refresh")
            if (value := self.text_of(name))
        }

        def link(**changes: str) -> str:
            query = {name: value for name, value in {**filters, **changes}.items() if value}
            return "/?" + urlencode(query) if query else "/"

        self.page(
            "inbox.html",
            mails=mails,
            copies=store.copies(mail.send_id for mail in mails),
            total=total,
            duplicated=store.duplicated(),
            attempts=store.count_attempts(Filter()),
            orders=self.parts.faults.orders,
            page=number,
            pages=pages,
            filters=filters,
            narrowed=bool(filters.keys() - {"refresh"}),
            link=link,
            kinds=KINDS,
            refresh=int(self.number_of("refresh", 0, low=0, high=3600)),
        )


class MailPage(PageHandler):
    """``/messages/<id>``"""

    def get(self, identifier: str) -> None:
        mail = self.mail_of(identifier)
        message = mail.message()
        siblings = []
        if mail.send_id is not None:
            siblings = self.parts.store.mails(Filter(send_id=mail.send_id), limit=20)
        self.page(
            "message.html",
            mail=mail,
            message=message,
            files=[file_record(each) for each in message.get("attachments") or []],
            siblings=[each for each in siblings if each.seq != mail.seq],
            attempts=self.parts.store.attempts(Filter(send_id=mail.send_id), limit=20)
            if mail.send_id
            else [],
            events=self.parts.log.events(EventFilter(message=mail.mail_id), limit=100),
            webhooks=self.parts.account.webhooks,
            kinds_of_event=EVENTS,
            here=self.request.path,
            raw=to_json(_shortened(mail.request()), indent=2).decode(),
        )


class MailHtml(PageHandler):
    """``/messages/<id>/html``: the mail's own HTML, harmless."""

    def get(self, identifier: str) -> None:
        html = self.mail_of(identifier).message().get("html")
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", _MAIL_POLICY)
        self.finish(html or "")


class MailRaw(PageHandler):
    """``/messages/<id>/raw.json``: the whole request, its key redacted."""

    def get(self, identifier: str) -> None:
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(self.mail_of(identifier).raw)


class Attachment(PageHandler):
    """``/messages/<id>/attachments/<n>``: always a download, never shown in place."""

    def get(self, identifier: str, index: str) -> None:
        files = self.mail_of(identifier).message().get("attachments") or []
        if int(index) >= len(files):
            raise HTTPError(404)
        name = files[int(index)]["name"] or "attachment"
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(name, safe='')}")
        self.finish(base64.b64decode(files[int(index)]["content"]))


class Style(PageHandler):
    """``/inbox.css``"""

    def get(self) -> None:
        self.set_header("Content-Type", "text/css; charset=utf-8")
        self.set_header("Cache-Control", "max-age=60")
        self.finish((TEMPLATES / "inbox.css").read_bytes())


def _shortened(request: dict[str, Any]) -> dict[str, Any]:
    """The request with its long strings cut, for reading; ``raw.json`` has the whole."""

    def cut(value: Any) -> Any:
        if isinstance(value, str) and len(value) > 400:
            return f"{value[:400]}… ({len(value)} characters)"
        if isinstance(value, dict):
            return {name: cut(each) for name, each in value.items()}
        if isinstance(value, list):
            return [cut(each) for each in value]
        return value

    return {name: cut(value) for name, value in request.items()}
