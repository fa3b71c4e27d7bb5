"""The paths of the documentation and the headers of its answers.

A page is rendered once per process and then sent from memory. No page holds a script or a style of its own, so
the policy for content admits only files of this service. Nothing here needs a login or sets a cookie.
"""

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
from flask import Flask, Response, request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import NotFound

from api.documentation import content
from api.documentation.answers import shown_type
from api.documentation.files import PREFIX, SWAGGER_UI, address, static_files
from api.documentation.openapi import openapi
from api.documentation.prose import guide, prose, slug
from api.routes import AnyRoute
from api.statuses import ROUTE_NOT_FOUND, SERVICE_NOT_FOUND, STATUSES
from models.switchboard import Board, switchboard
from settings import get_settings

GUIDE: Final = Path(__file__).resolve().parents[2] / "docs" / "filemaker.md"

_STRICT: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FOR_SWAGGER: Final = _STRICT.replace("img-src 'self'", "img-src 'self' data:")
"""Swagger UI draws its arrows and locks from `data:` URLs in its stylesheet."""

_COMMON_HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
log = structlog.get_logger(__name__)


def add_documentation(app: Flask, routes: Sequence[AnyRoute]) -> None:
    """Serve the documentation of `routes` under `/documentation`, and `/openapi.json`."""
    pages = _Pages(routes)

    def serve(path: str, view: Callable[[], Response]) -> None:
        app.add_url_rule(
            path, endpoint=path, view_func=view, methods=["GET"], provide_automatic_options=False
        )

    for path in ("/documentation", "/documentation/"):
        serve(path, pages.index)
    for path in ("/documentation/swagger", "/documentation/swagger/"):
        serve(path, pages.swagger)
    serve("/documentation/filemaker", pages.filemaker)
    serve("/openapi.json", pages.openapi)
    for route in routes:
        serve(f"/documentation{route.path}", lambda route=route: pages.route(route))  # type: ignore[misc]
    app.add_url_rule(
        f"{PREFIX}<path:name>",
        endpoint=PREFIX,
        view_func=_static,
        methods=["GET"],
        provide_automatic_options=False,
    )


class _Pages:
    """The pages of one application."""

    def __init__(self, routes: Sequence[AnyRoute]) -> None:
        self._routes = tuple(routes)
        # For as long as the application lives; each is a few thousand bytes.
        self._render = cache(self._rendered)
        self._openapi = cache(self._written_openapi)

    def index(self) -> Response:
        board = _board()
        return _html(self._render("index", tuple(_retired(route, board) for route in self._routes)))

    def route(self, route: AnyRoute) -> Response:
        return _html(self._render(route.key, _retired(route, _board())))

    def filemaker(self) -> Response:
        return _html(self._render("filemaker", ""))

    def swagger(self) -> Response:
        return _html(self._render("swagger", ""), _FOR_SWAGGER)

    def openapi(self) -> Response:
        return _conditional(self._openapi(), "application/json", {"Cache-Control": "no-cache"})

    def _written_openapi(self) -> bytes:
        return json.dumps(openapi(self._routes, _base_url()), ensure_ascii=False).encode()

    def _rendered(self, name: str | tuple[str, str], retired: str | tuple[str, ...]) -> bytes:
        given: dict[str, Any] = {"base_url": _base_url(), "services": content.services(self._routes)}
        if isinstance(name, tuple):
            (route,) = (route for route in self._routes if route.key == name)
            given |= {"page": content.route_page(route, _base_url()), "retired": retired}
            return _template("route", given)
        if name == "index":
            said = dict(zip((route.key for route in self._routes), retired, strict=True))
            given |= {"retired": said, "statuses": STATUSES, "envelope": content.envelope()}
            given |= {"steps": content.first_steps(self._routes, _base_url()), "inbox": _inbox()}
        elif name == "filemaker":
            html, contents = guide(GUIDE.read_text("utf-8").replace("http://127.0.0.1:8000", _base_url()))
            given |= {"html": html, "contents": contents}
        return _template(name, given)


def _board() -> Board | None:
    """The records of routes as they were a moment ago; None while the database is away from the start on."""
    try:
        return switchboard.board()
    except SQLAlchemyError as away:
        log.warning("documentation without the switchboard", error=type(away).__name__)
        return None


def _retired(route: AnyRoute, board: Board | None) -> str:
    """The status that the route answers with while it is not deployed; empty when it is, or nobody knows."""
    if board is None:
        return ""
    if route.service in board.retired_services:
        return SERVICE_NOT_FOUND
    return ROUTE_NOT_FOUND if route.key in board.retired_routes else ""


def _static(name: str) -> Response:
    found = static_files().get(name)
    if found is None:
        raise NotFound
    keep = "public, max-age=31536000, immutable" if "v" in request.args else "no-cache"
    return _conditional(found.content, found.media_type, {"Cache-Control": keep})


def _html(page: bytes, policy: str = _STRICT) -> Response:
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": policy}
    return _conditional(page, "text/html; charset=utf-8", headers)


def _conditional(body: bytes, media_type: str, headers: dict[str, str]) -> Response:
    """The answer, or 304 when the client has it already."""
    response = Response(body, headers={**_COMMON_HEADERS, **headers}, content_type=media_type)
    response.add_etag()
    response.make_conditional(request)
    return response


def _inbox() -> str:
    """Where a developer looks at the mails that the sandbox took; empty where mails go to people."""
    settings = get_settings()
    url = urlsplit(settings.mandrill_url)
    is_here = url.hostname in ("127.0.0.1", "localhost", "::1")
    return f"{url.scheme}://{url.netloc}/" if is_here and settings.app_env != "production" else ""


def _base_url() -> str:
    return get_settings().public_url.rstrip("/")


@cache
def _environment() -> Environment:
    loader = FileSystemLoader(Path(__file__).parent / "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "prose": prose,
        "slug": slug,
        "static": address,
        "title_of": content.title,
        "type_of": shown_type,
    }
    environment.globals["swagger_ui"] = SWAGGER_UI
    return environment


def _template(name: str, given: dict[str, Any]) -> bytes:
    return _environment().get_template(f"{name}.html").render(given).encode()
