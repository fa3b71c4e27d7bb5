"""`dry_run`: everything is done as it would be, told, and undone."""

import io
import json
import subprocess
import sys
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from models import database
from models.clock import load_atlas
from models.tables import metadata
from tasks import rehearsal
from tasks.reconcile_times import reconcile_times
from tests.bookings import DAY, book, utc
from tests.client import ApiClient, Reply
from tests.conftest import ROOT
from tests.world import World

TEN = {"date_start_local": DAY, "time_start_local": "10:00", "time_duration": "1:00"}
COUNTED = sorted(table.name for table in metadata.sorted_tables)


def everything(world: World) -> dict[str, list[dict]]:
    """All rows of all tables, but for when the token was used last."""
    return {
        name: world.rows(f"SELECT to_jsonb(t) - 'last_used_at' AS row FROM {name} t ORDER BY 1::text")
        for name in COUNTED
    }


@pytest.fixture
def booking(world: World) -> dict:
    """A whole create: an order whose client has an assistant, and a photographer."""
    order = world.order(zone="America/New_York", client_email="c@example.com", assistants=("a@example.com",))
    photographer = world.photographer(email="p@example.com")
    return {**TEN, "order_id": order.id, "photographer_user_id": photographer.id, "confirmed": True}


def dry(api: ApiClient, booking: dict, headers: dict[str, str] | None = None, **more: object) -> Reply:
    return api.create({**booking, **more}, headers, dry_run=True)


def test_the_answer_shows_the_times_and_the_mails_and_nothing_is_stored(
    api: ApiClient, world: World, booking: dict
):
    before = everything(world)
    reply = dry(api, booking)
    assert everything(world) == before
    assert (reply.code, reply.status) == (200, "action-successful")
    assert reply.body["message"].startswith("Nothing was stored")
    assert "2 mails would follow" in reply.body["message"]
    data = reply.body["data"]
    assert (data["dry_run"], data["commands"], data["replayed"]) == (True, [], False)
    shown = data["appointment"]
    assert (shown["id"], shown["uuid"]) == (None, None)
    assert (shown["time_start_local"], shown["time_start_utc"], shown["time_start_office"]) == (
        "10:00:00",
        "14:00:00",
        "08:00:00",
    )
    assert (shown["zone_name"], shown["start_resolution"]) == ("America/New_York", "exact")
    assert any("America/New_York" in sentence for sentence in shown["explanation"])
    to_client, to_photographer = data["mails"]
    assert (to_client["kind"], to_client["to"]["email"], to_client["cc"]) == (
        "send-confirmation",
        "c@example.com",
        ["a@example.com"],
    )
    assert (to_photographer["kind"], to_photographer["to"]["email"]) == ("send-assignment", "p@example.com")
    for mail in data["mails"]:
        assert mail["subject"]
        assert "10:00" in mail["text"]
        assert mail["html"].lstrip().startswith("<!")
        assert "DTSTART:20900605T140000Z" in mail["calendar"]
        assert mail["problem"] is None


def test_the_mails_are_the_ones_that_go_out(api: ApiClient, world: World, booking: dict):
    from models import database
    from settings import get_settings
    from tasks.letters import letter_to_preview
    from tasks.mail.compose import compose

    uuid = str(uuid4())
    (told, _) = dry(api, booking, uuid=uuid).body["data"]["mails"]
    made = api.create(booking, uuid=uuid).appointment["id"]
    reconcile_times(world.commands(made)["reconcile-times"]["id"])
    with database.transaction() as connection:
        letter = letter_to_preview(connection, made, "send-confirmation", "client", get_settings())
    mail = compose(letter, mail_from=get_settings().mail_from)
    assert (told["subject"], told["to"]["email"]) == (mail.subject, mail.to.email)
    # The number of an appointment that was tried is not that of the one that is made.
    numbers = {str(n) for n in range(1, made + 1)}
    assert _without(told["text"], numbers) == _without(mail.text, numbers)


def _without(text: str, numbers: set[str]) -> list[str]:
    return [word for word in text.split() if word.strip("#.,") not in numbers]


def test_where_the_zone_has_to_be_looked_up_it_is(api: ApiClient, world: World, booking: dict):
    order = world.order(zone=None, zip="60601")
    shown = dry(api, booking, order_id=order.id).appointment
    assert (shown["zone_name"], shown["zone_source"], shown["time_start_utc"]) == (
        "America/Chicago",
        "zip",
        "15:00:00",
    )


