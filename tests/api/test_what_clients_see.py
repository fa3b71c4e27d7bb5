"""What clients and liaisons see of an appointment, whichever route answers: no internal notes, nobody else's mails,
and nothing of the time before it was theirs."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from tests.api.changing import CANCEL, NINE, UPDATE, cancel, history, put, settle, stamp, update
from tests.client import ApiClient, Reply
from tests.world import MadeOrder, World

READ = "/api/v1/appointments/read"
RESEND = "/api/v1/appointments/resend_confirmation"
SECRET = "Gate 4711"


@dataclass
class Office:
    """An order, its client, a liaison of the client's company, and an appointment that the office made for it."""

    order: MadeOrder
    company: int
    appointment_id: int
    uuid: str
    callers: dict[str, ApiClient]


@pytest.fixture
def office(api: ApiClient, world: World) -> Office:
    company, user = world.company(), world.user("Carla Client", "carla@example.com")
    client = world.client(user_id=user.id, email="carla@example.com")
    order = world.order(client_id=client, company_id=company, zone="America/Denver")
    liaison = world.liaison(company)
    uuid = str(uuid4())
    made = api.create(
        {**NINE, "order_id": order.id, "photographer_user_id": world.photographer(email="p@example.com").id},
        notes=SECRET,
        uuid=uuid,
        confirmed=True,
        updated_at_mt=stamp(0),
    )
    settle(world)
    callers = {
        "client": api.with_token(world.session_token(user.id)),
        "liaison": api.with_token(world.session_token(liaison.id)),
    }
    return Office(order, company, made.appointment["id"], uuid, callers)


def read(api: ApiClient, appointment_id: int) -> dict[str, Any]:
    reply = api.raw(
        b"", method="GET", path=f"{READ}?id={appointment_id}", Authorization=f"Bearer {api.token}"
    )
    assert reply.code == 200, reply.body
    return reply.body["data"]


# --- notes ---


@pytest.mark.parametrize("role", ["client", "liaison"])
@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        (UPDATE, {"updated_at_mt": stamp(0)}, "action-successful"),
        (UPDATE, {"updated_at_mt": stamp(1), "summary": "Roof"}, "action-successful"),
        (UPDATE, {"updated_at_mt": stamp(1), "summary": "Roof", "dry_run": True}, "action-successful"),
        (UPDATE, {"updated_at_mt": "2026-11-19 10:00:00", "summary": "Roof"}, "stale-update"),
        (CANCEL, {"updated_at_mt": stamp(1), "dry_run": True}, "action-successful"),
        (CANCEL, {"updated_at_mt": stamp(1)}, "action-successful"),
    ],
)
def test_no_change_tells_the_notes(office: Office, role: str, path: str, params: dict, status: str):
    reply = put(office.callers[role], path, {"id": office.appointment_id, **params})
    assert reply.status == status, reply.body
    assert "notes" not in reply.appointment
    assert SECRET not in json.dumps(reply.body)


@pytest.mark.parametrize("role", ["client", "liaison"])
def test_nor_does_sending_the_confirmation_again_or_waiting_for_it(office: Office, role: str):
    caller = office.callers[role]
    for headers in ({}, {"Prefer": "wait=1"}):
        params = {"token": caller.token, "id": office.appointment_id}
        reply = caller.post(params, path=RESEND, **headers)
        assert "notes" not in reply.appointment
        assert SECRET not in json.dumps(reply.body)
    waited = put(
        caller,
        UPDATE,
        {"id": office.appointment_id, "updated_at_mt": stamp(0)},
        Prefer="wait=1",
    )
    assert "notes" not in waited.appointment


def test_what_a_client_sends_comes_back_and_not_what_the_office_makes_of_it(api: ApiClient, office: Office):
    client, uuid = office.callers["client"], str(uuid4())
    params = {"order_id": office.order.id, "uuid": uuid, "notes": "Mind the dog"}
    made = client.create(params, updated_at_mt=stamp(0))
    assert made.appointment["notes"] == "Mind the dog"
    update(api, made.appointment["id"], 1, notes=SECRET)
    again = client.create(params, updated_at_mt=stamp(0))
    assert again.body["data"]["replayed"] is True
    assert "notes" not in again.appointment
    assert SECRET not in json.dumps(again.body)


def test_another_ones_create_is_not_repeated_by_a_client(world: World, api: ApiClient, office: Office):
    """Whoever could would find out what the notes of the office are, by trying."""
    params = {"order_id": office.order.id, "uuid": str(uuid4()), "notes": "1234"}
    api.create(params)
    assert office.callers["client"].create(params).faults == {"uuid": "invalid-param"}
    assert office.callers["client"].create({**params, "notes": "1235"}).faults == {"uuid": "invalid-param"}


@pytest.mark.parametrize("role", ["client", "liaison"])
@pytest.mark.parametrize("stamped", [0, 1])
@pytest.mark.parametrize(
    ("params", "param"),
    [({"notes": "Mine"}, "notes"), ({"notes": SECRET}, "notes"), ({"clear": "notes"}, "clear")],
)
def test_notes_of_the_office_are_neither_overwritten_nor_emptied_nor_guessed(
    world: World, office: Office, role: str, params: dict, param: str, stamped: int
):
    refused = update(office.callers[role], office.appointment_id, stamped, **params)
    assert refused.faults == {param: "invalid-param"}
    assert "office" in refused.body["errors"][0]["message"]
    assert world.appointment(office.appointment_id)["notes"] == SECRET


