"""A photographer who is taken: what a create says of it, and what `refuse_conflicts` refuses."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from models import database
from models.photographer_conflicts import hold_photographers
from models.prepared import Prepared
from tasks.reconcile_times import reconcile_times
from tests.bookings import DAY, book, double_booked, utc
from tests.client import ApiClient, Reply
from tests.waiting import eventually
from tests.world import World

TEN = {"date_start_local": DAY, "time_start_local": "10:00", "time_duration": "1:00"}
HALF_PAST = {**TEN, "time_start_local": "10:30"}
TAKEN = "The photographer is taken at that time."
REFUSING = {"refuse_conflicts": True}


def conflicts(reply: Reply) -> list[str]:
    """What the answer says of the photographer."""
    assert reply.status == "action-successful", reply.body
    return [w["message"] for w in reply.body["warnings"] if w["param"] == "photographer_user_id"]


def reconciled(world: World, reply: Reply) -> int:
    """The id of the appointment, its times reconciled."""
    made = reply.appointment["id"]
    reconcile_times(world.commands(made)["reconcile-times"]["id"])
    return made


def count(world: World) -> int:
    return world.row("SELECT count(*) FROM appointments")["count"]


def test_a_conflict_is_stored_with_a_warning_and_told_when_the_times_are_reconciled(
    api: ApiClient, world: World
):
    photographer = world.photographer().id
    first = api.create(TEN, order_id=world.order().id, photographer_user_id=photographer)
    assert conflicts(first) == []
    one = reconciled(world, first)
    second = api.create(HALF_PAST, order_id=world.order().id, photographer_user_id=photographer)
    assert conflicts(second) == [
        f"The photographer is taken by appointment {one}: {DAY} 10:00 to 11:00 (America/Denver)."
    ]
    assert double_booked(world) == set()
    assert double_booked_after(world, second) == {(one, second.appointment["id"])}


def double_booked_after(world: World, reply: Reply) -> set[tuple[int, int]]:
    reconciled(world, reply)
    return double_booked(world)


def test_one_that_was_created_a_moment_ago_counts_already(api: ApiClient, world: World):
    photographer = world.photographer().id
    first = api.create(TEN, order_id=world.order().id, photographer_user_id=photographer).appointment["id"]
    second = api.create(TEN, order_id=world.order().id, photographer_user_id=photographer)
    assert [f"appointment {first}:" in said for said in conflicts(second)] == [True]


NO_CONFLICT = {
    "another time": {"time_start_local": "12:00"},
    "back to back": {"time_start_local": "11:00"},
    "cancelled": {"cancelled": True},
    "tentative": {"optional": True},
    "no photographer": {"photographer_user_id": None},
    "no time": {"time_start_local": None},
}


@pytest.mark.parametrize("case", NO_CONFLICT)
@pytest.mark.parametrize("refusing", [{}, REFUSING], ids=["", "refusing"])
def test_where_there_is_no_conflict_nothing_is_said(api: ApiClient, world: World, case: str, refusing: dict):
    photographer = world.photographer().id
    reconciled(world, api.create(TEN, order_id=world.order().id, photographer_user_id=photographer))
    params = {**TEN, "photographer_user_id": photographer, **NO_CONFLICT[case], **refusing}
    assert conflicts(api.create(params, order_id=world.order().id)) == []


def test_a_client_learns_no_more_of_others_than_that_the_photographer_is_taken(api: ApiClient, world: World):
    photographer = world.photographer().id
    for _ in range(2):
        reconciled(world, api.create(TEN, order_id=world.order().id, photographer_user_id=photographer))
    user = world.user()
    own = world.order(client_id=world.client(user_id=user.id))
    client = api.with_token(world.session_token(user.id))
    wanted = {**HALF_PAST, "order_id": own.id, "photographer_user_id": photographer}
    refused = client.create(wanted, refuse_conflicts=True)
    assert [error["message"] for error in refused.body["errors"]] == [TAKEN]
    first = client.create(wanted)
    assert conflicts(first) == [TAKEN]
    second = conflicts(client.create(wanted))
    assert second == [
        f"The photographer is taken by appointment {first.appointment['id']}:"
        f" {DAY} 10:30 to 11:30 (America/Denver).",
        TAKEN,
    ]


def test_without_the_zone_the_warning_is_left_out_and_the_notification_comes(api: ApiClient, world: World):
    photographer = world.photographer().id
    first = reconciled(
        world, api.create(utc("16:00", "17:00"), photographer_user_id=photographer, order_id=world.order().id)
    )
    order = world.order(zone=None, zip="80202")
    second = api.create(HALF_PAST, order_id=order.id, photographer_user_id=photographer)
    assert conflicts(second) == []
    assert double_booked_after(world, second) == {(first, second.appointment["id"])}


def test_a_repeated_request_is_not_in_conflict_with_itself(api: ApiClient, world: World):
    params = {
        **TEN,
        "order_id": world.order().id,
        "photographer_user_id": world.photographer().id,
        "uuid": str(uuid4()),
    }
    made = reconciled(world, api.create(params, refuse_conflicts=True))
    for again in ({}, REFUSING, {"refuse_conflicts": False}):
        reply = api.create(params, **again)
        assert (reply.body["data"]["replayed"], reply.appointment["id"]) == (True, made)
        assert conflicts(reply) == []
    assert count(world) == 1


def test_a_replay_stays_one_when_somebody_else_was_booked_meanwhile(api: ApiClient, world: World):
    photographer = world.photographer().id
    params = {**TEN, "order_id": world.order().id, "photographer_user_id": photographer, **REFUSING}
    key = {"Idempotency_Key": "the first"}
    made = reconciled(world, api.create(params, key))
    reconciled(world, api.create(HALF_PAST, order_id=world.order().id, photographer_user_id=photographer))
    assert api.create(params, key).body["data"]["replayed"] is True
    assert api.create(params, key).appointment["id"] == made


def test_a_refused_request_stores_nothing_and_names_the_other(api: ApiClient, world: World):
    photographer = world.photographer().id
    made = reconciled(world, api.create(TEN, order_id=world.order().id, photographer_user_id=photographer))
    reply = api.create(
        HALF_PAST, order_id=world.order().id, photographer_user_id=photographer, refuse_conflicts=True
    )
    assert (reply.code, reply.faults) == (400, {"photographer_user_id": "invalid-param"})
    (error,) = reply.body["errors"]
    assert f"appointment {made}: {DAY} 10:00 to 11:00" in error["message"]
    assert "another photographer" in error["hint"]
    assert count(world) == 1
    free = api.create(
        {**TEN, "time_start_local": "11:00"},
        order_id=world.order().id,
        photographer_user_id=photographer,
        refuse_conflicts=True,
    )
    assert conflicts(free) == []


def test_one_that_is_not_reconciled_yet_stands_in_the_way_too(api: ApiClient, world: World):
    photographer = world.photographer().id
    times = {"date_start_local": DAY, "time_start_local": "10:00:00", "time_duration_s": 3600}
    book(world, photographer, times, order=world.order(), reconciled=False)
    reply = api.create(
        HALF_PAST, order_id=world.order().id, photographer_user_id=photographer, refuse_conflicts=True
    )
    assert reply.faults == {"photographer_user_id": "invalid-param"}


@pytest.mark.parametrize("whose", ["its own", "another's"])
def test_what_cannot_be_told_before_the_zone_is_looked_up_is_refused_in_plain_words(
    api: ApiClient, world: World, whose: str
):
    photographer = world.photographer().id
    nowhere, denver = world.order(zone=None, zip="80202"), world.order()
    if whose == "another's":
        assert conflicts(api.create(TEN, order_id=nowhere.id, photographer_user_id=photographer)) == []
    order = denver if whose == "another's" else nowhere
    reply = api.create(TEN, order_id=order.id, photographer_user_id=photographer, refuse_conflicts=True)
    assert reply.faults == {"refuse_conflicts": "invalid-param"}
    assert "cannot be told yet" in reply.body["errors"][0]["message"]
    in_utc = api.create(
        {**utc("02:00", "03:00"), "order_id": nowhere.id, "photographer_user_id": photographer}, **REFUSING
    )
    assert in_utc.code == (400 if whose == "another's" else 200)


def test_of_twenty_at_once_exactly_one_is_stored(api: ApiClient, world: World):
    photographer = world.photographer().id
    orders = [world.order().id for _ in range(20)]

    def book_it(number: int) -> Reply:
        return api.create(
            {**TEN, "time_start_local": f"10:{number:02}"},
            order_id=orders[number],
            photographer_user_id=photographer,
            refuse_conflicts=True,
        )

    with ThreadPoolExecutor(20) as pool:
        with database.transaction() as connection:
            # All of them stand before the photographer, and are let go at the same moment; one place in the pool of
            # connections is this test's own.
            hold_photographers(connection, [photographer])
            waiting = [pool.submit(book_it, number) for number in range(18)]
            eventually(
                lambda: (
                    connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar_one()
                    == 18
                ),
                what="all wait for the photographer",
            )
            waiting += [pool.submit(book_it, number) for number in (18, 19)]
        replies = [one.result(20) for one in waiting]
    assert sorted(reply.code for reply in replies) == [200] + [400] * 19
    assert {error for reply in replies for error in reply.faults} == {"photographer_user_id"}
    assert count(world) == 1


def test_twins_with_one_uuid_at_once_are_one_and_its_replays(api: ApiClient, world: World):
    params = {
        **TEN,
        "order_id": world.order().id,
        "photographer_user_id": world.photographer().id,
        "uuid": str(uuid4()),
        **REFUSING,
    }
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda _: api.create(params), range(6)))
    assert sorted(reply.body["data"]["replayed"] for reply in replies) == [False] + [True] * 5
    assert count(world) == 1


def test_a_wrong_id_is_told_as_ever(api: ApiClient, world: World):
    reply = api.create(TEN, photographer_user_id=999_999, refuse_conflicts=True)
    assert reply.faults == {"photographer_user_id": "invalid-param"}
    assert "no photographer" in reply.body["errors"][0]["message"]


def test_it_costs_no_query_of_its_own(api: ApiClient, world: World, monkeypatch: pytest.MonkeyPatch):
    sent: list[str] = []
    rows = Prepared.rows

    def listen(self: Prepared, *given: Any) -> Any:
        sent.append(self.statement)
        return rows(self, *given)

    monkeypatch.setattr(Prepared, "rows", listen)
    order, photographer = world.order().id, world.photographer().id
    costs = []
    for more in ({}, {"photographer_user_id": photographer}, {"photographer_user_id": photographer}):
        sent.clear()
        reply = api.create({**TEN, **more}, order_id=order)
        costs.append((len(sent), len(conflicts(reply))))
    assert len({cost for cost, _ in costs}) == 1
    assert [told for _, told in costs] == [0, 0, 1]


def test_a_change_through_the_api_opens_and_closes_the_notification(api: ApiClient, world: World):
    photographer = world.photographer().id
    one, other = (
        reconciled(world, api.create(TEN, order_id=world.order().id, photographer_user_id=who))
        for who in (photographer, world.photographer().id)
    )

    def update(minute: int, **params: object) -> Reply:
        body = {"token": api.token, "id": other, "updated_at_mt": f"2026-11-20 11:{minute:02}:00", **params}
        reply = api.raw(
            json.dumps(body).encode(),
            method="PUT",
            path="/api/v1/appointments/update",
            Content_Type="application/json",
        )
        for command in world.rows(
            "SELECT id FROM commands WHERE kind = 'reconcile-times' AND state = 'pending'"
        ):
            reconcile_times(command["id"])
        return reply

    refused = update(1, photographer_user_id=photographer, refuse_conflicts=True)
    assert refused.faults == {"photographer_user_id": "invalid-param"}
    assert len(conflicts(update(2, photographer_user_id=photographer))) == 1
    assert double_booked(world) == {(one, other)}
    update(3, optional=True)
    assert double_booked(world) == set()
    update(4, optional=False)
    assert double_booked(world) == {(one, other)}
    assert conflicts(update(5, time_start_local="11:00", refuse_conflicts=True)) == []
    assert double_booked(world) == set()
