"""What the tests of the console's appointments share: reconciled appointments made through the API."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import get_ident
from typing import Any
from uuid import uuid4

from flask import Flask

from tasks.reconcile_times import reconcile_times
from tests.client import ApiClient
from tests.console.conftest import Browser
from tests.statements import before_each_statement
from tests.world import World


class Book:
    """Makes appointments as a front end does, with their times worked out as a worker does."""

    def __init__(self, app: Flask, world: World) -> None:
        self.world = world
        self.api = ApiClient.in_process(app, world.application_token())

    def __call__(self, *, reconciled: bool = True, **params: Any) -> int:
        """A new appointment; its id."""
        reply = self.api.create(uuid=params.pop("uuid", str(uuid4())), **params)
        number: int = reply.appointment["id"]
        if reconciled:
            self.reconcile(number)
        return number

    def change(self, number: int, **params: Any) -> None:
        """Change it, as a front end does."""
        given = {"token": self.api.token, "id": number, "updated_at_mt": "2026-11-22 09:00:00", **params}
        headers = {"Content-Type": "application/json"}
        status, _, _ = self.api.send(
            "PUT", "/api/v1/appointments/update", json.dumps(given).encode(), headers
        )
        assert status == 200

    def reconcile(self, number: int) -> None:
        """Work out its times anew."""
        command = self.world.commands(number)["reconcile-times"]["id"]
        self.world.execute(
            "UPDATE commands SET state = 'pending', available_at = now() WHERE id = :id", id=command
        )
        reconcile_times(command)


def links_to_appointments(browser: Browser) -> list[int]:
    """The numbers of the appointments that the page links to, in order, each once."""
    prefix = "/console/appointments/"
    tails = [href.removeprefix(prefix) for href, _ in browser.page.links if href.startswith(prefix)]
    return list(dict.fromkeys(int(tail) for tail in tails if tail.isdigit()))


@contextmanager
def statements_of_the_page() -> Iterator[list[str]]:
    """The statements that a page asks for, without those of the banner, which has a thread of its own."""
    asked: list[str] = []
    here = get_ident()
    with before_each_statement(
        lambda _connection, statement, _values: asked.append(statement) if get_ident() == here else None
    ):
        yield asked
