"""`appointments/history`: who changed what and when, newest first, down to the creation."""

import pytest

from tests.api.changing import NINE, cancel, history, stamp, update
from tests.client import ApiClient
from tests.world import World


@pytest.fixture
def made(api: ApiClient, world: World):
    """An order's client, and an appointment that an employee made, changed and cancelled for them."""
    user = world.user("Carla Client")
    order = world.order(client_id=world.client(user_id=user.id))
    employee = world.employee(name="Emma Employee")
    office = api.with_token(world.session_token(employee.id))
    appointment_id = office.create(
        {**NINE, "order_id": order.id, "notes": "Gate 4711"}, updated_at_mt=stamp(0)
    ).appointment["id"]
    update(office, appointment_id, 1, summary="Photos", notes="Gate 4712")
    cancel(api, appointment_id, 2, same_day_cancel=True)
    return appointment_id, api.with_token(world.session_token(user.id)), employee


def entries(reply):
    assert reply.code == 200, reply.body
    return reply.body["data"]["history"]


def test_each_change_with_its_fields_and_the_creation_with_those_undone(api: ApiClient, made):
    cancelled, changed, created = entries(history(api, made[0]))
    assert [entry["action"] for entry in (cancelled, changed, created)] == ["cancel", "update", "created"]
    assert {"field": "notes", "old": "Gate 4711", "new": "Gate 4712"} in changed["changes"]
    assert {"field": "cancelled", "old": None, "new": True} in cancelled["changes"]
    first = {line["field"]: line["new"] for line in created["changes"]}
    assert first["notes"] == "Gate 4711"
    assert first["time_start_local"] == "09:00:00"
    assert not {"summary", "cancelled", "time_start_utc"} & first.keys()
    assert (created["updated_at_mt"], cancelled["updated_at_mt"]) == (stamp(0), stamp(2))
    assert [entry["sequence"] for entry in (cancelled, changed, created)] == [2, 1, 0]


def test_who_it_was_comes_from_the_token(api: ApiClient, made):
    cancelled, changed, created = entries(history(api, made[0]))
    emma = {"kind": "session", "role": "employee", "name": "Emma Employee", "user_id": made[2].id}
    assert changed["who"] == created["who"] == emma
    assert cancelled["who"] == {
        "kind": "application",
        "role": "application",
        "name": "PlanoAuth",
        "user_id": None,
    }
    assert cancelled["application"] == "planoauth"
    assert all(entry["request_id"] for entry in (cancelled, changed, created))


def test_a_client_reads_names_and_no_ids_and_nothing_of_the_notes(made):
    found = entries(history(made[1], made[0]))
    assert [entry["who"] for entry in found][1] == {
        "kind": "session",
        "role": "employee",
        "name": "Emma Employee",
    }
    assert "Gate" not in str(found)
    assert "request_id" not in str(found)


def test_pages_follow_one_another(api: ApiClient, made):
    whole = entries(history(api, made[0]))
    cursor, found = None, []
    for _ in range(3):
        reply = history(api, made[0], limit=1, **({"cursor": cursor} if cursor else {}))
        found += entries(reply)
        cursor = reply.body["data"]["next_cursor"]
    assert (found, cursor) == (whole, None)
    assert history(api, made[0], limit=3).body["data"]["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ({"id": 10**9}, {"id": "invalid-param"}),
        ({"cursor": "x"}, {"cursor": "invalid-param"}),
        ({"cursor": "9" * 40}, {"cursor": "invalid-param"}),
        ({"limit": 0}, {"limit": "invalid-param"}),
        ({"id": ""}, {"id": "missing-param"}),
    ],
)
def test_what_cannot_be_read_is_said(api: ApiClient, made, query, faults):
    assert history(api, made[0], **query).faults == faults


def test_somebody_elses_is_unknown(api: ApiClient, world: World, made):
    user = world.user()
    world.client(user_id=user.id)
    assert history(api.with_token(world.session_token(user.id)), made[0]).faults == {"id": "invalid-param"}
