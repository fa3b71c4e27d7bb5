"""The inbox: pages for people, JSON for tests, and the orders of faults.

Pages run no script and ask nothing from outside; a mail's own HTML is shown in a sandboxed frame, under a
policy that forbids scripts, forms and every request.
"""

import asyncio
import base64
import contextlib
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic_core import from_json, to_json
from tornado.web import HTTPError, RequestHandler

from sandbox.mandrill.api import KNOWN_REASONS, REGISTERED_FIELDS, Parts
from sandbox.mandrill.faults import KINDS, MATCHES, UnknownFaultError, parse_fault
from sandbox.mandrill.store import Filter, StoredMail

PAGE_SIZE = 50
LONGEST_WAIT_S = 60.0
_TEMPLATES = Path(__file__).parent / "templates"
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
_MAIL_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none';"
    " base-uri 'none'; frame-ancestors 'self'"
)


class Watch:
    """Lets requests wait for the next change."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def changed(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, timeout_s: float, *, rest_s: float) -> None:
        """Until something changes, and at least ``rest_s``; at most ``timeout_s``."""
        end = asyncio.get_running_loop().time() + timeout_s
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), timeout_s)
        await asyncio.sleep(max(0.0, min(rest_s, end - asyncio.get_running_loop().time())))


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(moment=_moment, iso=_iso)
    return environment


_PAGES = _environment()


class InboxHandler(RequestHandler):
    """What all pages share."""

    parts: Parts
    watch: Watch

    def initialize(self, parts: Parts, watch: Watch) -> None:
        self.parts = parts
        self.watch = watch

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")

    def compute_etag(self) -> None:
        """Nothing here is worth revalidating."""

    def page(self, template: str, **values: object) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", _POLICY)
        self.finish(_PAGES.get_template(template).render(**values))

    def json(self, value: object, status: int = 200) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(to_json(value))

    def refuse(self, sentence: str) -> None:
        self.json({"error": sentence}, 400)

    def text_of(self, name: str) -> str:
        return str(self.get_query_argument(name, "")).strip()

    def number_of(self, name: str, default: float, *, low: float, high: float) -> float:
        """A number from the query, held within its bounds; the default if it is blank or no number."""
        try:
            given = float(self.text_of(name) or default)
        except ValueError:
            return default
        return default if math.isnan(given) else max(low, min(high, given))

    def filter_of(self) -> Filter:
        return Filter(
            to=self.text_of("to"),
            subject=self.text_of("subject"),
            send_id=self.text_of("send_id"),
            appointment_id=self.text_of("appointment_id"),
            status=self.text_of("status"),
            duplicates=self.text_of("duplicates") == "1",
        )

    async def wait_for(self, count: Callable[[], int]) -> int:
        """``wait_for=N&timeout=S``: returns the count once it is N, or after S seconds (10, at most 60)."""
        wanted = self.number_of("wait_for", 0, low=0, high=1e9)
        loop = asyncio.get_running_loop()
        end = loop.time() + self.number_of("timeout", 10, low=0, high=LONGEST_WAIT_S)
        while True:
            began = loop.time()
            found = count()
            now = loop.time()
            if found >= wanted or now >= end:
                return found
            # Under load changes come by the thousand. Whoever waits may take a tenth of the loop, not more.
            await self.watch.wait(end - now, rest_s=max(0.02, 10 * (now - began)))

    def mail_of(self, identifier: str) -> StoredMail:
        mail = self.parts.store.mail(identifier)
        if mail is None:
            raise HTTPError(404)
        return mail

    def write_error(self, status_code: int, **_: Any) -> None:
        self.page(
            "error.html", title="Not here" if status_code == 404 else "Not like this", status=status_code
        )


class ListPage(InboxHandler):
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


class MailPage(InboxHandler):
    """``/messages/<id>``"""

    def get(self, identifier: str) -> None:
        mail = self.mail_of(identifier)
        request = mail.request()
        message = request["message"]
        siblings = []
        if mail.send_id is not None:
            siblings = self.parts.store.mails(Filter(send_id=mail.send_id), limit=20)
        self.page(
            "message.html",
            mail=mail,
            message=message,
            files=[_file(each) for each in message.get("attachments") or []],
            siblings=[each for each in siblings if each.seq != mail.seq],
            attempts=self.parts.store.attempts(Filter(send_id=mail.send_id), limit=20)
            if mail.send_id
            else [],
            raw=to_json(_shortened(request), indent=2).decode(),
        )


class MailHtml(InboxHandler):
    """``/messages/<id>/html``: the mail's own HTML, harmless."""

    def get(self, identifier: str) -> None:
        html = self.mail_of(identifier).message().get("html")
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", _MAIL_POLICY)
        self.finish(html or "")


class MailRaw(InboxHandler):
    """``/messages/<id>/raw.json``: the whole request, its key redacted."""

    def get(self, identifier: str) -> None:
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(self.mail_of(identifier).raw)


