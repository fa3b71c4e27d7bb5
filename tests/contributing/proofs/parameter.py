"""After the list of CONTRIBUTING.md: `parking` is a parameter like the others."""

import json
from typing import Any

from api.app import ROUTES, create_app
from api.documentation.openapi import openapi
from tests.api.changing import update
from tests.client import CREATE, ApiClient
from tests.world import World

DOCUMENT: dict[str, Any] = json.loads(json.dumps(openapi(ROUTES, "https://api.example.com")))


def test_it_is_stored_and_read(api: ApiClient, world: World):
    made = api.create(parking="In the yard.").appointment
    assert world.appointment(made["id"])["parking"] == "In the yard."
    path = f"/api/v1/appointments/read?id={made['id']}"
    read = api.raw(b"", method="GET", path=path, Authorization=f"Bearer {api.token}")
    assert read.appointment["parking"] == "In the yard."


def test_a_text_that_is_too_long_is_refused_with_a_hint(api: ApiClient):
    reply = api.create(parking="x" * 256)
    assert reply.status == "invalid-param"
    (fault,) = reply.body["errors"]
    assert fault["param"] == "parking"
    assert fault["hint"].endswith("more of it belongs into notes.")


def test_it_can_be_emptied(api: ApiClient):
    made = api.create(parking="In the yard.").appointment["id"]
    assert update(api, made, clear=["parking"]).appointment["parking"] is None


def test_it_is_documented(world: World):
    browser = create_app().test_client()
    for route, verb in ((CREATE, "post"), (CREATE.replace("create", "update"), "put")):
        page = browser.get(f"/documentation{route}").text
        assert 'id="param-parking"' in page
        body = DOCUMENT["paths"][route][verb]["requestBody"]["content"]["application/json"]["schema"]
        assert body["properties"]["parking"]["maxLength"] == 255
    assert "parking" in DOCUMENT["components"]["schemas"]["Appointment"]["properties"]
