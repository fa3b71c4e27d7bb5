"""`POST /api/v1/appointments/resend_confirmation` (contract.md section 7): what is queued, for whom, and only once."""

from typing import Any
from uuid import uuid4

import pytest

from tests.client import ApiClient, Reply
from tests.world import World

PATH = "/api/v1/appointments/resend_confirmation"


def again(api: ApiClient, headers: dict[str, str] | None = None, **params: Any) -> Reply:
    return api.post({"token": api.token, **params}, path=PATH, **(headers or {}))


@pytest.fixture
def made(api: ApiClient, world: World) -> dict[str, Any]:
    """An appointment whose times agree and whose confirmation was sent."""
    order = world.order(client_email="carla@example.com")
    appointment = api.create(order_id=order.id, uuid=str(uuid4())).appointment
    world.execute("UPDATE commands SET state = 'done', attempts = 1")
    return appointment


def confirmations(world: World, appointment_id: int) -> list[dict[str, Any]]:
    return world.rows(
        "SELECT * FROM commands WHERE appointment_id = :id AND kind = 'send-confirmation' ORDER BY id",
        id=appointment_id,
    )


@pytest.mark.parametrize("by", ["id", "uuid"])
def test_a_confirmation_is_sent_again_as_a_new_mail(
    api: ApiClient, world: World, made: dict[str, Any], by: str
) -> None:
    (before,) = confirmations(world, made["id"])
    reply = again(api, **{by: made[by]})
    assert (reply.code, reply.body["data"]["replayed"]) == (200, False)
    assert reply.appointment["id"] == made["id"]
    (command,) = confirmations(world, made["id"])
    assert (command["state"], command["attempts"]) == ("pending", 0)
    assert command["send_id"] != before["send_id"]
    assert {c["kind"]: c["state"] for c in reply.body["data"]["commands"]} == {
        "reconcile-times": "done",
        "send-confirmation": "queued",
    }


@pytest.mark.parametrize("keyed", [True, False])
def test_a_repeated_request_sends_no_third_mail(
    api: ApiClient, world: World, made: dict[str, Any], keyed: bool
) -> None:
    headers = {"Idempotency_Key": "k-1"} if keyed else {}
    again(api, headers, id=made["id"])
    world.execute("UPDATE commands SET state = 'done'")
    (first,) = confirmations(world, made["id"])
    reply = again(api, headers, id=made["id"])
    assert (reply.code, reply.body["data"]["replayed"]) == (200, True)
    assert confirmations(world, made["id"]) == [first]
    later = again(api, {"Idempotency_Key": "k-2"}, id=made["id"])
    assert later.body["data"]["replayed"] is False
    assert confirmations(world, made["id"])[0]["state"] == "pending"


def test_after_a_minute_the_same_request_is_another_one(
    api: ApiClient, world: World, made: dict[str, Any]
) -> None:
    again(api, id=made["id"])
    world.execute("UPDATE commands SET state = 'done'")
    world.execute("UPDATE audit_entries SET at = now() - interval '61 s'")
    assert again(api, id=made["id"]).body["data"]["replayed"] is False
    assert confirmations(world, made["id"])[0]["state"] == "pending"


def test_a_key_of_another_appointment_is_refused(api: ApiClient, world: World, made: dict[str, Any]) -> None:
    other = api.create(order_id=world.order().id).appointment["id"]
    again(api, {"Idempotency_Key": "k-1"}, id=made["id"])
    assert again(api, {"Idempotency_Key": "k-1"}, id=other).faults == {"Idempotency-Key": "invalid-param"}


@pytest.mark.parametrize("state", ["pending", "waiting", "unknown"])
def test_one_that_is_under_way_is_left_to_itself(
    api: ApiClient, world: World, made: dict[str, Any], state: str
) -> None:
    world.execute("UPDATE commands SET state = :s WHERE kind = 'send-confirmation'", s=state)
    (before,) = confirmations(world, made["id"])
    assert again(api, id=made["id"]).code == 200
    assert confirmations(world, made["id"]) == [before]


def test_one_that_was_left_to_people_is_sent_because_a_person_asks(
    api: ApiClient, world: World, made: dict[str, Any]
) -> None:
    world.execute(
        "UPDATE commands SET state = 'unknown', available_at = '9000-01-01Z' WHERE kind = 'send-confirmation'"
    )
    again(api, id=made["id"])
    assert confirmations(world, made["id"])[0]["state"] == "pending"


def test_it_goes_to_the_clients_address_of_now(api: ApiClient, world: World, made: dict[str, Any]) -> None:
    world.execute("UPDATE clients SET email = 'new@example.com'")
    again(api, id=made["id"])
    old, new = confirmations(world, made["id"])
    assert (old["recipient"], old["state"]) == ("carla@example.com", "done")
    assert (new["recipient"], new["state"]) == ("new@example.com", "pending")


def test_a_mail_does_not_go_out_before_the_times_agree(
    api: ApiClient, world: World, made: dict[str, Any]
) -> None:
    world.execute("UPDATE commands SET state = 'pending' WHERE kind = 'reconcile-times'")
    world.execute("UPDATE clients SET email = 'new@example.com'")
    again(api, id=made["id"])
    assert confirmations(world, made["id"])[1]["state"] == "waiting"


def test_an_archived_confirmation_comes_back(api: ApiClient, world: World, made: dict[str, Any]) -> None:
    from models.command_archive import archive_finished
    from models.database import transaction

    world.execute("UPDATE commands SET finished_at = now() - interval '30 days'")
    with transaction() as connection:
        archive_finished(connection, days=7, limit=100)
    assert confirmations(world, made["id"]) == []
    assert again(api, id=made["id"]).code == 200
    assert confirmations(world, made["id"])[0]["state"] == "pending"


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("UPDATE appointments SET cancelled = true", "cancelled"),
        ("UPDATE clients SET email = NULL", "nobody to write to"),
    ],
)
def test_where_there_is_nothing_to_confirm_it_is_refused(
    api: ApiClient, world: World, made: dict[str, Any], sql: str, says: str
) -> None:
    world.execute(sql)
    reply = again(api, id=made["id"])
    assert reply.faults == {"id": "invalid-param"}
    assert says in reply.body["errors"][0]["message"]


def test_the_appointment_has_to_be_named(api: ApiClient, made: dict[str, Any]) -> None:
    assert again(api).faults == {"id": "missing-param"}
    assert again(api, id="x").faults == {"id": "invalid-param"}
    assert again(api, uuid="x").faults == {"uuid": "invalid-param"}
    assert again(api, id=made["id"], uuid=str(uuid4())).faults == {"id": "invalid-param"}


def test_what_the_caller_may_not_see_is_told_in_the_words_for_what_there_is_not(
    api: ApiClient, world: World, made: dict[str, Any]
) -> None:
    user = world.user()
    world.client(user_id=user.id)
    stranger = api.with_token(world.session_token(user.id))
    unseen, unknown = again(stranger, id=made["id"]), again(stranger, id=987_654)
    assert unseen.body["errors"] == unknown.body["errors"]
    assert (unseen.status, unseen.faults) == ("invalid-param", {"id": "invalid-param"})
    order = world.row("SELECT client_id FROM orders")["client_id"]
    world.execute("UPDATE clients SET user_id = NULL")
    world.execute("UPDATE clients SET user_id = :user WHERE id = :id", user=user.id, id=order)
    assert again(stranger, id=made["id"]).code == 200
