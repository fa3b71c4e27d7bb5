"""What every page and every JSON for tests has in common: policies, templates, filters, waiting.

Pages run no script and ask nothing from outside. A form of another site is refused, because a browser would
send it to this machine without asking.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic_core import from_json, to_json
from tornado.web import HTTPError, RequestHandler

from sandbox.mandrill.parts import Parts
from sandbox.mandrill.store import Filter, StoredMail

LONGEST_WAIT_S = 60.0
TEMPLATES = Path(__file__).parent / "templates"
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
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


class BadRequestError(ValueError):
    """A request of a page or a test that cannot be done; the text is a sentence."""


def moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(moment=moment, iso=iso)
    return environment


_PAGES = _environment()


class PageHandler(RequestHandler):
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

    def prepare(self) -> None:
        origin = self.request.headers.get("Origin")
        if self.request.method not in ("GET", "HEAD") and origin is not None:
            host = urlsplit(origin).netloc if origin != "null" else ""
            if host != self.request.host:
                raise HTTPError(403)

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

    def refuse(self, sentence: str, status: int = 400) -> None:
        """In the form that whoever asked can read."""
        if self.from_form():
            self.set_status(status)
            self.page("error.html", title="Not like this", status=status, sentence=sentence)
        else:
            self.json({"error": sentence}, status)

    def write_error(self, status_code: int, **_: Any) -> None:
        title = "Not here" if status_code == 404 else "Not like this"
        self.page("error.html", title=title, status=status_code, sentence="")

    # What was asked

    def from_form(self) -> bool:
        """By the content type; but ``curl -d '{…}'`` calls its JSON a form."""
        kind = self.request.headers.get("Content-Type", "")
        form = kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data"))
        return form and not self.request.body.lstrip().startswith(b"{")

    def given(self) -> dict[str, Any]:
        """The fields of a form (all strings, blanks left out) or of a JSON object. Raises `BadRequestError`."""
        if self.from_form():
            names = self.request.body_arguments
            return {name: value for name in names if (value := self.get_body_argument(name))}
        try:
            fields = from_json(self.request.body or b"{}")
        except ValueError:
            raise BadRequestError("The body is not valid JSON.") from None
        if not isinstance(fields, dict):
            raise BadRequestError("Please give a JSON object.")
        return fields

    def done(self, value: object, status: int = 200) -> None:
        """JSON; or, after a form, the page that its field ``back`` names."""
        if not self.from_form():
            self.json(value, status)
            return
        back = self.get_body_argument("back", "/")
        local = back.startswith("/") and not back.startswith(("//", "/\\")) and back.isprintable()
        self.redirect(back if local else "/", status=303)

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


def whole_number(fields: dict[str, Any], name: str, *, default: int, low: int, high: int) -> int:
    """Of a form or JSON. Raises `BadRequestError`."""
    value = fields.get(name, default)
    try:
        number = default if isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        number = low - 1
    if isinstance(value, bool) or not low <= number <= high:
        raise BadRequestError(f"{name} is a whole number from {low} to {high}.")
    return number


def seconds(fields: dict[str, Any], name: str, *, default: float = 0.0) -> float:
    """0 to 86400, of a form or JSON. Raises `BadRequestError`."""
    value = fields.get(name, default)
    try:
        number = -1.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number <= 86_400:
        raise BadRequestError(f"{name} is a number of seconds from 0 to 86400.")
    return number


def yes_or_no(fields: dict[str, Any], name: str, *, default: bool) -> bool:
    """true and false, or 1 and 0 of a form. Raises `BadRequestError`."""
    value = fields.get(name, default)
    if value in (True, "1", "true"):
        return True
    if value in (False, "0", "false"):
        return False
    raise BadRequestError(f"{name} is true or false.")


def sentence(fields: dict[str, Any], name: str) -> str | None:
    """A text of at most 2000 characters, or None. Raises `BadRequestError`."""
    value = fields.get(name)
    if value is not None and (not isinstance(value, str) or len(value) > 2000):
        raise BadRequestError(f"{name} is a text of at most 2000 characters.")
    return value or None
