"""What is said about `data` is true: every shape is described, its example fits, and so do the odd answers.

The successful answers of every route are held against the schemas where the samples are run (`test_samples.py`).
"""

import json
from typing import Any

import pytest

from api.answerable import answerable
from api.app import ROUTES
from api.documentation.answers import answer_of, components, returned, schema_of_shape
from api.routes import AnyRoute
from api.shapes.appointment import APPOINTMENT
from api.shapes.shape import Member, Returned, Shape
from api.statuses import ACTION_SUCCESSFUL
from tests.client import CREATE, STAMP, ApiClient
from tests.documentation.answers import check, departures
from tests.world import World, stamp

BY_PATH = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
BY_NAME: dict[str, AnyRoute] = {route.path.removeprefix("/api/v1/"): route for route in ROUTES}
UPDATE, READ, HISTORY, INDEX = (
    CREATE.replace("create", name) for name in ("update", "read", "history", "index")
)


def put(api: ApiClient, path: str, params: dict[str, Any]) -> Any:
    body = json.dumps({"token": api.token, **params}).encode()
    return api.raw(body, method="PUT", path=path, Content_Type="application/json")


def get(api: ApiClient, path: str) -> Any:
    return api.raw(b"", method="GET", path=path, Authorization=f"Bearer {api.token}")


@BY_PATH
def test_every_route_says_what_its_answers_hold(route: AnyRoute) -> None:
    assert route.returns[0].status == ACTION_SUCCESSFUL
    slugs = [one.status for one in route.returns]
    assert len(slugs) == len(set(slugs))
    assert set(slugs) <= {status.slug for status in answerable(route)}


@BY_PATH
def test_the_example_of_an_answer_fits_its_own_schema(route: AnyRoute) -> None:
    for status in answerable(route):
        if returned(route, status.slug) is not None:
            assert departures(route, answer_of(route, status.slug)) == [], status.slug


def test_a_shape_has_one_name_and_a_sentence_for_each_member() -> None:
    for name, schema in components(ROUTES).items():
        assert schema["description"].endswith("."), name
        for member, said in schema["properties"].items():
            assert said["description"], f"{name}.{member}"
    with pytest.raises(ValueError, match="same name"):
        Shape("Twice", "Two.", (Member("a", "string", "One."), Member("a", "string", "Two.")))
    with pytest.raises(ValueError, match="type"):
        Member("a", "text", "One.")
    with pytest.raises(ValueError, match="table of statuses"):
        Returned("", status="out-of-paper")


def test_two_shapes_never_share_a_name() -> None:
    by_name: dict[str, Shape] = {}
    waiting = [member for route in ROUTES for one in route.returns for member in one.members]
    while waiting:
        shape = waiting.pop().type
        if isinstance(shape, Shape) and by_name.setdefault(shape.name, shape) is shape:
            waiting += [one for one in shape.members if isinstance(one.type, Shape) and one.type is not shape]
        elif isinstance(shape, Shape):
            assert by_name[shape.name] == shape


def test_what_the_schema_of_an_appointment_requires_is_what_create_answers(
    api: ApiClient, world: World
) -> None:
    made = api.create(order_id=world.order().id).appointment
    assert set(schema_of_shape(APPOINTMENT)["required"]) | {"notes"} == set(made)


def test_a_dry_run_shows_the_mails_that_would_follow(api: ApiClient, world: World) -> None:
    order = world.order(zone="America/New_York")
    wanted = {
        "order_id": order.id,
        "date_start_local": "2026-12-04",
        "time_start_local": "11:00",
        "dry_run": True,
    }
    reply = check(BY_NAME["appointments/create"], api.create(wanted))
    assert reply.body["data"]["mails"]
    made = api.create(order_id=order.id).appointment
    params = {"id": made["id"], "updated_at_mt": stamp(), "summary": "Other", "dry_run": True}
    check(BY_NAME["appointments/update"], put(api, UPDATE, params))


def test_a_stale_change_gets_the_record_and_the_differences(api: ApiClient) -> None:
    made = api.create(summary="Old").appointment
    put(api, UPDATE, {"id": made["id"], "updated_at_mt": "2026-11-21 10:00:00", "summary": "Newer"})
    reply = put(api, UPDATE, {"id": made["id"], "updated_at_mt": STAMP, "summary": "Older"})
    assert (reply.code, reply.status) == (409, "stale-update")
    assert set(check(BY_NAME["appointments/update"], reply).body["data"]) == {"appointment", "differences"}
    assert reply.body["data"]["differences"] == [{"field": "summary", "yours": "Older", "stored": "Newer"}]


