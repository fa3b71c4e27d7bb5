"""One appointment with all that became of it: who may read it, and what they are shown."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from tasks.reconcile_times import reconcile_times
from tests.api.changing import cancel, stamp
from tests.client import ApiClient, Reply
from tests.world import MadeOrder, World

UNKNOWN = "There is no appointment with this id."


def read(api: ApiClient, **query: object) -> Reply:
    path = f"/api/v1/appointments/read?{urlencode(query)}"
    return api.raw(b"", method="GET", path=path, Authorization=f"Bearer {api.token}")


@pytest.fixture
def order(world: World) -> MadeOrder:
    user = world.user(email="carla.login@example.com")
    client = world.client(user_id=user.id, email="Carla@example.com")
    return world.order(client_id=client, company_id=world.company(), zone="America/New_York")


@pytest.fixture
def client(api: ApiClient, world: World, order: MadeOrder) -> ApiClient:
    user_id = world.row("SELECT user_id FROM clients WHERE id = :id", id=order.client_id)["user_id"]
    return api.with_token(world.session_token(user_id))


@pytest.fixture
def liaison(api: ApiClient, world: World, order: MadeOrder) -> ApiClient:
    company = world.row("SELECT company_id FROM orders WHERE id = :id", id=order.id)["company_id"]
    return api.with_token(world.session_token(world.liaison(company).id))


def booked(api: ApiClient, order: MadeOrder, **more: Any) -> dict[str, Any]:
    times = {"date_start_local": "2026-12-04", "time_start_local": "11:00", "time_duration": "1:30"}
    return api.create(order_id=order.id, **{**times, **more}).appointment


def mail(world: World, appointment_id: int, kind: str, recipient: str, **more: Any) -> int:
    commands = world.commands(appointment_id)
    row = {
        "send_id": uuid4(),
        "command_id": commands[kind]["id"],
        "appointment_id": appointment_id,
        "kind": kind,
        "recipient": recipient,
        **more,
    }
    names = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    return world.insert(f"INSERT INTO emails ({names}) VALUES ({values}) RETURNING id", **row)


# -- which appointment


def test_it_is_named_by_id_or_by_uuid_or_by_both(api: ApiClient, order: MadeOrder) -> None:
    one, other = booked(api, order), booked(api, order)
    for query in ({"id": one["id"]}, {"uuid": one["uuid"]}, {"id": one["id"], "uuid": one["uuid"].upper()}):
        reply = read(api, **query)
        assert (reply.code, reply.appointment["id"]) == (200, one["id"])
    reply = read(api, id=one["id"], uuid=other["uuid"])
    assert reply.faults == {"id": "invalid-param"}
    assert reply.body["errors"][0]["message"] == "There is no appointment with this id and this uuid."
    assert read(api).faults == {"id": "missing-param"}
    assert read(api, id="x").faults == {"id": "invalid-param"}


def test_what_a_caller_may_not_see_is_unknown_to_them(
    api: ApiClient, world: World, client: ApiClient, liaison: ApiClient, order: MadeOrder
) -> None:
    strangers, own = booked(api, world.order()), booked(api, order)
    loose = api.create().appointment
    made_by_client = client.create().appointment
    for caller in (client, liaison):
        assert read(caller, id=own["id"]).status == "action-successful"
        hidden = [strangers, loose] if caller is client else [strangers, loose, made_by_client]
        for appointment in hidden:
            for query in ({"id": appointment["id"]}, {"uuid": appointment["uuid"]}):
                (param,) = query
                reply, unknown = (
                    read(caller, **query),
                    read(caller, **{param: 99_999 if param == "id" else uuid4()}),
                )
                assert (reply.code, reply.faults) == (400, {param: "invalid-param"})
                assert reply.body["errors"] == unknown.body["errors"]
                assert reply.body["data"] == {}
    assert read(client, id=made_by_client["id"]).status == "action-successful"
    employee = api.with_token(world.session_token(world.employee().id))
    for appointment in (strangers, own, loose, made_by_client):
        assert read(employee, id=appointment["id"]).status == "action-successful"


# -- what is shown


def test_the_record_is_every_column_as_create_answers_it(api: ApiClient, order: MadeOrder) -> None:
    made = booked(api, order, notes="gate 42", description="all rooms")
    shown = read(api, id=made["id"]).appointment
    assert shown.pop("changed_at") == shown["inserted_at"]
    assert shown == made


def test_reconciled_times_stand_in_all_three_frames_with_their_reasons(
    api: ApiClient, world: World, order: MadeOrder
) -> None:
    made = booked(api, order)
    reconcile_times(world.commands(made["id"])["reconcile-times"]["id"])
    shown = read(api, id=made["id"]).appointment
    assert [shown[f"time_start_{frame}"] for frame in ("local", "office", "utc")] == [
        "11:00:00",
        "09:00:00",
        "16:00:00",
    ]
    assert shown["starts_at"] == "2026-12-04T16:00:00Z"
    assert shown["explanation"]
    assert shown["changed_at"] == shown["reconciled_at"]


def test_commands_tell_attempts_and_when_the_next_one_is_due(
    api: ApiClient, world: World, order: MadeOrder
) -> None:
    made = booked(api, order)
    confirmation = world.commands(made["id"])["send-confirmation"]["id"]
    world.execute(
        "UPDATE commands SET state = 'pending', attempts = 2, available_at = '2026-12-01 10:00+00' WHERE id = :id",
        id=confirmation,
    )
    times, command = read(api, id=made["id"]).body["data"]["commands"]
    assert times["kind"] == "reconcile-times"
    assert (command["id"], command["kind"], command["state"]) == (
        str(confirmation),
        "send-confirmation",
        "queued",
    )
    assert (command["attempts"], command["next_attempt_at"]) == (2, "2026-12-01T10:00:00Z")
    mail(world, made["id"], "send-confirmation", "carla@example.com", outcome="refused", cause="hard-bounce")
    world.execute("UPDATE commands SET state = 'failed' WHERE id = :id", id=confirmation)
    _, command = read(api, id=made["id"]).body["data"]["commands"]
    assert (command["state"], command["outcome"], command["cause"], command["next_attempt_at"]) == (
        "failed",
        "refused",
        "hard-bounce",
        None,
    )


def test_mails_are_shown_to_whom_they_concern(
    api: ApiClient, world: World, client: ApiClient, liaison: ApiClient, order: MadeOrder
) -> None:
    photographer = world.photographer()
    made = booked(api, order, photographer_user_id=photographer.id)
    mail(world, made["id"], "send-assignment", photographer.email)
    mail(
        world,
        made["id"],
        "send-confirmation",
        "carla@example.com",
        copies=["anna@example.com"],
        outcome="accepted",
        provider_id="abc123",
        last_event="delivered",
        last_event_at=datetime(2026, 12, 1, 10, tzinfo=UTC),
    )
    employee = api.with_token(world.session_token(world.employee().id))
    for staff in (api, employee):
        newest, assignment = read(staff, id=made["id"]).body["data"]["mails"]
        assert (newest["recipient"], newest["copies"]) == ("carla@example.com", ["anna@example.com"])
        assert (newest["outcome"], newest["provider_id"]) == ("accepted", "abc123")
        assert (newest["last_event"], newest["last_event_at"]) == ("delivered", "2026-12-01T10:00:00Z")
        assert (assignment["recipient"], assignment["kind"]) == (photographer.email, "send-assignment")
    reply = read(client, id=made["id"])
    (own,) = reply.body["data"]["mails"]
    assert (own["recipient"], own["outcome"], own["last_event"]) == (
        "carla@example.com",
        "accepted",
        "delivered",
    )
    reply_of_liaison = read(liaison, id=made["id"])
    (masked,) = reply_of_liaison.body["data"]["mails"]
    assert (masked["recipient"], masked["copies"]) == ("c***@example.com", ["a***@example.com"])
    for shown in (reply, reply_of_liaison):
        told = json.dumps(shown.body)
        assert photographer.email not in told
        assert "abc123" not in told


def test_open_notifications_are_for_those_who_act_on_them(
    api: ApiClient, world: World, client: ApiClient, order: MadeOrder
) -> None:
    made = booked(api, order)
    assert "notifications" not in read(api, id=made["id"]).body["data"]
    for state in ("open", "resolved"):
        world.insert(
            "INSERT INTO notifications (status, subject_key, cause, message, appointment_id, state, recipient)"
            " VALUES ('mandrill-email-failed', :key, 'unsub', 'It failed.', :id, :state, 'carla@example.com')"
            " RETURNING id",
            key=state,
            state=state,
            id=made["id"],
        )
    (shown,) = read(api, id=made["id"]).body["data"]["notifications"]
    assert (shown["status"], shown["state"]) == ("mandrill-email-failed", "open")
    assert "notifications" not in read(client, id=made["id"]).body["data"]


def test_the_newest_changes_are_told_newest_first(api: ApiClient, world: World, order: MadeOrder) -> None:
    made = booked(api, order)
    for number in range(22):
        world.execute(
            "INSERT INTO appointment_changes (appointment_id, at, action, changes, sequence, updated_at_mt,"
            " caller_kind, caller_role, caller_name, caller_application_id, request_id)"
            " VALUES (:id, :at, 'update', CAST(:changes AS jsonb), :number, '2026-11-21 10:00:00', 'session',"
            " 'employee', 'Emma Employee', :application, 'request')",
            id=made["id"],
            at=datetime(2026, 11, 21, 17, tzinfo=UTC) + timedelta(minutes=number),
            number=number,
            changes=json.dumps([{"field": "summary", "old": None, "new": f"House {number}"}]),
            application=world.application_id("planox2"),
        )
    history = read(api, id=made["id"]).body["data"]["history"]
    assert [entry["sequence"] for entry in history] == list(range(21, 1, -1))
    assert history[0]["at"] == "2026-11-21T17:21:00Z"
    assert history[0]["changes"] == [{"field": "summary", "old": None, "new": "House 21"}]
    assert (history[0]["who"]["name"], history[0]["application"]) == ("Emma Employee", "planox2")


def test_conflicts_name_only_appointments_that_the_caller_may_see(
    api: ApiClient, world: World, client: ApiClient, order: MadeOrder
) -> None:
    photographer = world.photographer()
    own, others = (
        booked(api, of, photographer_user_id=photographer.id)
        for of in (order, world.order(zone="America/New_York"))
    )
    for made in (own, others):
        world.execute(
            "UPDATE appointments SET starts_at = '2026-12-04 16:00+00', busy_from = '2026-12-04 16:00+00',"
            " busy_until = '2026-12-04 17:30+00', zone_name = 'America/New_York' WHERE id = :id",
            id=made["id"],
        )
    (conflict,) = read(api, id=own["id"]).body["data"]["conflicts"]
    assert (conflict["appointment_id"], conflict["busy_from"], conflict["busy_until"]) == (
        others["id"],
        "2026-12-04T16:00:00Z",
        "2026-12-04T17:30:00Z",
    )
    assert f"appointment {others['id']}" in conflict["message"]
    (hidden,) = read(client, id=own["id"]).body["data"]["conflicts"]
    assert (hidden["appointment_id"], hidden["busy_from"]) == (None, None)
    assert str(others["id"]) not in hidden["message"]


def test_internal_notes_stay_inside(
    api: ApiClient, world: World, client: ApiClient, liaison: ApiClient, order: MadeOrder
) -> None:
    made = booked(api, order, notes="gate 4711")
    world.execute(
        "INSERT INTO appointment_changes (appointment_id, action, changes, sequence, updated_at_mt, caller_kind,"
        " caller_role, caller_name, caller_application_id, request_id) VALUES (:id, 'update',"
        ' \'[{"field": "notes", "old": "gate 4710", "new": "gate 4711"}]\', 1, \'2026-11-21 10:00:00\','
        " 'application', 'application', 'PlanoAuth', :application, 'request')",
        id=made["id"],
        application=world.application_id(),
    )
    assert json.dumps(read(api, id=made["id"]).body).count("gate 471") == 3
    for caller in (client, liaison):
        reply = read(caller, id=made["id"])
        assert "gate 471" not in json.dumps(reply.body)
        assert "notes" not in reply.appointment
        assert len(reply.body["data"]["history"]) == 1


@pytest.mark.parametrize("route", ["read", "history", "resend_confirmation", "update", "cancel"])
@pytest.mark.parametrize(
    ("named", "words"),
    [
        (("id",), "There is no appointment with this id."),
        (("uuid",), "There is no appointment with this uuid."),
        (("id", "uuid"), "There is no appointment with this id and this uuid."),
    ],
)
def test_every_route_says_what_leads_nowhere(api: ApiClient, route: str, named: tuple[str, ...], words: str):
    there = api.create().appointment
    names: dict[str, Any] = {"id": 10**9, "uuid": str(uuid4())} if len(named) == 1 else {}
    given = {name: names.get(name, there["id"] if name == "id" else str(uuid4())) for name in named}
    path = f"/api/v1/appointments/{route}"
    if route in ("read", "history"):
        path = f"{path}?{urlencode(given)}"
        reply = api.raw(b"", method="GET", path=path, Authorization=f"Bearer {api.token}")
    else:
        method = "POST" if route == "resend_confirmation" else "PUT"
        body = json.dumps({"token": api.token, "updated_at_mt": "2026-11-20 10:00:00", **given}).encode()
        reply = api.raw(body, method=method, path=path, Content_Type="application/json")
    (fault,) = reply.body["errors"]
    assert (fault["param"], fault["message"]) == (named[0], words)
    if len(named) > 1:
        assert "of the same appointment" in fault["hint"]


@pytest.mark.parametrize("number", ["99999999999999999999", "-99999999999999999999", "9" * 90])
def test_a_number_that_is_too_large_is_called_that(api: ApiClient, number: str):
    path = f"/api/v1/appointments/read?id={number}"
    reply = api.raw(b"", method="GET", path=path, Authorization=f"Bearer {api.token}")
    assert "outside" in reply.body["errors"][0]["message"]


def test_a_mail_that_a_change_made_superfluous_is_dropped(api: ApiClient, world: World):
    made = api.create(order_id=world.order().id, updated_at_mt=stamp(0)).appointment["id"]
    cancel(api, made, 1)
    path = f"/api/v1/appointments/read?id={made}"
    reply = api.raw(b"", method="GET", path=path, Authorization=f"Bearer {api.token}")
    states = {command["kind"]: command["state"] for command in reply.body["data"]["commands"]}
    assert states["send-confirmation"] == "dropped"
    assert not any("is_dropped" in command for command in reply.body["data"]["commands"])
