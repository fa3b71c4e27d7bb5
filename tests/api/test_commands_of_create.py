"""The commands of a create (contract.md section 7): which kinds, in which state, to whom, and who is warned."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from models import appointment_intake
from models.command_publishing import CREATED
from settings import get_settings
from tests.client import ApiClient
from tests.world import World

CLIENT, PHOTOGRAPHER = "client@example.com", "pat@example.com"
RECONCILE = ("reconcile-times", "pending", "")
CONFIRMATION = ("send-confirmation", "waiting", CLIENT)
ASSIGNMENT = ("send-assignment", "waiting", PHOTOGRAPHER)


def planned(world: World, appointment_id: int) -> list[tuple[str, str, str]]:
    """Kind, state and recipient of each command, in order."""
    rows = world.rows(
        "SELECT kind, state, recipient FROM commands WHERE appointment_id = :id ORDER BY id",
        id=appointment_id,
    )
    return [(row["kind"], row["state"], row["recipient"]) for row in rows]


CASES: list[tuple[str, dict[str, Any], bool, bool, list[tuple[str, str, str]]]] = [
    ("nothing named", {}, False, False, [RECONCILE]),
    ("an order", {}, True, False, [RECONCILE, CONFIRMATION]),
    ("a photographer", {}, False, True, [RECONCILE, ASSIGNMENT]),
    ("both", {}, True, True, [RECONCILE, CONFIRMATION, ASSIGNMENT]),
    ("confirmed", {"confirmed": True}, True, True, [RECONCILE, CONFIRMATION, ASSIGNMENT]),
    ("cancelled", {"cancelled": True}, True, True, [RECONCILE]),
    ("cancelled on site", {"on_site_cancel": "yes"}, True, True, [RECONCILE]),
    ("cancelled the same day", {"same_day_cancel": 1}, True, True, [RECONCILE]),
    (
        "not cancelled",
        {"cancelled": False, "same_day_cancel": 0},
        True,
        True,
        [RECONCILE, CONFIRMATION, ASSIGNMENT],
    ),
    ("tentative", {"optional": True}, True, False, [RECONCILE, CONFIRMATION]),
]


@pytest.mark.parametrize(
    ("params", "with_order", "with_photographer", "expected"),
    [pytest.param(*case[1:], id=case[0]) for case in CASES],
)
def test_what_follows_from_a_create(
    api: ApiClient,
    world: World,
    params: dict[str, Any],
    with_order: bool,
    with_photographer: bool,
    expected: list[tuple[str, str, str]],
):
    if with_order:
        params = {**params, "order_id": world.order(client_email=CLIENT).id}
    if with_photographer:
        params = {**params, "photographer_user_id": world.photographer(email=PHOTOGRAPHER).id}
    reply = api.create(params)
    assert planned(world, reply.appointment["id"]) == expected
    shown = reply.body["data"]["commands"]
    assert [command["kind"] for command in shown] == [kind for kind, _, _ in expected]
    assert {command["state"] for command in shown} == {"queued"}
    assert all(
        isinstance(command["id"], str) and command.keys() == {"id", "kind", "state"} for command in shown
    )


@pytest.mark.parametrize(
    ("has_order", "cancelled", "warning"),
    [
        (True, False, "no e-mail address"),
        (False, False, "belongs to no order"),
        (True, True, None),
        (False, True, None),
    ],
)
def test_a_warning_says_when_there_is_nobody_to_write_to(
    api: ApiClient, world: World, has_order: bool, cancelled: bool, warning: str | None
):
    params = {"order_id": world.order(client_email=None).id} if has_order else {}
    reply = api.create(params, cancelled=cancelled)
    told = [entry["message"] for entry in reply.body["warnings"] if entry["param"] is None]
    assert len(told) == (warning is not None)
    if warning:
        assert warning in told[0]
    assert planned(world, reply.appointment["id"]) == [RECONCILE]


def test_assistants_share_the_clients_mail_rather_than_getting_their_own(api: ApiClient, world: World):
    order = world.order(client_email=CLIENT, assistants=("a@example.com", "b@example.com"))
    reply = api.create(order_id=order.id)
    assert planned(world, reply.appointment["id"]) == [RECONCILE, CONFIRMATION]


def test_one_person_who_is_both_gets_both_mails(api: ApiClient, world: World):
    order, photographer = world.order(client_email=CLIENT), world.photographer(email=CLIENT)
    reply = api.create(order_id=order.id, photographer_user_id=photographer.id)
    assert {kind for kind, _, to in planned(world, reply.appointment["id"]) if to == CLIENT} == {
        "send-confirmation",
        "send-assignment",
    }


def test_a_command_carries_the_id_that_the_answer_shows(api: ApiClient, world: World):
    reply = api.create()
    (row,) = world.commands(reply.appointment["id"]).values()
    assert reply.body["data"]["commands"][0]["id"] == str(row["id"])


@pytest.fixture
def listening(database: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection[Any]]:
    """What the relay hears; no earlier test has woken it."""
    monkeypatch.setattr(appointment_intake, "_notified_at", float("-inf"))
    url = get_settings().database_url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("LISTEN commands")
        yield connection


def test_a_create_wakes_the_relay_when_it_is_committed(api: ApiClient, listening: psycopg.Connection[Any]):
    api.create(allday="maybe")
    assert list(listening.notifies(timeout=0.1)) == []
    api.create()
    (told,) = listening.notifies(timeout=5, stop_after=1)
    assert told.payload == CREATED, "the relay need look for new commands only"


def test_creates_in_quick_succession_wake_it_once(
    api: ApiClient, listening: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(appointment_intake, "ONE_NOTIFY_COVERS_S", 60)
    api.create({"dry_run": True})  # wakes nobody, and stands in for nobody
    api.create()
    api.create()
    assert [told.payload for told in listening.notifies(timeout=0.2)] == [CREATED]


@pytest.mark.parametrize("reason", ["on_site_cancel", "same_day_cancel"])
def test_a_reason_implies_cancelled_and_contradicts_an_explicit_false(api: ApiClient, reason: str):
    assert api.create({reason: True}).appointment["cancelled"] is True
    assert api.create({reason: False}).appointment["cancelled"] is None
    assert api.create({reason: True, "cancelled": True}).appointment["cancelled"] is True
    refused = api.create({reason: True, "cancelled": False})
    assert refused.faults == {"cancelled": "invalid-param"}