class Attachment(InboxHandler):
    """``/messages/<id>/attachments/<n>``: always a download, never shown in place."""

    def get(self, identifier: str, index: str) -> None:
        files = self.mail_of(identifier).message().get("attachments") or []
        if int(index) >= len(files):
            raise HTTPError(404)
        name = files[int(index)]["name"] or "attachment"
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(name, safe='')}")
        self.finish(base64.b64decode(files[int(index)]["content"]))


class Style(InboxHandler):
    """``/inbox.css``"""

    def get(self) -> None:
        self.set_header("Content-Type", "text/css; charset=utf-8")
        self.set_header("Cache-Control", "max-age=60")
        self.finish((_TEMPLATES / "inbox.css").read_bytes())


class InboxJson(InboxHandler):
    """``/inbox.json``"""

    async def get(self) -> None:
        wanted, store = self.filter_of(), self.parts.store
        count = await self.wait_for(lambda: store.count(wanted))
        limit = int(self.number_of("limit", 100, low=0, high=1000))
        self.json({"count": count, "messages": [_json_of(mail) for mail in store.mails(wanted, limit=limit)]})

    def delete(self) -> None:
        self.json(_cleared(self))


class AttemptsJson(InboxHandler):
    """``/attempts.json``: every POST to messages/send and what became of it."""

    async def get(self) -> None:
        store = self.parts.store
        wanted = Filter(
            to=self.text_of("to"), subject=self.text_of("subject"), send_id=self.text_of("send_id")
        )
        count = await self.wait_for(lambda: store.count_attempts(wanted))
        limit = int(self.number_of("limit", 100, low=0, high=1000))
        attempts = [{**each, "at": _iso(each["at"])} for each in store.attempts(wanted, limit=limit)]
        self.json({"count": count, "attempts": attempts})


class Clear(InboxHandler):
    """``POST /admin/clear``: mails, attempts, orders of faults; a form is led back to the inbox."""

    def post(self) -> None:
        result = _cleared(self)
        if "text/html" in self.request.headers.get("Accept", ""):
            self.redirect("/", status=303)
        else:
            self.json(result)


class Faults(InboxHandler):
    """``/admin/faults``: GET lists them, POST orders one, DELETE withdraws all orders."""

    def get(self) -> None:
        faults = {
            name: {"recorded": kind.recorded, "says": kind.says, "value": kind.value}
            for name, kind in KINDS.items()
        }
        orders = [order.to_json() for order in self.parts.faults.orders]
        self.json({"orders": orders, "faults": faults, "reasons": KNOWN_REASONS})

    def post(self) -> None:
        try:
            order = from_json(self.request.body)
        except ValueError:
            return self.refuse("The body is not valid JSON.")
        if not isinstance(order, dict) or not isinstance(order.get("fault"), str):
            return self.refuse(
                'Please give an object such as {"fault": "503", "count": 2, "match": {"to": "…"}}.'
            )
        try:
            fault = parse_fault(order["fault"])
        except UnknownFaultError as error:
            return self.refuse(str(error))
        count, match = order.get("count", 1), order.get("match") or {}
        if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 1_000_000:
            return self.refuse("count is how many requests shall meet the fault: a number from 1 to 1000000.")
        if not isinstance(match, dict) or not set(match) <= set(MATCHES):
            return self.refuse(f"match is an object with any of: {', '.join(MATCHES)}.")
        made = self.parts.faults.order(fault, count, {name: str(value) for name, value in match.items()})
        return self.json({**made.to_json(), "recorded": fault.recorded, "says": KINDS[fault.name].says}, 201)

    def delete(self) -> None:
        self.parts.faults.clear()
        self.json({"orders": []})


class Health(InboxHandler):
    """``/healthz``"""

    def get(self) -> None:
        self.json({"status": "ok"})


class Missing(InboxHandler):
    """Every other address."""

    def prepare(self) -> None:
        raise HTTPError(404)


def _cleared(handler: InboxHandler) -> dict[str, int]:
    handler.parts.faults.clear()
    handler.parts.fields.clear()
    handler.parts.fields.update(REGISTERED_FIELDS)
    mails, attempts = handler.parts.store.clear()
    handler.watch.changed()
    return {"messages": mails, "attempts": attempts}


def _json_of(mail: StoredMail) -> dict[str, Any]:
    message = mail.message()
    return {
        "id": mail.id,
        "accepted_at": _iso(mail.at),
        "status": mail.status,
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
        "attachments": [_file(each) for each in message.get("attachments") or []],
    }


def _file(attachment: dict[str, Any]) -> dict[str, Any]:
    """Name, type and size; and the text itself where it is one, as calendar files are."""
    content = base64.b64decode(attachment["content"])
    text = None
    if attachment["type"].lower().startswith("text/") and len(content) <= 64 * 1024:
        text = content.decode(errors="replace")
    return {"name": attachment["name"], "type": attachment["type"], "size": len(content), "text": text}


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
