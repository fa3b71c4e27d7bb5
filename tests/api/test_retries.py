"""A retry is safe (contract.md section 6): one row, one set of commands, the first record as the answer."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from tests.client import ApiClient, Reply
from tests.world import World

UUID = "3f2b8c1e-5d47-4a90-9b6e-2c8f1d0a7e53"
SPELLINGS = (UUID, UUID.upper(), UUID.replace("-", ""), f"urn:uuid:{UUID}", f"{{{UUID}}}", f"  {UUID}\r\n")
KEY = {"Idempotency-Key": "press-once"}


def counted(world: World) -> tuple[int, int]:
    """How many appointments and commands there are."""
    row = world.row(
        "SELECT (SELECT count(*) FROM appointments) AS rows, (SELECT count(*) FROM commands) AS commands"
    )
    return row["rows"], row["commands"]


def is_replay(reply: Reply, first: Reply) -> bool:
    """Whether the answer is the first one's record, word for word, with its commands."""
    return (
        reply.code == 200
        and reply.body["data"]["replayed"] is True
        and reply.appointment == first.appointment
        and reply.body["data"]["commands"] == first.body["data"]["commands"]
    )


FULL: dict[str, Any] = {
    "uuid": UUID,
    "confirmed": True,
    "allday": False,
    "date_start_local": "2026-12-04",
    "time_start_local": "11:00",
    "time_stop_local": "24:00",
    "date_stop_local": "2026-12-04",
    "time_duration": "1:30",
    "time_duration_s": 5400,
    "notes": "line\r\nline",
    "created_at": "2026-11-20T10:00:00.123456Z",
    "requested_time": "9:00 PM",
    "window_time_start": 0,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_any_spelling_of_the_uuid_is_the_same_uuid(api: ApiClient, world: World, spelling: str):
    first = api.create(uuid=UUID)
    assert first.appointment["uuid"] == UUID
    assert is_replay(api.create(uuid=spelling), first)
    assert counted(world) == (1, 1)


def test_a_replay_shows_the_record_as_the_first_answer_did(api: ApiClient, world: World):
    order, photographer = world.order(), world.photographer()
    params = {**FULL, "order_id": order.id, "photographer_user_id": photographer.id}
    first = api.create(params)
    assert [command["kind"] for command in first.body["data"]["commands"]] == [
        "reconcile-times",
        "send-confirmation",
        "send-assignment",
    ]
    again = api.create(params)
    assert is_replay(again, first)
    assert "had been created" in again.body["message"]
    assert counted(world) == (1, 3)


EQUIVALENT = [
    {"confirmed": "yes"},
    {"time_start_local": "11:00:00 AM"},
    {"time_duration": "90 min"},
    {"time_duration_s": "5400"},
    {"notes": " line\nline\n"},
    {"summary": ""},
    {"updated_at_mt": "11/21/2026 1:00 PM"},
    {"session_view": "default"},
    {"created_at": "2026-11-20T12:00:00.123456+02:00"},
    {"month_first": True, "date_start_local": "12/4/2026", "date_stop_local": "12/4/2026"},
    {"window_time_start": "0"},
    {"unknown_name": 1},
]
DIFFERENT = [
    {"confirmed": False},
    {"confirmed": None},
    {"time_start_local": "11:01"},
    {"notes": "line\n\nline"},
    {"summary": "x"},
    {"optional": False},
    {"time_duration_s": 5401},
    {"created_by": "Someone Else"},
    {"application": "planox2"},
    {"window_time_start": None},
]


@pytest.mark.parametrize("change", EQUIVALENT, ids=str)
def test_an_equivalent_request_is_a_retry(api: ApiClient, world: World, change: dict[str, Any]):
    first = api.create(FULL)
    assert is_replay(api.create({**FULL, **change}), first)
    assert counted(world)[0] == 1


@pytest.mark.parametrize("change", DIFFERENT, ids=str)
def test_a_different_request_is_refused_and_told_the_existing_id(
    api: ApiClient, world: World, change: dict[str, Any]
):
    first = api.create(FULL)
    reply = api.create({**FULL, **change})
    assert (reply.status, reply.faults) == ("invalid-param", {"uuid": "invalid-param"})
    assert str(first.appointment["id"]) in reply.body["errors"][0]["message"]
    assert "appointments/update" in reply.body["errors"][0]["hint"]
    assert counted(world)[0] == 1


def test_a_retry_under_another_token_of_the_caller_is_a_retry(api: ApiClient, world: World):
    first = api.create(FULL)
    assert is_replay(api.with_token(world.application_token()).create(FULL), first)


def test_a_retry_shows_what_has_become_of_the_commands(api: ApiClient, world: World):
    first = api.create(uuid=UUID)
    world.execute("UPDATE commands SET state = 'done'")
    (command,) = api.create(uuid=UUID).body["data"]["commands"]
    assert command == {**first.body["data"]["commands"][0], "state": "done"}


# --- records that the caller may not see ---


def test_an_invisible_record_is_not_told_about(api: ApiClient, world: World):
    first = api.create(uuid=UUID, order_id=world.order().id, notes="Gate code 4711")
    user = world.user()
    own = world.order(client_id=world.client(user_id=user.id))
    client = api.with_token(world.session_token(user.id))
    for params in ({"order_id": own.id}, {}, {"order_id": own.id, "notes": "Gate code 4711"}):
        reply = client.create(params, uuid=UUID)
        assert reply.faults == {"uuid": "invalid-param"}
        assert reply.body["data"] == {}
        assert "another appointment" in reply.body["errors"][0]["message"]
        assert "4711" not in str(reply.body)
        assert f"appointment {first.appointment['id']}" not in str(reply.body)
    assert counted(world)[0] == 1


def test_a_client_sees_an_orderless_record_of_their_own_only(api: ApiClient, world: World):
    clients = []
    for _ in range(2):
        user = world.user()
        world.client(user_id=user.id)
        clients.append(api.with_token(world.session_token(user.id)))
    first = clients[0].create(uuid=UUID)
    assert is_replay(clients[0].create(uuid=UUID), first)
    refused = clients[1].create(uuid=UUID)
    assert (refused.faults, refused.body["data"]) == ({"uuid": "invalid-param"}, {})


# --- Idempotency-Key ---


def test_a_key_does_what_a_uuid_does(api: ApiClient, world: World):
    first = api.create({"summary": "s"}, headers=KEY)
    assert first.appointment["uuid"]
    assert is_replay(api.create({"summary": "s"}, headers=KEY), first)
    refused = api.create({"summary": "t"}, headers=KEY)
    assert refused.faults == {"Idempotency-Key": "invalid-param"}
    assert str(first.appointment["id"]) in refused.body["errors"][0]["message"]
    assert counted(world) == (1, 1)


def test_without_a_key_or_a_uuid_every_request_is_a_new_one(api: ApiClient, world: World):
    for _ in range(3):
        api.create({"summary": "s"}, headers={"Idempotency-Key": "  "})
    assert counted(world)[0] == 3


def test_the_same_key_of_another_caller_is_another_key(api: ApiClient, world: World):
    callers = [
        api,
        api.with_token(world.application_token("planox2")),
        api.with_token(world.session_token(world.employee().id)),
        api.with_token(world.session_token(world.employee().id)),
    ]
    replies = [caller.create({}, headers=KEY) for caller in callers]
    assert [reply.body["data"]["replayed"] for reply in replies] == [False] * 4
    assert counted(world)[0] == 4


def test_two_sessions_of_one_person_share_their_keys(api: ApiClient, world: World):
    user = world.employee()
    first, second = (api.with_token(world.session_token(user.id)).create({}, headers=KEY) for _ in range(2))
    assert is_replay(second, first)


def test_uuid_and_key_together(api: ApiClient, world: World):
    first = api.create({"uuid": UUID}, headers=KEY)
    assert is_replay(api.create({"uuid": UUID}, headers=KEY), first)
    assert is_replay(api.create({"uuid": UUID}), first)
    assert is_replay(api.create({"uuid": UUID}, headers={"Idempotency-Key": "another"}), first)
    other = api.create({"uuid": str(uuid4())}, headers=KEY)
    assert other.faults == {"Idempotency-Key": "invalid-param"}
    assert counted(world) == (1, 1)


def test_when_uuid_and_key_belong_to_two_records_the_uuid_decides(api: ApiClient):
    by_uuid = api.create({"uuid": UUID})
    api.create({"summary": "s"}, headers=KEY)
    assert is_replay(api.create({"uuid": UUID}, headers=KEY), by_uuid)


@pytest.mark.parametrize("key", ["k" * 256, "tab\there", "nul\x00"])
def test_an_unusable_key_is_invalid(api: ApiClient, key: str):
    assert api.create({}, headers={"Idempotency-Key": key}).faults == {"Idempotency-Key": "invalid-param"}


def test_a_refused_request_does_not_use_its_uuid_up(api: ApiClient):
    assert api.create({"allday": "maybe"}, uuid=UUID, headers=KEY).status == "invalid-param"
    assert api.create(uuid=UUID, headers=KEY).body["data"]["replayed"] is False


# --- at the same instant ---


@pytest.mark.parametrize("by", ["uuid", "key", "both"])
def test_twenty_requests_at_the_same_instant_make_one_row(api: ApiClient, world: World, by: str):
    order = world.order()
    params = {"order_id": order.id, **({} if by == "key" else {"uuid": UUID})}
    headers = {} if by == "uuid" else KEY
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: api.create(params, headers=headers), range(20)))
    assert {reply.code for reply in replies} == {200}
    assert len({reply.appointment["id"] for reply in replies}) == 1
    assert [reply.body["data"]["replayed"] for reply in replies].count(False) == 1
    assert counted(world) == (1, 2)


def test_of_different_requests_at_the_same_instant_one_wins(api: ApiClient, world: World):
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda n: api.create(uuid=UUID, summary=f"number {n}"), range(20)))
    assert sorted(reply.code for reply in replies) == [200] + [400] * 19
    (won,) = [reply for reply in replies if reply.code == 200]
    assert counted(world) == (1, 1)
    assert world.appointment(won.appointment["id"])["summary"] == won.appointment["summary"]


def test_naming_the_tokens_own_application_is_the_same_request(api: ApiClient) -> None:
    uuid = "b0c1a3f2-0c55-4b7a-9a5e-8f1f4c9d2e10"
    first = api.create(uuid=uuid)
    again = api.create(uuid=uuid, application="planoauth")
    assert (again.appointment["id"], again.body["data"]["replayed"]) == (first.appointment["id"], True)
    assert api.create(uuid=uuid, application="planox2").faults == {"uuid": "invalid-param"}
