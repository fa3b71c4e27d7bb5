"""`appointments/update`: what is sent changes, what is absent stays, and whom it concerns is told."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from api.appointments import change
from models.photographer_conflicts import hold_photographers
from tests.api.changing import (
    CANCEL,
    NINE,
    UPDATE,
    deliver_all,
    history,
    mails,
    put,
    reconcile_all,
    settle,
    snapshot,
    stamp,
    update,
)
from tests.client import ApiClient
from tests.world import World

UUID = "3f2b8c1e-5d47-4a90-9b6e-2c8f1d0a7e53"


@pytest.fixture
def told(api: ApiClient, world: World):
    """A confirmed appointment with an order and a photographer, of which everybody was told."""
    order, photographer = world.order(), world.photographer()
    reply = api.create(
        {**NINE, "order_id": order.id, "photographer_user_id": photographer.id, "confirmed": True},
        updated_at_mt=stamp(0),
        uuid=UUID,
    )
    settle(world)
    return reply.appointment["id"], order, photographer


def changed_columns(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    own = {"updated_at_mt", "updated_at_mt_instant", "updated_at", "supplied", "changed_at", "updated_by"}
    return {name for name in before if before[name] != after[name]} - own


# --- what changes ---


def test_what_is_sent_changes_and_what_is_absent_stays(api: ApiClient, world: World, told):
    before = world.appointment(told[0])
    reply = update(api, told[0], notes="Key under the mat", month_first=True)
    assert (reply.code, reply.status) == (200, "action-successful")
    assert reply.appointment["notes"] == "Key under the mat"
    assert [line["field"] for line in reply.body["data"]["changes"]] == [
        "notes",
        "updated_at_mt",
        "updated_at",
    ]
    assert changed_columns(before, world.appointment(told[0])) == {"notes"}


@pytest.mark.parametrize(
    "named", [{"uuid": UUID.upper()}, {"uuid": UUID, "id": None}, {"uuid": f"{{{UUID}}}"}]
)
def test_the_uuid_names_it_too(api: ApiClient, told, named):
    reply = put(api, UPDATE, {**named, "updated_at_mt": stamp(1), "notes": "x"})
    assert (reply.appointment["id"], reply.appointment["uuid"]) == (told[0], UUID)


@pytest.mark.parametrize(
    ("named", "faults"),
    [
        ({}, {"id": "missing-param"}),
        ({"id": 10**9}, {"id": "invalid-param"}),
        ({"uuid": "00000000-0000-4000-8000-000000000001"}, {"uuid": "invalid-param"}),
        ({"id": 1, "uuid": "00000000-0000-4000-8000-000000000001"}, {"id": "invalid-param"}),
        ({"id": "x", "uuid": UUID}, {"id": "invalid-param"}),
    ],
)
def test_it_has_to_be_named_and_there(api: ApiClient, told, named, faults):
    assert put(api, UPDATE, {**named, "updated_at_mt": stamp(1)}).faults == faults


def test_one_that_the_caller_may_not_see_is_unknown_in_the_same_words(api: ApiClient, world: World, told):
    user = world.user()
    world.client(user_id=user.id)
    stranger = api.with_token(world.session_token(user.id))
    seen = update(stranger, told[0], notes="x").body
    unseen = update(stranger, 10**9, notes="x").body
    assert [seen[name] for name in ("status", "message", "errors", "data")] == [
        unseen[name] for name in ("status", "message", "errors", "data")
    ]


def test_every_fault_is_told_at_once(api: ApiClient, told):
    reply = put(api, UPDATE, {"id": told[0], "order_id": 10**9, "allday": "maybe", "clear": "notez"})
    assert reply.status == "missing-param"
    assert reply.faults == {
        "updated_at_mt": "missing-param",
        "order_id": "invalid-param",
        "allday": "invalid-param",
        "clear": "invalid-param",
    }


@pytest.mark.parametrize("clear", ["notes,photographer_user_id", ["notes", "Photographer_User_Id"]])
def test_fields_are_emptied_by_name_because_blank_means_not_given(api: ApiClient, world: World, told, clear):
    update(api, told[0], notes="x")
    update(api, told[0], 2, notes="", summary=None)
    assert world.appointment(told[0])["notes"] == "x"
    shown = update(api, told[0], 3, clear=clear).appointment
    assert (shown["notes"], shown["photographer_user_id"], shown["photographer_name"]) == (None,) * 3
    assert update(api, told[0], 3, clear=clear).body["data"]["replayed"] is True


def test_a_field_is_not_emptied_and_filled_at_once(api: ApiClient, told):
    assert update(api, told[0], clear="notes", notes="x").faults == {"clear": "invalid-param"}


def test_the_rules_of_create_hold_for_the_record_as_it_is_to_be(api: ApiClient, world: World, told):
    appointment_id, order, _ = told
    other = world.order()
    wish = world.order_request_appt(other.id)
    assert update(api, appointment_id, order_request_appt_id=wish).faults == {
        "order_request_appt_id": "invalid-param"
    }
    own = world.order_request_appt(order.id)
    assert update(api, appointment_id, order_request_appt_id=own).code == 200
    assert update(api, appointment_id, 2, order_id=other.id).faults == {
        "order_request_appt_id": "invalid-param"
    }
    assert update(api, appointment_id, 2, photographer_user_id=world.user().id).faults == {
        "photographer_user_id": "invalid-param"
    }
    assert update(api, appointment_id, 2, same_day_cancel=True, cancelled=False).faults == {
        "cancelled": "invalid-param"
    }
    assert update(api, appointment_id, 2, same_day_cancel=True).appointment["cancelled"] is True
    assert update(api, appointment_id, 3, cancelled=False).faults == {"cancelled": "invalid-param"}
    shown = update(api, appointment_id, 3, cancelled=False, same_day_cancel=False).appointment
    assert (shown["cancelled"], shown["same_day_cancel"]) == (False, False)


def test_what_does_not_change_is_not_checked_again(api: ApiClient, world: World, told):
    world.execute("UPDATE employees SET duties = '{}'")
    assert update(api, told[0], notes="x", photographer_user_id=told[2].id).code == 200


def test_confirming_fills_when_and_by_whom_and_taking_it_back_empties_them(api: ApiClient, world: World):
    made = api.create(updated_at_mt=stamp(0)).appointment["id"]
    shown = update(api, made, confirmed=True).appointment
    assert shown["confirmed_by"] == "PlanoAuth"
    assert shown["confirmed_at"]
    shown = update(api, made, 2, confirmed=False).appointment
    assert (shown["confirmed_at"], shown["confirmed_by"]) == (None, None)


# --- the stamp ---


def test_an_older_stamp_is_stale_and_shows_what_stands_against_it(api: ApiClient, world: World, told):
    update(api, told[0], 5, summary="Twilight", notes="n")
    before = world.appointment(told[0])
    reply = update(api, told[0], 4, summary="Morning", notes="n", time_duration="2:00")
    assert (reply.code, reply.status, reply.faults) == (
        409,
        "stale-update",
        {"updated_at_mt": "stale-update"},
    )
    assert reply.appointment["summary"] == "Twilight"
    assert reply.body["data"]["differences"] == [
        {"field": "summary", "yours": "Morning", "stored": "Twilight"},
        {"field": "time_duration", "yours": "2:00", "stored": "1:00"},
    ]
    assert world.appointment(told[0]) == before


def test_the_same_stamp_with_nothing_new_is_a_repeated_request(api: ApiClient, world: World, told):
    request = {"time_start_local": "14:00", "confirmed": "yes", "time_duration": "90 min", "clear": "notes"}
    update(api, told[0], **request)
    settle(world)
    before = world.appointment(told[0])
    reply = update(api, told[0], **request)
    assert (reply.code, reply.body["data"]["replayed"]) == (200, True)
    assert world.appointment(told[0]) == before
    assert len(history(api, told[0]).body["data"]["history"]) == 2


def test_the_same_stamp_with_other_values_is_a_second_change_of_the_same_second(api: ApiClient, told):
    update(api, told[0], summary="One")
    reply = update(api, told[0], summary="Two")
    assert (reply.appointment["summary"], reply.body["data"]["replayed"]) == ("Two", False)


def test_a_newer_stamp_alone_is_kept(api: ApiClient, world: World, told):
    update(api, told[0], 7)
    assert world.appointment(told[0])["updated_at_mt"] == stamp(7)
    assert update(api, told[0], 6, notes="x").status == "stale-update"


def test_of_changes_at_the_same_instant_each_sees_the_one_before(api: ApiClient, world: World, told):
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda n: update(api, told[0], 1, summary=f"number {n}"), range(8)))
    assert {reply.code for reply in replies} == {200}
    lines = [
        line
        for entry in reversed(history(api, told[0]).body["data"]["history"][:-1])
        for line in entry["changes"]
        if line["field"] == "summary"
    ]
    assert len(lines) == 8
    assert [line["old"] for line in lines] == [None, *(line["new"] for line in lines[:-1])]
    assert world.appointment(told[0])["summary"] == lines[-1]["new"]
    assert world.appointment(told[0])["sequence"] == 8


# --- the clocks ---

CLOCKS: list[tuple[dict[str, Any], dict[str, Any], dict[str, str]]] = [
    (
        {"date_start_utc": "2026-12-03", "time_start_utc": "16:00", "time_duration_s": 3600},
        {"time_start_local": "14:00"},
        {"date_start_local": "2026-12-03", "time_start_utc": "21:00:00", "time_stop_local": "15:00:00"},
    ),
    (
        NINE,
        {"date_start_utc": "2026-12-05"},
        {"date_start_local": "2026-12-05", "time_start_local": "09:00:00"},
    ),
    (NINE, {"time_stop_local": "11:30"}, {"time_start_local": "09:00:00", "time_stop_utc": "18:30:00"}),
    (
        {**NINE, "time_duration": None, "date_stop_utc": "2026-12-05", "time_stop_utc": "18:00"},
        {"time_stop_local": "10:00"},
        {"date_stop_local": "2026-12-05", "time_stop_utc": "17:00:00"},
    ),
    (
        {**NINE, "date_stop_local": "2026-12-03", "time_stop_local": "10:00", "time_duration": None},
        {"time_stop_local": "24:00"},
        {"date_stop_local": "2026-12-04", "time_stop_local": "00:00:00"},
    ),
    (NINE, {"time_start_utc": "20:00"}, {"time_start_local": "13:00:00", "date_start_local": "2026-12-03"}),
    (NINE, {"time_duration_s": 7200}, {"time_stop_local": "11:00:00", "time_duration": "02:00:00"}),
    (NINE, {"clear": "time_duration"}, {"time_start_local": "09:00:00"}),
]


@pytest.mark.parametrize("behind", [False, True], ids=["reconciled", "clocks-behind"])
@pytest.mark.parametrize(("made", "sent", "expected"), CLOCKS)
def test_new_clock_fields_supersede_those_of_other_frames(
    api: ApiClient, world: World, made, sent, expected, behind
):
    params = {"order_id": world.order().id, **made}
    appointment_id = api.create(params, updated_at_mt=stamp(0)).appointment["id"]
    if not behind:
        reconcile_all(world)
    assert update(api, appointment_id, **sent).body["data"]["replayed"] is False
    reconcile_all(world)
    row = world.appointment(appointment_id)
    assert {name: str(row[name]) for name in expected} == expected
    # A duration that was supplied stays, and a new stop may contradict it.
    assert {found["kind"] for found in row["discrepancies"]} <= {"duration_mismatch"}
    assert update(api, appointment_id, **sent).body["data"]["replayed"] is True


def test_a_lone_time_waits_for_a_date_that_only_the_atlas_can_tell(api: ApiClient, world: World):
    order = world.order(zone=None, lat=39.74, lng=-104.99)
    made = api.create({**NINE, "order_id": order.id}, updated_at_mt=stamp(0)).appointment["id"]
    reply = update(api, made, time_start_utc="20:00")
    assert (reply.code, reply.status) == (400, "invalid-param")
    assert [fault["param"] for fault in reply.body["errors"]] == ["time_start_utc"]
    assert "date_start_utc" in reply.body["errors"][0]["hint"]
    assert update(api, made, time_start_local="10:00").code == 200
    reconcile_all(world)
    assert update(api, made, 2, time_start_utc="20:00").code == 200
    reconcile_all(world)
    assert str(world.appointment(made)["time_start_local"]) == "13:00:00"


def test_a_whole_record_sent_back_changes_what_differs(api: ApiClient, world: World, told):
    shown = update(api, told[0], 1, location="Lobby").appointment
    record = {name: value for name, value in shown.items() if name not in ("sequence", "explanation")}
    reply = put(
        api,
        UPDATE,
        {**record, "token": api.token, "time_start_local": "15:00:00", "updated_at_mt": stamp(2)},
    )
    assert reply.code == 200, reply.body
    names = {"date_start_local", "time_start_local", "updated_at_mt", "updated_at"}
    assert {line["field"] for line in reply.body["data"]["changes"]} <= names
    reconcile_all(world)
    assert str(world.appointment(told[0])["time_start_utc"]) == "22:00:00"


def test_an_update_without_times_queues_no_reconciliation(api: ApiClient, world: World, told):
    count = "SELECT count(*) AS n FROM commands WHERE kind = 'reconcile-times'"
    assert world.row(count)["n"] == 1
    update(api, told[0], notes="x", summary="y", requested_date="")
    assert world.row(count)["n"] == 1
    update(api, told[0], 2, window_time_start=3600)
    assert world.row(count)["n"] == 2
    assert world.appointment(told[0])["reconciled_at"] is not None


def test_until_they_are_reconciled_the_times_are_those_that_were_supplied(api: ApiClient, told):
    shown = update(api, told[0], time_start_local="14:00").appointment
    assert (shown["time_start_local"], shown["time_start_utc"], shown["starts_at"]) == (
        "14:00:00",
        None,
        None,
    )
    assert shown["explanation"] == []


def test_a_wall_time_that_people_were_told_outlives_a_change_of_the_other_end(
    api: ApiClient, world: World, monkeypatch
):
    made = api.create(
        date_start_utc="2027-07-01",
        time_start_utc="16:00",
        date_stop_utc="2027-07-01",
        time_stop_utc="18:00",
        order_id=world.order().id,
        updated_at_mt=stamp(0),
    ).appointment["id"]
    reconcile_all(world)
    # As if it had been computed by rules under which Denver was an hour further west.
    world.execute(
        "UPDATE appointments SET tzdata_version = '2020a', time_start_local = '09:00', time_stop_local = '11:00'"
    )
    update(api, made, time_stop_local="12:00")
    kept = snapshot(made)
    assert kept.adopted is not None
    assert str(kept.adopted.time_start_local) == "09:00:00"
    assert str(kept.supplied.time_start_utc) == "16:00:00"
    reconcile_all(world)
    row = world.appointment(made)
    assert [str(row[name]) for name in ("time_start_local", "time_stop_local")] == ["09:00:00", "12:00:00"]
    update(api, made, 2, date_start_local="2027-07-01", time_start_local="10:00")
    assert snapshot(made).adopted is None


# --- whom it concerns ---


def test_client_and_photographer_read_of_a_new_time_once_it_is_reconciled(api: ApiClient, world: World, told):
    appointment_id, order, photographer = told
    update(api, appointment_id, time_start_local="14:00")
    assert mails(world, appointment_id, "waiting", "pending") == [
        ("send-change", order.client_email, "waiting"),
        ("send-change", photographer.email, "waiting"),
    ]
    reconcile_all(world)
    assert [state for _, _, state in mails(world, appointment_id)][-2:] == ["pending"] * 2
    assert world.appointment(appointment_id)["sequence"] == 1


@pytest.mark.parametrize(
    "sent",
    [
        {"notes": "n"},
        {"ready_to_schedule": True},
        {"window_time_start": 1},
        {"created_by": "x"},
        {"delivery_type": "d"},
    ],
)
def test_nobody_reads_of_what_is_internal(api: ApiClient, world: World, told, sent):
    update(api, told[0], **sent)
    assert len(mails(world, told[0])) == 2
    assert world.appointment(told[0])["sequence"] == 0


def test_a_request_that_is_now_confirmed_is_a_confirmation_to_the_client(api: ApiClient, world: World):
    order, photographer = world.order(), world.photographer()
    made = api.create(
        {**NINE, "order_id": order.id, "photographer_user_id": photographer.id}, updated_at_mt=stamp(0)
    ).appointment["id"]
    settle(world)
    update(api, made, confirmed=True)
    assert mails(world, made)[2:] == [
        ("send-confirmation", order.client_email, "pending"),
        ("send-change", photographer.email, "pending"),
    ]


def test_a_replaced_photographer_is_told_so_and_the_new_one_gets_the_assignment(
    api: ApiClient, world: World, told
):
    appointment_id, order, old = told
    new = world.photographer("Robin Lens")
    shown = update(api, appointment_id, photographer_user_id=new.id).appointment
    assert shown["photographer_name"] == "Robin Lens"
    assert mails(world, appointment_id, "pending") == [
        ("send-change", order.client_email, "pending"),
        ("send-assignment", new.email, "pending"),
        ("send-cancellation", old.email, "pending"),
    ]
    facts = world.row("SELECT facts FROM commands WHERE kind = 'send-cancellation'")["facts"]
    assert (facts["role"], facts["withdrawn"]) == ("photographer", True)


def test_a_photographer_who_never_heard_of_it_is_not_told_that_it_is_gone(api: ApiClient, world: World):
    first, second = world.photographer(), world.photographer()
    made = api.create({**NINE, "photographer_user_id": first.id}, updated_at_mt=stamp(0)).appointment["id"]
    update(api, made, photographer_user_id=second.id)
    assert mails(world, made) == [
        ("send-assignment", first.email, "dropped"),
        ("send-assignment", second.email, "waiting"),
    ]


def test_a_confirmation_that_has_not_gone_out_makes_a_change_mail_superfluous(api: ApiClient, world: World):
    order = world.order()
    made = api.create({**NINE, "order_id": order.id}, updated_at_mt=stamp(0)).appointment["id"]
    update(api, made, time_start_local="14:00")
    assert mails(world, made) == [
        ("send-confirmation", order.client_email, "dropped"),
        ("send-confirmation", order.client_email, "waiting"),
    ]
    shown = update(api, made, 2, notes="x").body["data"]["commands"]
    assert [c["state"] for c in shown if c["kind"] == "send-confirmation"] == ["dropped", "queued"]


def test_an_unsent_change_is_replaced_and_people_read_of_what_they_know(api: ApiClient, world: World, told):
    appointment_id, order, _ = told
    update(api, appointment_id, time_start_local="14:00", location="Lobby")
    reconcile_all(world)
    update(api, appointment_id, 2, time_start_local="15:00", summary="Photos")
    facts = world.row(
        "SELECT facts FROM commands WHERE recipient = :to AND state = 'waiting'", to=order.client_email
    )["facts"]
    assert facts["previous"]["time_start_local"] == "09:00:00"
    assert facts["changed"] == ["location", "summary"]
    assert [state for _, to, state in mails(world, appointment_id) if to == order.client_email] == [
        "done",
        "dropped",
        "waiting",
    ]


def test_a_mail_that_is_being_sent_is_left_alone(api: ApiClient, world: World):
    order = world.order()
    made = api.create({**NINE, "order_id": order.id}, updated_at_mt=stamp(0)).appointment["id"]
    reconcile_all(world)
    world.execute(
        "UPDATE commands SET state = 'sending', lease_token = gen_random_uuid(), lease_until = now() + interval '1 h'"
        " WHERE kind = 'send-confirmation'"
    )
    update(api, made, summary="x")
    assert mails(world, made) == [
        ("send-confirmation", order.client_email, "sending"),
        ("send-change", order.client_email, "pending"),
    ]


def test_one_mailbox_for_client_and_photographer_gets_one_change_mail(api: ApiClient, world: World):
    photographer = world.photographer(email="both@example.com")
    order = world.order(client_email="Both@example.com")
    made = api.create(
        {**NINE, "order_id": order.id, "photographer_user_id": photographer.id}, updated_at_mt=stamp(0)
    ).appointment["id"]
    settle(world)
    update(api, made, location="Lobby")
    assert mails(world, made, "pending") == [("send-change", "Both@example.com", "pending")]


def test_another_clients_order_is_confirmed_to_them_and_withdrawn_from_the_first(
    api: ApiClient, world: World, told
):
    appointment_id, order, photographer = told
    other = world.order(address="1 Secret Lane, Boulder, CO")
    update(api, appointment_id, order_id=other.id)
    reconcile_all(world)
    assert mails(world, appointment_id, "pending") == [
        ("send-confirmation", other.client_email, "pending"),
        ("send-change", photographer.email, "pending"),
        ("send-cancellation", order.client_email, "pending"),
    ]


def test_a_client_without_an_address_is_said_to_be_out_of_reach(api: ApiClient, world: World):
    made = api.create({"order_id": world.order(client_email=None).id}, updated_at_mt=stamp(0)).appointment[
        "id"
    ]
    reply = update(api, made, summary="x")
    assert any("no e-mail address" in warning["message"] for warning in reply.body["warnings"])


def test_calling_it_off_and_on_again(api: ApiClient, world: World, told):
    appointment_id, order, photographer = told
    update(api, appointment_id, cancelled=True)
    assert [kind for kind, _, _ in mails(world, appointment_id, "pending")] == ["send-cancellation"] * 2
    settle(world)
    update(api, appointment_id, 2, cancelled=False)
    reconcile_all(world)
    assert mails(world, appointment_id, "pending") == [
        ("send-confirmation", order.client_email, "pending"),
        ("send-assignment", photographer.email, "pending"),
    ]
    deliver_all(world)
    assert world.appointment(appointment_id)["sequence"] == 2


def test_a_dry_run_leaves_no_trace(api: ApiClient, world: World, told):
    before = world.appointment(told[0])
    reply = update(api, told[0], time_start_local="14:00", dry_run=True)
    assert reply.appointment["time_start_utc"] == "21:00:00"
    assert [mail["kind"] for mail in reply.body["data"]["mails"]] == ["send-change"] * 2
    assert world.appointment(told[0]) == before
    assert len(history(api, told[0]).body["data"]["history"]) == 1


def test_who_must_not_conflict_begins_again_when_the_photographer_changes_before_the_lock(
    api: ApiClient, world: World, told, monkeypatch: pytest.MonkeyPatch
):
    appointment_id, order, _first = told
    second = world.photographer("Robin Lens")
    taken = {**NINE, "order_id": order.id, "photographer_user_id": second.id, "time_start_local": "14:00"}
    api.create(taken, updated_at_mt=stamp(0))
    settle(world)
    held = []

    def hold_and_change(connection, photographers):
        held.append(set(photographers))
        hold_photographers(connection, photographers)
        world.execute(
            "UPDATE appointments SET photographer_user_id = :new WHERE id = :id",
            new=second.id,
            id=appointment_id,
        )

    monkeypatch.setattr(change, "hold_photographers", hold_and_change)
    refused = update(api, appointment_id, time_start_local="14:00", refuse_conflicts=True)
    assert refused.faults == {"photographer_user_id": "invalid-param"}
    assert held == [{told[2].id}, {second.id}]


def test_a_photographer_who_is_taken_is_warned_of_or_refused(api: ApiClient, world: World, told):
    _, order, photographer = told
    later = {
        **NINE,
        "time_start_local": "14:00",
        "order_id": order.id,
        "photographer_user_id": photographer.id,
    }
    other = api.create(later, updated_at_mt=stamp(0)).appointment["id"]
    settle(world)
    refused = update(api, other, time_start_local="09:30", refuse_conflicts=True)
    assert refused.faults == {"photographer_user_id": "invalid-param"}
    assert world.appointment(other)["sequence"] == 0
    warned = update(api, other, time_start_local="09:30")
    assert "photographer_user_id" in warned.warned


# --- clocks that run ahead ---


def mountain(ahead: timedelta) -> str:
    return f"{datetime.now(ZoneInfo('America/Denver')) + ahead:%Y-%m-%d %H:%M:%S}"


def told_between(before: str, message: str) -> bool:
    """Whether the stamp in a message is of the time since `before`."""
    found = re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", message)
    return found is not None and before <= found[0] <= mountain(timedelta())


@pytest.mark.parametrize("ahead", [timedelta(hours=25), timedelta(days=9000)])
@pytest.mark.parametrize("path", [UPDATE, CANCEL])
def test_a_stamp_of_more_than_a_day_ahead_is_refused(api: ApiClient, told, ahead: timedelta, path: str):
    before = mountain(timedelta())
    reply = put(api, path, {"id": told[0], "updated_at_mt": mountain(ahead)})
    assert reply.faults == {"updated_at_mt": "invalid-param"}
    assert told_between(before, reply.body["errors"][0]["message"])


def test_a_workstation_that_runs_ahead_locks_nobody_out(api: ApiClient, told):
    ahead = mountain(timedelta(hours=20))
    params = {"id": told[0], "updated_at_mt": ahead, "summary": "By a clock that is ahead"}
    before = mountain(timedelta())
    assert put(api, UPDATE, params).code == 200
    assert put(api, UPDATE, params).body["data"]["replayed"] is True
    stale = put(
        api, UPDATE, {**params, "updated_at_mt": mountain(timedelta(minutes=-5)), "summary": "Before"}
    )
    assert stale.status == "stale-update"
    assert told_between(before, stale.body["message"])
    right = mountain(timedelta(seconds=2))
    assert put(api, UPDATE, {**params, "updated_at_mt": right, "summary": "By the right clock"}).code == 200


def test_a_create_from_the_future_is_kept_and_can_be_changed(api: ApiClient):
    made = api.create(updated_at_mt="2090-01-01 10:00:00")
    assert "updated_at_mt" in made.warned
    assert made.appointment["updated_at_mt"] == "2090-01-01 10:00:00"
    params = {
        "id": made.appointment["id"],
        "updated_at_mt": mountain(timedelta(seconds=2)),
        "summary": "Today",
    }
    assert put(api, UPDATE, params).code == 200
