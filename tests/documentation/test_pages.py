"""The pages: one for every route, made from its declaration, served without a login, a cookie or the outside."""

import itertools
import re
from collections.abc import Callable
from html import unescape
from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine

from api.answerable import answerable
from api.app import ROUTES, create_app
from api.documentation.answers import shapes_of
from api.documentation.samples import sent_by_samples
from api.routes import Route, SignedRoute
from models.switchboard import switchboard
from settings import get_settings
from tests.front_door import front_door
from tests.world import World

PAGES = ("/documentation/", "/documentation/filemaker", "/documentation/swagger/")
EVERY_PAGE = (*PAGES, *(f"/documentation{route.path}" for route in ROUTES))
BY_PATH = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)


class Page(HTMLParser):
    """What the tests look at in a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.fields: dict[str, dict[str, str | None]] = {}
        self.forms: list[dict[str, str | None]] = []
        self.labels: set[str | None] = set()
        self.inline: list[str] = []
        self.headings: list[int] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids += [value for value in (given.get("id"),) if value]
        self.inline += [name for name in given if name.startswith("on") or name == "style"]
        if tag == "style" or (tag == "script" and not given.get("src")):
            self.inline.append(tag)
        if tag == "a":
            self.links.append(str(given.get("href")))
        if tag in ("script", "link"):
            self.loaded.append(str(given.get("src") or given.get("href")))
        if tag in ("input", "select", "textarea") and str(given.get("id")).startswith("try-"):
            self.fields[str(given.get("name"))] = given
        if tag == "label":
            self.labels.add(given.get("for"))
        if tag == "form":
            self.forms.append(given)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))


@pytest.fixture
def away() -> Engine:
    """A database that nobody serves."""
    return create_engine("postgresql+psycopg://nobody@127.0.0.1:1/nothing")


@pytest.fixture
def browser(away: Engine, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A browser on a service whose database has been away since its start: pages need none."""
    switchboard.forget()
    monkeypatch.setattr("models.switchboard.autocommit_engine", lambda: away)
    return front_door().test_client()


def body(browser: FlaskClient, path: str) -> str:
    reply = browser.get(path)
    assert reply.status_code == 200, path
    return reply.get_data(as_text=True)


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_a_page_holds_nothing_that_its_policy_would_refuse(browser: FlaskClient, path: str) -> None:
    reply = browser.get(path)
    page = Page(reply.get_data(as_text=True))
    assert reply.status_code == 200
    assert reply.content_type == "text/html; charset=utf-8"
    policy = reply.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    assert page.inline == []
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in reply.headers


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_a_page_loads_and_links_only_what_this_service_serves(browser: FlaskClient, path: str) -> None:
    page = Page(body(browser, path))
    for target in {*page.loaded, *page.links}:
        place, _, anchor = target.partition("#")
        assert not place or (place.startswith("/") and not place.startswith("//")), target
        if place:
            assert browser.get(place).status_code == 200, target
        if anchor and anchor != "content":
            there = page if not place else Page(body(browser, place))
            assert anchor in there.ids, target
    assert len(page.ids) == len(set(page.ids))


@pytest.mark.parametrize("path", EVERY_PAGE[:-1])
def test_headings_never_skip_a_level(browser: FlaskClient, path: str) -> None:
    levels = Page(body(browser, path)).headings
    assert levels[:1] in ([1], [])  # Swagger UI makes its own
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


@BY_PATH
def test_a_routes_page_says_everything_that_its_declaration_says(
    browser: FlaskClient, route: Route | SignedRoute
) -> None:
    html = body(browser, f"/documentation{route.path}")
    text = unescape(re.sub(r"<[^>]+>", "", html))
    ids = Page(html).ids
    assert f"{route.method} {route.path}" in text
    assert route.purpose.replace("`", "") in text
    assert [name for name in ids if name.startswith("status-")] == [
        *(f"status-{status.slug}" for status in answerable(route) if not status.uncommon),
        *(f"status-{status.slug}" for status in answerable(route) if status.uncommon),
    ]
    for status in answerable(route):
        assert status.description.replace("`", "") in text
    names = [name for name in ids if name.startswith("param-")]
    if isinstance(route, SignedRoute):
        assert names == [f"param-{name}" for name in route.form]
        return
    assert names == [f"param-{param.name}" for param in route.params]
    for param in route.params:
        part = html.split(f'id="param-{param.name}"')[1].split("</section>")[0]
        words = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", part)))
        assert f"{param.name} {param.type} {param.position}" in words
        assert param.description.replace("`", "")[:40] in unescape(re.sub(r"<[^>]+>", "", part))
        assert ("required" in words.split("Accepted")[0].split(param.description[:10])[0]) == param.required
        assert (">deprecated<" in part) == param.deprecated
        assert (">addition<" in part) == param.addition
        for choice in param.choices or ():
            assert f"<code>{choice}</code>" in part


