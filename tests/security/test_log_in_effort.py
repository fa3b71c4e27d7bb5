"""Nobody finds out by waiting who has an account: every failed log-in does the same work, at both doors.

Counted, not measured: hashes that are verified, with which cost, and statements that are sent.
`tests/api/test_sessions.py` compares the answers, `tests/models/test_passwords.py` the costs of the hashes.
"""

import re
from collections.abc import Callable

import pytest
from argon2 import PasswordHasher, extract_parameters
from flask import Flask

from models import passwords
from tests.api.conftest import logins  # noqa: F401 - a fixture
from tests.api.logging_in import FAST, Logins
from tests.client import ApiClient
from tests.statements import before_each_statement
from tests.world import World

Fail = Callable[[str, str], None]


@pytest.fixture
def api(app: Flask, world: World) -> ApiClient:
    return ApiClient.in_process(app, world.application_token())


def at_the_console(app: Flask) -> Fail:
    browser = app.test_client()
    html = browser.get("/console/login").get_data(as_text=True)
    form = html.partition('name="csrf_token" value="')[2].partition('"')[0]

    def fail(email: str, password: str) -> None:
        reply = browser.post(
            "/console/login", data={"csrf_token": form, "email": email, "password": password}
        )
        assert reply.status_code == 401

    return fail


@pytest.mark.parametrize("door", ["api", "console"])
def test_every_failed_log_in_does_the_same_work(
    app: Flask,
    world: World,
    logins: Logins,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    door: str,
) -> None:
    verified: list[object] = []
    effort = extract_parameters(FAST.hash("x"))

    class Counting(PasswordHasher):
        def verify(self, stored: str | bytes, password: str | bytes) -> bool:
            verified.append(extract_parameters(str(stored)))
            return super().verify(stored, password)

    monkeypatch.setattr(passwords, "HASHER", Counting(time_cost=1, memory_cost=8, parallelism=1))
    monkeypatch.setattr(passwords, "NOBODYS", FAST.hash("nobody's"))
    known, client = logins.give_password(world.employee()), logins.give_password(world.user())
    world.client(user_id=client.id)
    without = world.employee()

    def by_api(email: str, password: str) -> None:
        assert logins.log_in(email, password).status == "invalid-credentials"

    fail: Fail = by_api if door == "api" else at_the_console(app)
    fail("warm@example.com", "wrong-password")
    works: list[tuple[list[object], list[str]]] = []
    for email in (known.email, client.email, without.email, "nobody@example.com"):
        statements: list[str] = []
        verified.clear()
        with before_each_statement(lambda _c, text, _v, told=statements: told.append(_shape(text))):
            fail(email, "wrong-" + logins.password)
        works.append((list(verified), statements))
    assert works[0][0] == [effort]
    assert works[0][1], "the user is looked for"
    assert all(work == works[0] for work in works)


def _shape(statement: str) -> str:
    return re.sub(r"\s+", " ", statement)