@pytest.mark.parametrize("zone", [{"zone": "America/New_York"}, {"zone": None, "zip": "10001"}], ids=str)
def test_a_conflict_is_warned_of_once(api: ApiClient, world: World, booking: dict, zone: dict):
    other = book(world, booking["photographer_user_id"], utc("14:30", "15:00"))
    reply = dry(api, booking, order_id=world.order(**zone).id)
    said = [w["message"] for w in reply.body["warnings"] if w["param"] == "photographer_user_id"]
    assert [f"appointment {other}:" in sentence for sentence in said] == [True]
    assert world.rows("SELECT * FROM notifications") == []


def test_what_would_be_refused_is_refused(api: ApiClient, world: World, booking: dict):
    book(world, booking["photographer_user_id"], utc("14:30", "15:00"))
    before = everything(world)
    reply = dry(api, booking, refuse_conflicts=True)
    assert reply.faults == {"photographer_user_id": "invalid-param"}
    assert reply.body["data"] == {"dry_run": True}
    assert dry(api, booking, order_id=999_999).faults == {"order_id": "invalid-param"}
    assert dry(api, booking, updated_at_mt="never").faults == {"updated_at_mt": "invalid-param"}
    assert everything(world) == before


def test_a_dry_run_of_what_is_there_says_so(api: ApiClient, world: World, booking: dict):
    uuid = str(uuid4())
    made = api.create(booking, uuid=uuid).appointment["id"]
    before = everything(world)
    reply = dry(api, booking, uuid=uuid)
    assert (
        reply.body["message"]
        == f"Nothing was stored: appointment {made} had been created by this request before."
    )
    data = reply.body["data"]
    assert (data["replayed"], data["mails"], data["appointment"]["id"]) == (True, [], made)
    different = dry(api, booking, uuid=uuid, summary="Another")
    assert different.faults == {"uuid": "invalid-param"}
    assert different.body["data"]["existing_id"] == made
    assert everything(world) == before


def test_the_request_itself_can_follow_with_the_same_uuid_and_key(
    api: ApiClient, world: World, booking: dict
):
    uuid, key = str(uuid4()), {"Idempotency_Key": "tried first"}
    assert dry(api, booking, key, uuid=uuid).appointment["uuid"] == uuid
    made = api.create({**booking, "uuid": uuid}, key)
    assert made.body["data"]["replayed"] is False
    again = api.create({**booking, "uuid": uuid, "dry_run": False}, key)
    assert again.body["data"]["replayed"] is True


def test_waiting_for_mails_is_not_waited_for(api: ApiClient, booking: dict):
    began = datetime.now(UTC)
    reply = dry(api, booking, {"Prefer": "wait=10"})
    assert (datetime.now(UTC) - began).total_seconds() < 5
    assert reply.code == 200
    assert "preference-applied" not in reply.headers


def test_nobody_to_write_to_and_an_address_that_cannot_be_used(api: ApiClient, world: World, booking: dict):
    silent = dry(api, booking, order_id=world.order(client_email=None).id, photographer_user_id=None)
    assert silent.body["data"]["mails"] == []
    assert any("no confirmation will be sent" in w["message"] for w in silent.body["warnings"])
    broken = dry(api, booking, order_id=world.order(client_email="not an address").id)
    mail = broken.body["data"]["mails"][0]
    assert mail["problem"].endswith(".")
    assert (mail["text"], mail["calendar"]) == ("", None)


def test_nothing_of_a_mail_gets_into_the_log(
    api: ApiClient, world: World, booking: dict, log_output: io.StringIO
):
    reply = dry(api, booking, description="The gate code is 4711.", summary="Penthouse")
    assert "4711" in reply.body["data"]["mails"][1]["text"]
    logged = log_output.getvalue()
    assert "request" in logged
    for private in ("4711", "Penthouse", "c@example.com", "a@example.com"):
        assert private not in logged


def test_nothing_is_announced_to_the_relay(api: ApiClient, world: World, booking: dict):
    from models.command_publishing import CHANNEL
    from models.database import open_listening_connection

    with open_listening_connection("test") as listening:
        listening.execute(f"LISTEN {CHANNEL}")
        dry(api, booking)
        assert list(listening.notifies(timeout=0.2)) == []
        api.create(booking)
        assert list(listening.notifies(timeout=5, stop_after=1)) != []


def test_a_crash_in_the_middle_leaves_nothing_and_the_connection_serves_the_next(
    api: ApiClient, world: World, booking: dict, monkeypatch: pytest.MonkeyPatch
):
    def crash(*_: object) -> None:
        raise RuntimeError("in the middle")

    before = everything(world)
    with monkeypatch.context() as patch:
        patch.setattr("tasks.rehearsal.rehearse", crash)
        assert dry(api, booking).status == "application-crash"
    assert everything(world) == before
    assert api.create(booking).code == 200
    assert len(everything(world)["appointments"]) == 1


