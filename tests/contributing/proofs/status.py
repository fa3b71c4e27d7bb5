"""After the list of CONTRIBUTING.md: `appointment-cancelled` is answered by its route and documented with it."""

from api.app import create_app
from tests.api.test_countdown import countdown
from tests.client import ApiClient

PATH = "/api/v1/appointments/countdown"
SLUG = "appointment-cancelled"


def test_it_is_answered(api: ApiClient):
    reply = countdown(api, api.create(cancelled=True).appointment["id"])
    assert (reply.code, reply.status, reply.body["data"]) == (409, SLUG, {})


def test_it_stands_in_the_documentation_of_the_route(api: ApiClient):
    browser = create_app().test_client()
    assert f'id="status-{SLUG}"' in browser.get(f"/documentation{PATH}").text
    assert "409" in browser.get("/openapi.json").get_json()["paths"][PATH]["get"]["responses"]
    assert f'id="status-{SLUG}"' not in browser.get("/documentation/api/v1/appointments/read").text