@BY_PATH
def test_the_form_has_a_field_with_a_label_for_every_parameter(
    browser: FlaskClient, route: Route | SignedRoute
) -> None:
    page = Page(body(browser, f"/documentation{route.path}"))
    if isinstance(route, SignedRoute):
        assert page.forms == []
        return
    (form,) = page.forms
    assert (form["data-method"], form["data-path"]) == (route.method, route.path)
    assert ("data-sensitive" in form) == route.sensitive
    assert "hidden" in form, "without JavaScript the form would send the token in a URL"
    assert page.fields.keys() - {"None"} == {param.name for param in route.params}
    assert {field["id"] for field in page.fields.values()} <= page.labels
    sampled = sent_by_samples(route)
    for param in route.params:
        filled = page.fields[param.name].get("data-example")
        assert (filled is not None) == (param.name in sampled and not param.secret)
        if param.secret:
            assert page.fields[param.name]["type"] == "password"
    if route.method == "GET":
        assert page.fields["None"]["type"] == "password"


def test_the_index_leads_to_every_route(browser: FlaskClient) -> None:
    links = Page(body(browser, "/documentation/")).links
    assert {f"/documentation{route.path}" for route in ROUTES} <= set(links)
    assert body(browser, "/documentation") == body(browser, "/documentation/")


@pytest.mark.parametrize(
    ("mandrill", "said"),
    [
        ("http://127.0.0.1:8025/api/1.0", "<code>http://127.0.0.1:8025/</code>"),
        ("https://mandrillapp.com/api/1.0", "They go out through Mandrill"),
    ],
    ids=["the sandbox", "Mandrill itself"],
)
def test_the_index_leads_somebody_new_from_a_token_to_the_mails(
    browser: FlaskClient, monkeypatch: pytest.MonkeyPatch, mandrill: str, said: str
) -> None:
    settings = get_settings().model_copy(update={"mandrill_url": mandrill})
    monkeypatch.setattr("api.documentation.pages.get_settings", lambda: settings)
    started_so = create_app().test_client()  # an application keeps the pages that it has rendered
    steps = body(started_so, "/documentation/").split('id="steps"')[1].split("</section>")[0]
    for step in (
        "Get a token.",
        "appointments/create",
        "appointments/read",
        "your-token",
        "Look at the mails.",
    ):
        assert step in steps
    assert said in steps


@BY_PATH
def test_a_routes_page_says_what_its_answers_hold(browser: FlaskClient, route: Route | SignedRoute) -> None:
    html = body(browser, f"/documentation{route.path}").split('id="answer"')[1].split('id="responses"')[0]
    for one in route.returns:
        for member in one.members:
            assert f"<code>{member.name}</code>" in html
    for shape in shapes_of(route.returns[0].members):
        assert f'id="shape-{shape.name.lower()}"' in html
    assert html.count("action-successful") == 1, "in the example"


def test_a_route_that_is_not_deployed_says_so(world: World) -> None:
    browser = create_app().test_client()
    path = "/documentation/api/v1/appointments/create"
    assert "Not deployed." not in body(browser, path)
    world.execute("UPDATE routes SET deployed = false WHERE path = '/api/v1/appointments/create'")
    switchboard.forget()
    assert "answered with <code>route-not-found</code>" in body(browser, path)
    assert body(browser, "/documentation/").count(">not deployed<") == 1
    world.execute("UPDATE services SET deployed = false WHERE slug = 'appointments'")
    switchboard.forget()
    assert "answered with <code>service-not-found</code>" in body(browser, path)


def test_a_page_that_the_browser_has_is_not_sent_again(browser: FlaskClient) -> None:
    first = browser.get("/documentation/")
    again = browser.get("/documentation/", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    (style,) = {name for name in Page(first.text).loaded if ".css" in name}
    assert browser.get(style).headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert browser.get(style.partition("?")[0]).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/documentation/api/v1/appointments/destroy",
        "/documentation/static/",
        "/documentation/static/..%2fpages.py",
        "/documentation/static/vendor",
        "/documentation/templates/base.html",
    ],
)
def test_what_is_not_there_is_answered_in_the_words_of_the_contract(browser: FlaskClient, path: str) -> None:
    reply = browser.get(path)
    assert reply.get_json()["status"] == "route-non-existent"


def test_only_reading_is_possible(browser: FlaskClient) -> None:
    post: Callable[[str], object] = lambda path: browser.post(path).get_json()["status"]  # noqa: E731
    assert {post(path) for path in EVERY_PAGE} == {"route-non-existent"}


def test_no_script_keeps_or_leaks_a_token(browser: FlaskClient) -> None:
    script = body(browser, "/documentation/static/documentation.js")
    for word in ("localStorage", "sessionStorage", "document.cookie", "innerHTML", "eval("):
        assert word not in script
    assert "persistAuthorization: false" in body(browser, "/documentation/static/swagger.js")
