"""`appointments/cancel`: it is off, whoever knows of it is told once, and a repeated request changes nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.changing import CANCEL, NINE, cancel, history, mails, put, reconcile_all, settle, stamp, update
from tests.client import ApiClient
from tests.world import World


@pytest.fixture
def told(api: ApiClient, world: World):
    """A confirmed appointment with an order and a photographer, of which everybody was told."""
    order, photographer = world.order(), world.photographer()
    reply = api.create(
        {**NINE, "order_id": order.id, "photographer_user_id": photographer.id, "confirmed": True},
        updated_at_mt=stamp(0),
    )
    settle(world)
    return reply.appointment["id"], order, photographer


def test_client_and_photographer_are_told_that_it_is_off(api: ApiClient, world: World, told):
    appointment_id, order, photographer = told
    reply = cancel(api, appointment_id, same_day_cancel=True, updated_by="Dana")
    assert (reply.code, reply.body["message"]) == (200, f"Appointment {appointment_id} was cancelled.")
    shown = reply.appointment
    assert (shown["cancelled"], shown["same_day_cancel"], shown["on_site_cancel"]) == (True, True, None)
    assert (shown["sequence"], shown["updated_by"]) == (1, "Dana")
    assert mails(world, appointment_id, "pending") == [
        ("send-cancellation", order.client_email, "pending"),
        ("send-cancellation", photographer.email, "pending"),
    ]
    assert str(world.appointment(appointment_id)["time_start_utc"]) == "16:00:00"


def test_a_second_time_changes_nothing_whatever_its_stamp(api: ApiClient, world: World, told):
    cancel(api, told[0], 5)
    before = world.appointment(told[0])
    for number in (1, 5, 9):
        reply = cancel(api, told[0], number)
        assert (reply.code, reply.body["data"]["replayed"]) == (200, True)
    assert world.appointment(told[0]) == before
    assert len(mails(world, told[0])) == 4


def test_a_reason_may_come_later_and_mails_nobody(api: ApiClient, world: World, told):
    cancel(api, told[0])
    reply = cancel(api, told[0], 2, on_site_cancel=True)
    assert (reply.body["data"]["replayed"], reply.appointment["on_site_cancel"]) == (False, True)
    assert reply.appointment["sequence"] == 1
    assert len(mails(world, told[0])) == 4


def test_an_older_stamp_does_not_cancel(api: ApiClient, world: World, told):
    update(api, told[0], 5, location="Lobby")
    reply = cancel(api, told[0], 4)
    assert (reply.code, reply.status) == (409, "stale-update")
    assert reply.body["data"]["differences"] == [{"field": "cancelled", "yours": True, "stored": None}]


def test_of_an_appointment_that_nobody_was_told_of_nobody_reads_that_it_is_off(api: ApiClient, world: World):
    order = world.order()
    made = api.create({**NINE, "order_id": order.id}, updated_at_mt=stamp(0)).appointment["id"]
    cancel(api, made)
    assert mails(world, made) == [("send-confirmation", order.client_email, "dropped")]
    reconcile_all(world)
    assert mails(world, made) == [("send-confirmation", order.client_email, "dropped")]


def test_a_mail_that_may_be_out_is_followed_by_a_cancellation(api: ApiClient, world: World):
    order = world.order()
    made = api.create({**NINE, "order_id": order.id}, updated_at_mt=stamp(0)).appointment["id"]
    reconcile_all(world)
    world.execute(
        "UPDATE commands SET state = 'unknown', doubt_since = now() WHERE kind = 'send-confirmation'"
    )
    cancel(api, made)
    assert mails(world, made) == [
        ("send-confirmation", order.client_email, "unknown"),
        ("send-cancellation", order.client_email, "pending"),
    ]


def test_an_unsent_change_is_dropped_and_the_cancellation_goes_out(api: ApiClient, world: World, told):
    update(api, told[0], location="Lobby")
    cancel(api, told[0], 2)
    assert [(kind, state) for kind, _, state in mails(world, told[0])][2:] == [
        *[("send-change", "dropped")] * 2,
        *[("send-cancellation", "pending")] * 2,
    ]


def test_who_was_taken_off_still_hears_of_it(api: ApiClient, world: World, told):
    other = world.photographer()
    update(api, told[0], photographer_user_id=other.id)
    cancel(api, told[0], 2)
    pending = mails(world, told[0], "pending")
    assert ("send-cancellation", told[2].email, "pending") in pending
    assert other.email not in [to for _, to, _ in pending]


def test_ten_at_the_same_instant_are_one(api: ApiClient, world: World, told):
    with ThreadPoolExecutor(10) as pool:
        replies = list(pool.map(lambda _: cancel(api, told[0]), range(10)))
    assert [reply.body["data"]["replayed"] for reply in replies].count(False) == 1
    assert len(mails(world, told[0], "pending")) == 2
    assert [entry["action"] for entry in history(api, told[0]).body["data"]["history"]] == [
        "cancel",
        "created",
    ]


@pytest.mark.parametrize("named", [{"id": 10**9}, {}])
def test_it_has_to_be_named_and_there(api: ApiClient, told, named):
    assert "id" in put(api, CANCEL, {**named, "updated_at_mt": stamp(1)}).faults


def test_the_stamp_is_required(api: ApiClient, told):
    assert put(api, CANCEL, {"id": told[0]}).faults == {"updated_at_mt": "missing-param"}


def test_who_says_that_it_is_not_cancelled_does_not_cancel(api: ApiClient, world: World, told):
    refused = cancel(api, told[0], 1, cancelled=False)
    assert refused.faults == {"cancelled": "invalid-param"}
    assert "appointments/update" in refused.body["errors"][0]["hint"]
    assert world.appointment(told[0])["cancelled"] is None
    done = cancel(api, told[0], 1, cancelled=True)
    assert (done.code, done.warned, done.appointment["cancelled"]) == (200, [], True)
