"""`flask demo`: the records that a run announces, and what their tokens may do."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from click.testing import Result

from api.app import create_app as create_api
from models import database as product_database
from settings import get_settings
from tests.client import ApiClient
from tests.world import World

Run = Callable[..., Result]
RunJson = Callable[..., Any]


@pytest.fixture
def demo(run_json: RunJson) -> dict[str, Any]:
    return run_json("demo", "seed")


def caller(token: str) -> ApiClient:
    return ApiClient.in_process(create_api(), token)


def test_the_demo_has_the_form_of_the_run_file(demo: dict[str, Any]) -> None:
    assert set(demo["application_tokens"]) == {"planoauth", "planoorder", "planox2"}
    assert set(demo["session_tokens"]) == {
        *("employee", "client", "liaison", "no_role", "expired", "idle", "remembered")
    }
    assert list(demo["order_ids"]) == ["denver", "new_york", "phoenix", "no_zone", "other_client"]
    assert list(demo["order_request_appt_ids"]) == ["denver", "new_york"]
    assert isinstance(demo["photographer_user_id"], int)
    assert set(demo["console_login"]) == {"email", "password"}


@pytest.mark.parametrize(
    ("session", "status"),
    [
        ("employee", "action-successful"),
        ("client", "action-successful"),
        ("liaison", "action-successful"),
        ("remembered", "action-successful"),
        ("no_role", "client-required"),
        ("expired", "session-expired"),
        ("idle", "session-expired"),
    ],
)
def test_each_session_is_answered_as_its_name_says(demo: dict[str, Any], session: str, status: str) -> None:
    reply = caller(demo["session_tokens"][session]).create(order_id=demo["order_ids"]["denver"])
    assert reply.status == status


@pytest.mark.parametrize("application", ["planoauth", "planoorder", "planox2"])
def test_each_application_token_may_touch_every_order(demo: dict[str, Any], application: str) -> None:
    api = caller(demo["application_tokens"][application])
    for order_id in demo["order_ids"].values():
        assert api.create(order_id=order_id).status == "action-successful"


@pytest.mark.parametrize("session", ["client", "liaison"])
def test_client_and_liaison_may_touch_all_orders_but_the_other_clients(
    demo: dict[str, Any], session: str
) -> None:
    api = caller(demo["session_tokens"][session])
    statuses = {name: api.create(order_id=order_id).status for name, order_id in demo["order_ids"].items()}
    assert statuses.pop("other_client") == "invalid-param"
    assert set(statuses.values()) == {"action-successful"}


def test_the_order_request_and_the_photographer_belong_to_the_denver_order(demo: dict[str, Any]) -> None:
    reply = caller(demo["application_tokens"]["planoauth"]).create(
        order_id=demo["order_ids"]["denver"],
        order_request_appt_id=demo["order_request_appt_ids"]["denver"],
        photographer_user_id=demo["photographer_user_id"],
    )
    assert reply.status == "action-successful"
    kinds = {command["kind"] for command in reply.body["data"]["commands"]}
    assert kinds == {"reconcile-times", "send-confirmation", "send-assignment"}


def test_the_order_without_a_zone_has_no_sign_of_its_place(demo: dict[str, Any]) -> None:
    world = World(product_database.engine())
    place = world.row(
        "SELECT p.time_zone, p.latitude, p.longitude, p.zip FROM orders o"
        " JOIN properties p ON p.id = o.property_id WHERE o.id = :id",
        id=demo["order_ids"]["no_zone"],
    )
    assert set(place.values()) == {None}


def test_the_console_login_is_an_employee_with_that_password(demo: dict[str, Any]) -> None:
    user = World(product_database.engine()).row(
        "SELECT u.password_hash FROM users u JOIN employees e ON e.user_id = u.id WHERE u.email = :email",
        email=demo["console_login"]["email"],
    )
    assert PasswordHasher().verify(user["password_hash"], demo["console_login"]["password"])
    assert "$argon2id$" in user["password_hash"]


def test_all_addresses_are_under_example_com(demo: dict[str, Any]) -> None:
    rows = World(product_database.engine()).rows(
        "SELECT email FROM users UNION SELECT email FROM clients UNION SELECT unnest(assistant_emails) FROM clients"
    )
    assert len(rows) == 7
    assert all(row["email"].endswith("@example.com") for row in rows)


def test_a_second_seed_changes_nothing_and_keeps_the_tokens(
    run_json: RunJson, demo: dict[str, Any], var_dir: Path
) -> None:
    assert run_json("demo", "seed") == demo
    world = World(product_database.engine())
    assert world.row("SELECT count(*) FROM orders")["count"] == 5
    assert world.row("SELECT count(*) FROM tokens")["count"] == 10
    assert json.loads((var_dir / "demo.json").read_text()) == demo
    assert stat.S_IMODE((var_dir / "demo.json").stat().st_mode) == 0o600


def test_a_seed_makes_sessions_expired_and_fresh_again(run_json: RunJson, demo: dict[str, Any]) -> None:
    world = World(product_database.engine())
    world.execute("UPDATE tokens SET created_at = now() - interval '20 days', last_used_at = now()")
    run_json("demo", "seed")
    sessions = demo["session_tokens"]
    assert caller(sessions["client"]).create().status != "session-expired"
    assert caller(sessions["idle"]).create().status == "session-expired"
    assert caller(sessions["expired"]).create().status == "session-expired"


def test_a_token_that_no_longer_works_is_replaced(run_json: RunJson, demo: dict[str, Any]) -> None:
    World(product_database.engine()).execute(
        "UPDATE tokens SET revoked_at = now() WHERE public_id = :id",
        id=demo["session_tokens"]["client"].split("_")[1],
    )
    again = run_json("demo", "seed")
    assert again["session_tokens"].pop("client") != demo["session_tokens"].pop("client")
    assert again == demo


@pytest.mark.parametrize("content", ["", "[]", '{"session_tokens": [], "console_login": {"password": 5}}'])
def test_a_spoilt_file_is_made_anew(
    run_json: RunJson, demo: dict[str, Any], var_dir: Path, content: str
) -> None:
    (var_dir / "demo.json").write_text(content)
    again = run_json("demo", "seed")
    assert again["order_ids"] == demo["order_ids"]
    assert again["application_tokens"] != demo["application_tokens"]
    assert json.loads((var_dir / "demo.json").read_text()) == again


def test_a_seed_brings_changed_records_back(run_json: RunJson, demo: dict[str, Any]) -> None:
    world = World(product_database.engine())
    world.execute("UPDATE properties SET time_zone = 'Europe/Paris'")
    world.execute("DELETE FROM liaisons")
    run_json("demo", "seed")
    zones = world.rows("SELECT time_zone FROM properties WHERE time_zone = 'Europe/Paris'")
    assert zones == []
    liaison = caller(demo["session_tokens"]["liaison"])
    assert liaison.create(order_id=demo["order_ids"]["denver"]).status == "action-successful"


def test_production_is_refused_with_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "APP_ENV": "production",
        "SECRET_KEY": "x" * 40,
        "MANDRILL_API_KEY": "real-key",
        "MAIL_FROM": "Office <office@company.test>",
        "PUBLIC_URL": "https://appointments.company.test",
    }.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    result = run("demo", "seed")
    assert result.exit_code == 1
    assert "production" in result.stderr
    assert result.stdout == ""


def test_a_reset_deletes_all_that_hangs_on_the_demo_and_nothing_else(
    run: Run, demo: dict[str, Any], var_dir: Path
) -> None:
    world = World(product_database.engine())
    other = world.order()
    api = caller(demo["application_tokens"]["planoauth"])
    kept = api.create(order_id=other.id, photographer_user_id=demo["photographer_user_id"])
    gone = api.create(order_id=demo["order_ids"]["denver"], photographer_user_id=demo["photographer_user_id"])
    assert (
        caller(demo["session_tokens"]["employee"]).create(description="by itself").status
        == "action-successful"
    )
    assert gone.status == kept.status == "action-successful"
    world.execute(
        "INSERT INTO notifications (status, subject_key, cause, message, appointment_id)"
        " VALUES ('mandrill-email-failed', 'k', 'c', 'm', :id)",
        id=gone.appointment["id"],
    )

    result = run("demo", "reset", "--yes")

    assert result.exit_code == 0, result.stderr
    assert world.rows("SELECT id, photographer_user_id FROM appointments") == [
        {"id": kept.appointment["id"], "photographer_user_id": None}
    ]
    assert world.rows("SELECT id FROM orders") == [{"id": other.id}]
    assert world.rows("SELECT DISTINCT appointment_id AS id FROM commands") == [
        {"id": kept.appointment["id"]}
    ]
    for table in ("users", "notifications", "tokens", "companies", "order_request_appts"):
        assert world.rows(f"SELECT * FROM {table}") == [], table
    assert not (var_dir / "demo.json").exists()


def test_a_reset_asks_first(run: Run, demo: dict[str, Any]) -> None:
    result = run("demo", "reset", input="n\n")
    assert result.exit_code == 1
    assert "[y/N]" in result.stderr
    assert World(product_database.engine()).row("SELECT count(*) FROM orders")["count"] == 5


def test_after_a_reset_the_demo_can_be_made_again(run: Run, run_json: RunJson, demo: dict[str, Any]) -> None:
    assert run("demo", "reset", "--yes").exit_code == 0
    again = run_json("demo", "seed")
    assert caller(again["session_tokens"]["client"]).create(order_id=again["order_ids"]["denver"]).code == 200
