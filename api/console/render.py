"""How the console's pages are written: one Jinja environment, strict about names, and what every page knows.

    return page("things.html", tab="things", title="Things", things=found)

`base.html` is the frame (navigation, notices, banners); `macros.html` holds the parts that pages share.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from flask import Response, current_app, g, url_for
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.console import csrf, notices, words
from models.moment import now
from settings import get_settings

ROOM = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Tab:
    """An entry of the navigation. It is shown when the application has its `endpoint`."""

    name: str
    endpoint: str
    title: str


TABS = (
    Tab("notifications", "console.notifications", "Notifications"),
    Tab("appointments", "console.appointments", "Appointments"),
    Tab("queues", "console.queues", "Queues"),
)

Banner = Callable[[], list[str]]
BANNERS: list[Banner] = []
"""Each says, in sentences, what everybody has to know now ("The relay has been silent for 2 minutes."); asked
for every page that somebody sees who is logged in. One that fails is left out."""


def page(template: str, *, status: int = 200, tab: str = "", title: str, **names: Any) -> Response:
    """A whole page. `tab` is the name of the navigation's entry that it belongs to."""
    signed_in = g.get("signed_in")
    shown = _render(
        template,
        **{
            "tab": tab,
            "title": title,
            "signed_in": signed_in,
            "tabs": [one for one in TABS if has_page(one.endpoint)],
            "notice": notices.take(),
            "banners": [] if signed_in is None else _banners(),
            "csrf_token": "" if signed_in is None else csrf.make_token(signed_in.token),
            "now": now(),
            **names,
        },
    )
    return Response(shown, status, mimetype="text/html")


def fragment(template: str, **names: Any) -> Response:
    """A part of a page that refreshes itself."""
    token = csrf.make_token(g.signed_in.token)
    return Response(_render(template, csrf_token=token, now=now(), **names), mimetype="text/html")


def notice_of_trouble(sentence: str) -> Response:
    """The banners of an open page with this sentence alone, whoever asks."""
    return Response(_render("banners.html", banners=[sentence]), mimetype="text/html")


def problem(title: str, text: str, advice: str = "", *, status: int) -> Response:
    """A page that says what is wrong, and what to do."""
    return page("problem.html", status=status, title=title, text=text, advice=advice, request_id=g.request_id)


def has_page(endpoint: str) -> bool:
    """Whether this application has that page: a link to one that it has not would lead nowhere."""
    return endpoint in current_app.view_functions


@lru_cache(maxsize=64)
def static_version(name: str) -> str:
    """Changes with the content of a static file, so that browsers may keep it for long."""
    return sha256((ROOM / "static" / name).read_bytes()).hexdigest()[:12]


def _static(name: str) -> str:
    return url_for("console.static", filename=name, v=static_version(name))


def _banners() -> list[str]:
    told: list[str] = []
    for banner in BANNERS:
        try:
            told += banner()
        except Exception:
            current_app.logger.warning("a banner of the console failed", exc_info=True)
    return told


def _render(template: str, **names: Any) -> str:
    return _environment().get_template(template).render(names)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(ROOM / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(
        url_for=url_for,
        static=_static,
        has_page=has_page,
        office_zone=lambda: get_settings().office_time_zone,
    )
    made.filters.update(words.FILTERS)
    return made