def test_notes_of_ones_own_may_be_changed_and_the_request_repeated(api: ApiClient, office: Office):
    client = office.callers["client"]
    made = client.create(order_id=office.order.id, updated_at_mt=stamp(0)).appointment["id"]
    first = update(client, made, 1, notes="Mind the dog")
    assert first.appointment["notes"] == "Mind the dog"
    assert "notes" not in {line["field"] for line in first.body["data"]["changes"]}
    assert update(client, made, 1, notes="Mind the dog").body["data"]["replayed"] is True
    assert update(client, made, 2, notes="Mind both dogs").code == 200
    assert update(office.callers["liaison"], made, 3, notes="x").faults == {"notes": "invalid-param"}
    assert update(client, made, 3, clear="notes").code == 200
    update(api, made, 4, notes=SECRET)
    assert update(client, made, 5, notes="x").faults == {"notes": "invalid-param"}


def test_employees_and_applications_see_the_notes_everywhere(api: ApiClient, office: Office):
    changed = update(api, office.appointment_id, 1, notes="Gate 4712")
    assert changed.appointment["notes"] == "Gate 4712"
    assert {"field": "notes", "old": SECRET, "new": "Gate 4712"} in changed.body["data"]["changes"]
    stale = update(api, office.appointment_id, 0, notes="x")
    assert stale.body["data"]["differences"][0]["stored"] == "Gate 4712"


# --- mails of a dry run ---


def tried(caller: ApiClient, office: Office, path: str = UPDATE, **params: Any) -> Reply:
    given = {"id": office.appointment_id, "updated_at_mt": stamp(1), "dry_run": True, **params}
    reply = put(caller, path, given)
    assert reply.code == 200, reply.body
    return reply


def test_a_client_reads_the_own_mail_and_not_the_photographers(api: ApiClient, office: Office):
    assert len(tried(api, office, summary="Roof").body["data"]["mails"]) == 2
    reply = tried(office.callers["client"], office, summary="Roof")
    (mail,) = reply.body["data"]["mails"]
    assert mail["to"]["email"] == "carla@example.com"
    assert mail["text"]
    assert "p@example.com" not in json.dumps(reply.body)


def test_a_liaison_reads_the_clients_mail_without_addresses(office: Office):
    reply = tried(office.callers["liaison"], office, summary="Roof")
    (mail,) = reply.body["data"]["mails"]
    assert mail["to"]["email"] == "c***@example.com"
    assert mail["calendar"] is None
    assert mail["text"]
    told = json.dumps(reply.body)
    assert "carla@example.com" not in told
    assert "p@example.com" not in told


def test_so_is_the_dry_run_of_a_create(office: Office, world: World):
    order = world.order(client_id=office.order.client_id, company_id=office.company)
    params = {
        **NINE,
        "order_id": order.id,
        "photographer_user_id": world.photographer(email="q@example.com").id,
    }
    for caller in office.callers.values():
        (mail,) = caller.create(params, dry_run=True).body["data"]["mails"]
        assert mail["kind"] == "send-confirmation"


# --- the time before ---


@pytest.fixture
def moved(api: ApiClient, world: World) -> tuple[int, ApiClient, MadeOrder]:
    """An appointment that was Anna's, with what she wanted, and is Bert's now; and Bert."""
    anna, bert = world.user("Anna"), world.user("Bert")
    first = world.order(client_id=world.client(user_id=anna.id))
    second = world.order(client_id=world.client(user_id=bert.id))
    made = api.create(
        {**NINE, "order_id": first.id, "description": "Annas cellar"}, updated_at_mt=stamp(0)
    ).appointment["id"]
    update(api.with_token(world.session_token(anna.id)), made, 1, summary="Annas house")
    update(api, made, 2, order_id=second.id, summary="Roof", description="Of the barn")
    update(api, made, 3, summary="Roof and all")
    return made, api.with_token(world.session_token(bert.id)), first


def test_the_history_begins_where_the_order_became_ones_own(api: ApiClient, moved):
    made, bert, first = moved
    assert len(history(api, made).body["data"]["history"]) == 4
    for found in (history(bert, made).body["data"]["history"], read(bert, made)["history"]):
        assert [entry["action"] for entry in found] == ["update", "update"]
        assert "Anna" not in json.dumps(found)
        assert first.id not in [line["old"] for line in found[-1]["changes"]]
        assert {"field": "summary", "old": "Roof", "new": "Roof and all"} in found[0]["changes"]
        assert {"field": "summary", "old": None, "new": "Roof"} in found[1]["changes"]
    paged = history(bert, made, limit=1).body["data"]
    rest = history(bert, made, limit=1, cursor=paged["next_cursor"]).body["data"]
    assert [len(paged["history"]), len(rest["history"]), rest["next_cursor"]] == [1, 1, None]


def test_what_moved_between_ones_own_orders_was_ones_own_all_the_time(
    api: ApiClient, world: World, office: Office
):
    other = world.order(client_id=office.order.client_id, company_id=office.company)
    client = office.callers["client"]
    assert update(client, office.appointment_id, 1, order_id=other.id).code == 200
    found = history(client, office.appointment_id).body["data"]["history"]
    assert [entry["action"] for entry in found] == ["update", "created"]


# --- taking it out of sight ---


@pytest.mark.parametrize("role", ["client", "liaison"])
def test_nobody_pushes_an_appointment_out_of_ones_own_sight(world: World, office: Office, role: str):
    caller = office.callers[role]
    refused = update(caller, office.appointment_id, 1, clear="order_id")
    assert refused.faults == {"clear": "invalid-param"}
    assert world.appointment(office.appointment_id)["order_id"] == office.order.id
    made = caller.create(order_id=office.order.id, updated_at_mt=stamp(0)).appointment["id"]
    assert update(caller, made, 1, clear="order_id").code == 200


def test_the_office_may_take_an_appointment_off_its_order(api: ApiClient, office: Office):
    assert update(api, office.appointment_id, 1, clear="order_id").code == 200
    assert cancel(api, office.appointment_id, 2).code == 200