def test_a_mail_that_failed_is_answered_with_the_record(api: ApiClient, world: World) -> None:
    wanted = {"order_id": world.order().id, "uuid": "7d0e9a34-6c1b-4f58-8a2d-5e93b1c7f046"}
    made = api.create(wanted).appointment
    world.execute(
        "UPDATE commands SET state = CASE kind WHEN 'send-confirmation' THEN 'failed' ELSE 'done' END"
        " WHERE appointment_id = :id",
        id=made["id"],
    )
    reply = api.create(wanted, {"Prefer": "wait=1"})
    assert (reply.code, reply.status) == (500, "mandrill-email-failed")
    check(BY_NAME["appointments/create"], reply)


def test_a_taken_uuid_names_the_appointment_that_has_it(api: ApiClient) -> None:
    made = api.create(uuid="7d0e9a34-6c1b-4f58-8a2d-5e93b1c7f046").appointment
    reply = api.create(uuid=made["uuid"], summary="Another")
    assert reply.body["data"] == {"existing_id": made["id"]}
    check(BY_NAME["appointments/create"], reply)


def test_whoever_has_no_role_is_told_where_to_get_one(api: ApiClient, world: World) -> None:
    without = api.with_token(world.session_token(world.user().id))
    reply = check(BY_NAME["appointments/create"], without.create())
    assert reply.status == "client-required"
    assert reply.body["session"]["token"] == without.token


def test_a_client_reads_what_is_described_too(api: ApiClient, world: World) -> None:
    user = world.user("Casey Client")
    client_id = world.client(user_id=user.id, email=user.email)
    order = world.order(client_id=client_id)
    own = api.with_token(world.session_token(user.id))
    made = check(BY_NAME["appointments/create"], own.create(order_id=order.id, session_view="default"))
    number = made.appointment["id"]
    put(api, UPDATE, {"id": number, "updated_at_mt": stamp(), "summary": "Other", "notes": "Internal"})
    for name, path in (
        ("appointments/read", f"{READ}?id={number}"),
        ("appointments/history", f"{HISTORY}?id={number}"),
        ("appointments/index", f"{INDEX}?count=true"),
    ):
        assert check(BY_NAME[name], get(own, path)).status == ACTION_SUCCESSFUL
    assert "notes" not in get(own, f"{READ}?id={number}").appointment


def test_the_conflicts_and_the_troubles_of_an_appointment_are_as_described(
    api: ApiClient, world: World
) -> None:
    photographer = world.photographer().id
    times = {"date_start_utc": "2026-12-04", "time_start_utc": "16:00", "time_duration": "1:00"}
    wanted = {"order_id": world.order().id, "photographer_user_id": photographer, **times}
    first, second = (api.create(wanted).appointment["id"] for _ in range(2))
    world.execute("UPDATE appointments SET busy_from = '2026-12-04 16:00Z', busy_until = '2026-12-04 17:00Z'")
    command = world.commands(first)["send-confirmation"]["id"]
    number = world.insert(
        "INSERT INTO notifications (status, subject_key, cause, message, hint, appointment_id, command_id,"
        " recipient, attempts) VALUES ('mandrill-email-failed', 'mail:x', 'hard-bounce', 'It failed.',"
        " 'Correct it.', :appointment, :command, 'wrong@example.com', 3) RETURNING id",
        appointment=first,
        command=command,
    )
    story = check(BY_NAME["appointments/read"], get(api, f"{READ}?id={first}")).body["data"]
    assert [one["appointment_id"] for one in story["conflicts"]] == [second]
    assert [one["id"] for one in story["notifications"]] == [number]
    refused = api.post({"token": api.token, "ids": "999"}, path="/api/v1/notifications/resend")
    assert refused.body["data"]["results"]
    check(BY_NAME["notifications/resend"], refused)
    told = get(api, f"/api/v1/notifications/read?id={number}")
    assert check(BY_NAME["notifications/read"], told).status == ACTION_SUCCESSFUL


def test_a_name_that_is_not_described_would_be_seen() -> None:
    route = BY_NAME["appointments/create"]
    answer = answer_of(route)
    answer["data"]["appointment"]["colour"] = "red"
    del answer["data"]["commands"][0]["kind"]
    seen = departures(route, answer)
    assert any("colour" in one for one in seen)
    assert any("'kind' is a required property" in one for one in seen)