def test_a_transaction_within_a_rehearsal_is_undone_with_it(world: World):
    from models import database

    statement = "INSERT INTO companies (name) VALUES ('rehearsed')"
    with database.autocommit_engine().connect() as connection:
        with database.rehearsal(connection):
            assert database.is_rehearsed()
            with database.transaction() as joined:
                joined.exec_driver_sql(statement)
            with pytest.raises(ZeroDivisionError), database.transaction() as joined:
                joined.exec_driver_sql(statement)
                raise ZeroDivisionError
            assert connection.exec_driver_sql("SELECT count(*) FROM companies").scalar_one() == 1
        assert not database.is_rehearsed()
        assert connection.exec_driver_sql("SELECT count(*) FROM companies").scalar_one() == 0
        with database.transaction() as own:
            own.exec_driver_sql(statement)
    assert world.row("SELECT count(*) FROM companies")["count"] == 1


def test_a_change_is_rehearsed_like_a_create(api: ApiClient, world: World, booking: dict):
    made = api.create(booking).appointment["id"]
    reconcile_times(world.commands(made)["reconcile-times"]["id"])
    before = everything(world)
    params = {"token": api.token, "id": made, "updated_at_mt": "2026-11-20 11:00:00"}
    moved = put(api, {**params, "time_start_local": "12:00", "dry_run": True}, "update")
    assert everything(world) == before
    assert moved.status == "action-successful", moved.body
    data = moved.body["data"]
    assert (data["dry_run"], data["commands"], data["appointment"]["id"]) == (True, [], made)
    assert data["appointment"]["time_start_utc"] == "16:00:00"
    assert data["appointment"]["explanation"] != []
    assert data["mails"] != []
    assert all("12:00" in mail["text"] for mail in data["mails"])


def test_a_change_of_what_is_not_reconciled_yet_shows_its_times_too(api: ApiClient, booking: dict):
    made = api.create(booking).appointment["id"]
    params = {"token": api.token, "id": made, "updated_at_mt": "2026-11-20 11:00:00"}
    told = put(api, {**params, "location": "Suite 5", "dry_run": True}, "update")
    assert told.body["data"]["appointment"]["time_start_utc"] == "14:00:00"


def test_cancelling_can_be_tried(api: ApiClient, world: World, booking: dict):
    made = api.create(booking).appointment["id"]
    reconcile_times(world.commands(made)["reconcile-times"]["id"])
    before = everything(world)
    params = {"token": api.token, "id": made, "updated_at_mt": "2026-11-20 11:00:00"}
    told = put(api, {**params, "dry_run": True}, "cancel")
    assert told.status == "action-successful", told.body
    assert (told.appointment["id"], told.appointment["cancelled"]) == (made, True)
    assert everything(world) == before


def test_what_cannot_be_tried_is_not_done_instead(api: ApiClient, world: World, booking: dict):
    made = api.create(booking).appointment["id"]
    before = everything(world)
    path = "/api/v1/appointments/resend_confirmation"
    reply = api.post({"token": api.token, "id": made, "dry_run": True}, path=path)
    assert reply.faults == {"dry_run": "invalid-param"}
    assert everything(world) == before


def put(api: ApiClient, params: dict, action: str) -> Reply:
    return api.raw(
        json.dumps(params).encode(),
        method="PUT",
        path=f"/api/v1/appointments/{action}",
        Content_Type="application/json",
    )


@pytest.mark.parametrize("name", ["order_id", "id", "uuid"])
def test_the_atlas_is_loaded_before_anything_is_locked(world: World, api: ApiClient, name: str):
    order = world.order(zone=None, zip="60601")
    made = api.create(order_id=order.id).appointment
    named = {"order_id": None, "appointment_id": None, "uuid": None}
    value = {"order_id": order.id, "id": made["id"], "uuid": made["uuid"]}[name]
    load_atlas.cache_clear()
    with database.transaction() as connection:
        rehearsal.load_atlas_for(connection, **named)
        assert load_atlas.cache_info().currsize == 0
        rehearsal.load_atlas_for(connection, **{**named, {"id": "appointment_id"}.get(name, name): value})
    assert load_atlas.cache_info().currsize == 1


def test_what_a_rehearsal_loads_is_neither_celery_nor_the_providers_client():
    script = (
        "import sys, api.app; before = set(sys.modules); from tasks import rehearsal; rehearsal.prepare();"
        " print('\\n'.join(set(sys.modules) - before))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert "tasks.mail.compose" in found
    assert not {
        name for name in found if name.split(".")[0] in ("celery", "kombu", "redis", "urllib3", "workers")
    }
    assert not {"tasks.mail.mandrill", "tasks.mail.transport", "tasks.publishing", "tasks.send_mail"} & set(
        found
    )
