"""After the list of CONTRIBUTING.md: `appointments/countdown` is a route like the others."""

from api.app import create_app
from tests.api.test_countdown import countdown
from tests.client import ApiClient
from tests.world import World

PATH = "/api/v1/appointments/countdown"


def test_it_answers_in_the_words_of_the_contract(api: ApiClient):
    made = api.create().appointment["id"]
    assert countdown(api, made).status == "action-successful"
    assert countdown(api, made + 1).faults == {"id": "invalid-param"}
    assert countdown(api.with_token("application_x"), made).status == "invalid-token"


def test_it_is_documented_and_counted(api: ApiClient):
    browser = create_app().test_client()
    assert "Tell how long it is until an appointment starts." in browser.get(f"/documentation{PATH}").text
    assert "get" in browser.get("/openapi.json").get_json()["paths"][PATH]
    assert f'href="/documentation{PATH}"' in browser.get("/documentation/").text
    countdown(api, 1)
    labels = (f'route="{PATH}"', 'method="GET"', 'status="invalid-param"')
    lines = browser.get("/metrics").text.splitlines()
    assert any(all(label in line for label in labels) for line in lines)


def test_operators_can_retire_it(api: ApiClient, world: World):
    from models.switchboard import switchboard

    world.execute("UPDATE routes SET deployed = false WHERE path = :path", path=PATH)
    switchboard.forget()
    assert countdown(api, 1).status == "route-not-found"
