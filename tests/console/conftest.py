"""What the console's tests share: a browser without JavaScript, and notifications to look at."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from models.passwords import hash_password
from tests.client import ApiClient
from tests.front_door import front_door
from tests.world import World

PASSWORD = "correct horse battery"


@dataclass
class Form:
    """A form of a page, filled in as a browser would send it."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str, str]] = field(default_factory=list)
    """Name, value and text."""


class Seen(HTMLParser):
    """What a browser without JavaScript makes of a page: links, forms, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.links: list[tuple[str, str]] = []
        self.forms: list[Form] = []
        self._pieces: list[str] = []
        self._link: str | None = None
        self._button: tuple[str, str] | None = None
        self._text: list[str] = []
        self.feed(html)
        self.text = " ".join(" ".join(self._pieces).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag == "a" and "href" in given:
            self._link, self._text = given["href"], []
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get")))
        if tag == "button" and self.forms:
            self._button, self._text = (given.get("name", ""), given.get("value", "")), []
        if tag in ("input", "select", "textarea") and "name" in given and self.forms:
            if given.get("type") in ("checkbox", "radio") and "checked" not in given:
                return
            self.forms[-1].fields.append((given["name"], given.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        said = " ".join(" ".join(self._text).split())
        if tag == "a" and self._link is not None:
            self.links.append((self._link, said))
            self._link = None
        if tag == "button" and self._button is not None:
            self.forms[-1].buttons.append((*self._button, said))
            self._button = None

    def handle_data(self, data: str) -> None:
        self._pieces.append(data)
        self._text.append(data)

    def form(self, button: str) -> Form:
        """The form that has a button with this text."""
        (found,) = (one for one in self.forms if button in {text for _, _, text in one.buttons})
        return found


class Browser:
    """Somebody at the console. `clicks` counts what they pressed."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()
        self.clicks = 0
        self.response: TestResponse
        self.address = ""

    def open(self, address: str, **headers: str) -> "Browser":
        """Go to an address, and along redirects."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._arrive(self.client.get(address, headers=named), address)

    def follow(self, text: str) -> "Browser":
        """Click the link with this text."""
        href = next(href for href, said in self.page.links if said == text)
        self.clicks += 1
        return self.open(href)

    def press(self, button: str, chosen: tuple[int, ...] = (), **values: str) -> "Browser":
        """Fill the form of this button in, and press it. `chosen` are the boxes called `ids`."""
        form = self.page.form(button)
        name, value, _ = next(one for one in form.buttons if one[2] == button)
        sent = [(key, values.pop(key, default)) for key, default in form.fields]
        sent += [("ids", str(number)) for number in chosen] + list(values.items())
        if name:
            sent.append((name, value))
        self.clicks += 1
        data: dict[str, list[str]] = {}
        for key, each in sent:
            data.setdefault(key, []).append(each)
        send = self.client.post if form.method == "post" else self.client.get
        given: dict[str, Any] = {"data": data} if form.method == "post" else {"query_string": data}
        return self._arrive(send(form.action, **given), form.action)

    def _arrive(self, response: TestResponse, address: str) -> "Browser":
        while response.status_code in (302, 303):
            address = response.headers["Location"]
            response = self.client.get(address)
        self.response, self.address = response, address
        return self

    @property
    def page(self) -> Seen:
        """The page as it stands."""
        return Seen(self.response.get_data(as_text=True))

    @property
    def html(self) -> str:
        """The page's source."""
        return self.response.get_data(as_text=True)

    @property
    def text(self) -> str:
        """What the page says."""
        return self.page.text


@dataclass
class Trouble:
    """A notification about a mail, with its appointment and command."""

    id: int
    appointment_id: int
    order_id: int
    command_id: int


@pytest.fixture(scope="session")
def password_hash() -> str:
    """Hashing costs; one is enough."""
    return hash_password(PASSWORD)


@pytest.fixture
def app(world: World) -> Flask:
    return front_door()


@pytest.fixture
def stranger(app: Flask) -> Browser:
    """Somebody who has not logged in."""
    return Browser(app)


@pytest.fixture
def emma(app: Flask, world: World) -> Browser:
    """An employee at work."""
    browser = Browser(app)
    token = world.session_token(world.employee(name="Emma Employee").id)
    browser.client.set_cookie("console_session", token, path="/console")
    return browser


@pytest.fixture
def trouble(app: Flask, world: World) -> Callable[..., Trouble]:
    """Makes a failed mail with its notification: `trouble(cause="unsub", doubt=True)`."""
    api = ApiClient.in_process(app, world.application_token())

    def make(
        *,
        email: str = "carla@example.com",
        name: str = "Carla Client",
        cause: str = "hard-bounce",
        state: str = "open",
        command_state: str = "failed",
        severity: str = "high",
        doubt: bool = False,
        age_s: int = 0,
        message: str = "It failed.",
        request_id: str | None = None,
        **params: Any,
    ) -> Trouble:
        order = world.order(client_id=world.client(email=email, name=name))
        given = {
            "date_start_local": "2026-12-04",
            "time_start_local": "10:00:00",
            "confirmed": True,
            **params,
        }
        appointment_id = api.create(order_id=order.id, **given).appointment["id"]
        command_id = world.commands(appointment_id)["send-confirmation"]["id"]
        world.execute(
            "UPDATE commands SET state = :state, attempts = 3 WHERE id = :id",
            id=command_id,
            state=command_state,
        )
        number = world.insert(
            "INSERT INTO notifications (status, subject_key, cause, cause_key, message, hint, appointment_id,"
            " command_id, recipient, attempts, may_have_been_sent, state, severity, mail_kind, request_id, last_at)"
            " VALUES ('mandrill-email-failed', :key, :cause, :cause_key, :message, 'Correct the address.',"
            " :appointment, :command, :email, 3, :doubt, :state, :severity, 'send-confirmation', :request_id,"
            " now() - make_interval(secs => :age)) RETURNING id",
            key=f"mail:{appointment_id}:send-confirmation:0:{email}",
            cause=cause,
            cause_key=f"{cause}/send-confirmation",
            message=message,
            appointment=appointment_id,
            command=command_id,
            email=email,
            doubt=doubt,
            state=state,
            severity=severity,
            request_id=request_id,
            age=age_s,
        )
        return Trouble(number, appointment_id, order.id, command_id)

    return make


def listed(browser: Browser) -> list[int]:
    """The numbers of the notifications on a list, in order."""
    return [int(number) for number in re.findall(r'<li id="n-(\d+)"', browser.html)]
