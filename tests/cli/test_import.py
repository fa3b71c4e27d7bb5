"""`flask import`: upsert by id, all or nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from api.app import create_app as create_api
from tests.client import ApiClient
from tests.world import World

Run = Callable[..., Result]
Import = Callable[..., Any]

PLACE = {"address": "1 Main St", "iana": "America/Chicago", "lat": 41.9, "lng": -87.6, "zip": "60601"}


def jsonl(*lines: object) -> str:
    return "\n".join(json.dumps(line) for line in lines)


@pytest.fixture
def bring(run_json: Callable[..., Any]) -> Import:
    """Imports lines that are right; the summary."""
    return lambda *lines: run_json("import", "-", input=jsonl(*lines))


@pytest.fixture
def refuse(run: Run) -> Callable[..., str]:
    """Imports lines that are not; what was said."""

    def invoke(*lines: object) -> str:
        result = run("import", "-", input=jsonl(*lines))
        assert result.exit_code == 1, result.stdout
        assert result.stdout == ""
        return result.stderr

    return invoke


def test_an_order_comes_with_its_client_and_property(world: World, bring: Import) -> None:
    summary = bring(
        {"kind": "company", "id": 70, "name": "Acme"},
        {
            "kind": "order",
            "id": 900001,
            "client": {
                "email": "carla@example.com",
                "name": "Carla",
                "assistant_emails": ["a@example.com", "A@example.com"],
                "additional_emails": ["b@example.com"],
            },
            "company_id": 70,
            "property": PLACE,
        },
    )
    assert summary == {
        "companies": 1,
        "users": 0,
        "orders": 1,
        "order_request_appts": 0,
        "created": 2,
        "updated": 0,
        "properties_changed": 0,
        "appointments_to_reconcile": 0,
    }
    stored = world.row(
        "SELECT o.id, o.company_id, c.email, c.name, c.assistant_emails, c.additional_emails, p.address,"
        " p.time_zone, p.latitude, p.longitude, p.zip FROM orders o JOIN clients c ON c.id = o.client_id"
        " JOIN properties p ON p.id = o.property_id"
    )
    assert stored == {
        "id": 900001,
        "company_id": 70,
        "email": "carla@example.com",
        "name": "Carla",
        "assistant_emails": ["a@example.com"],
        "additional_emails": ["b@example.com"],
        "address": "1 Main St",
        "time_zone": "America/Chicago",
        "latitude": 41.9,
        "longitude": -87.6,
        "zip": "60601",
    }


def test_the_same_file_again_only_updates(world: World, bring: Import) -> None:
    lines = [
        {"kind": "order_request_appt", "id": 5, "order_id": 2},
        {"kind": "order", "id": 2, "client": {"email": "c@example.com"}, "company_id": 3, "property": PLACE},
        {
            "kind": "user",
            "id": 4,
            "email": "u@example.com",
            "name": "U",
            "client": True,
            "photographer": True,
        },
        {"kind": "company", "id": 3, "name": "Acme"},
    ]
    assert bring(*lines)["created"] == 4
    again = bring(*lines)
    assert (again["created"], again["updated"], again["properties_changed"]) == (0, 4, 0)
    for table, number in {"orders": 1, "properties": 1, "clients": 2, "users": 1, "companies": 1}.items():
        assert world.row(f"SELECT count(*) FROM {table}")["count"] == number, table


def test_what_a_line_leaves_out_stays(world: World, bring: Import) -> None:
    bring(
        {"kind": "company", "id": 3, "name": "Acme"},
        {
            "kind": "order",
            "id": 2,
            "company_id": 3,
            "client": {"email": "c@example.com", "name": "C", "assistant_emails": ["a@example.com"]},
            "property": PLACE,
        },
        {"kind": "user", "id": 4, "email": "u@example.com", "name": "U", "employee": {"duties": ["office"]}},
    )
    bring(
        {"kind": "order", "id": 2, "client": {"email": "c@example.com"}},
        {"kind": "user", "id": 4, "email": "u@example.com", "photographer": True},
    )
    order = world.row(
        "SELECT o.company_id, p.zip, c.name, c.assistant_emails FROM orders o"
        " JOIN clients c ON c.id = o.client_id JOIN properties p ON p.id = o.property_id"
    )
    assert order == {"company_id": 3, "zip": "60601", "name": "C", "assistant_emails": ["a@example.com"]}
    user = world.row("SELECT u.name, e.duties FROM users u JOIN employees e ON e.user_id = u.id")
    assert user == {"name": "U", "duties": ["office", "photographer"]}


def test_a_property_is_stated_whole_and_changes_are_counted(world: World, bring: Import) -> None:
    bring({"kind": "order", "id": 2, "property": PLACE}, {"kind": "order", "id": 3, "property": PLACE})
    before = world.rows("SELECT id, property_id FROM orders ORDER BY id")
    summary = bring(
        {"kind": "order", "id": 2, "property": {"address": "1 Main St", "iana": "America/Denver"}},
        {"kind": "order", "id": 3, "property": PLACE},
    )
    assert summary["properties_changed"] == 1
    assert world.rows("SELECT id, property_id FROM orders ORDER BY id") == before
    assert world.row(
        "SELECT time_zone, latitude, zip FROM properties WHERE id = :id", id=before[0]["property_id"]
    ) == {
        "time_zone": "America/Denver",
        "latitude": None,
        "zip": None,
    }


def test_a_client_without_an_id_is_found_by_address_whatever_its_case(world: World, bring: Import) -> None:
    existing = world.client(email="Carla@Example.com")
    bring(
        {"kind": "order", "id": 1, "client": {"email": "carla@example.com"}},
        {"kind": "order", "id": 2, "client": {"email": "CARLA@example.com"}},
        {"kind": "order", "id": 3, "client": {"email": "new@example.com"}},
        {"kind": "order", "id": 4, "client": {"email": "NEW@example.com"}},
    )
    clients = [row["client_id"] for row in world.rows("SELECT client_id FROM orders ORDER BY id")]
    assert clients[:2] == [existing, existing]
    assert clients[2] == clients[3] != existing


@pytest.mark.parametrize("user_first", [True, False])
def test_the_clients_own_session_may_touch_the_order(world: World, bring: Import, user_first: bool) -> None:
    order = {"kind": "order", "id": 900001, "client": {"email": "Una@example.com"}, "property": PLACE}
    person = {"kind": "user", "id": 50, "email": "una@example.com", "name": "Una"}
    if user_first:
        bring(person)
        bring(order)
    else:
        bring(order, person)
    reply = ApiClient.in_process(create_api(), world.session_token(50)).create(order_id=900001)
    assert reply.status == "action-successful"


def test_a_client_of_another_user_is_not_taken_from_them(world: World, bring: Import) -> None:
    other = world.user(email="other@example.com")
    world.client(user_id=other.id, email="una@example.com")
    una = world.user(email="una@example.com")
    bring({"kind": "order", "id": 1, "client": {"email": "una@example.com"}})
    owner = world.row("SELECT c.user_id FROM orders o JOIN clients c ON c.id = o.client_id")
    assert owner == {"user_id": una.id}


def test_a_record_named_by_id_is_the_one_for_its_address_too(world: World, bring: Import) -> None:
    bring(
        {"kind": "order", "id": 1, "client": {"email": "una@example.com"}},
        {
            "kind": "user",
            "id": 4,
            "email": "una@example.com",
            "client": {"assistant_emails": ["a@example.com"]},
        },
        {"kind": "order", "id": 2, "client": {"id": 77, "email": "una@example.com", "name": "Una"}},
    )
    assert world.rows("SELECT id, user_id, name, assistant_emails FROM clients") == [
        {"id": 77, "user_id": 4, "name": "Una", "assistant_emails": ["a@example.com"]}
    ]
    assert world.rows("SELECT DISTINCT client_id FROM orders") == [{"client_id": 77}]


def test_roles_are_given_and_taken_away(world: World, bring: Import) -> None:
    bring(
        {"kind": "company", "id": 1, "name": "A"},
        {"kind": "company", "id": 2, "name": "B"},
        {
            "kind": "user",
            "id": 4,
            "email": "u@example.com",
            "roles": ["employee", "photographer", "client"],
            "liaison": {"company_ids": [1, 2, 1]},
        },
    )
    assert world.row("SELECT duties FROM employees") == {"duties": ["photographer"]}
    assert len(world.rows("SELECT * FROM liaison_companies")) == 2
    assert world.row("SELECT user_id, email FROM clients") == {"user_id": 4, "email": "u@example.com"}

    bring(
        {
            "kind": "user",
            "id": 4,
            "email": "u@example.com",
            "liaison": {"company_ids": [2]},
            "photographer": False,
        }
    )
    assert world.rows("SELECT company_id FROM liaison_companies") == [{"company_id": 2}]
    assert world.row("SELECT duties FROM employees") == {"duties": []}

    bring(
        {
            "kind": "user",
            "id": 4,
            "email": "new@example.com",
            "employee": False,
            "liaison": False,
            "client": False,
        }
    )
    assert world.rows("SELECT * FROM employees") == world.rows("SELECT * FROM liaisons") == []
    assert world.row("SELECT user_id FROM clients") == {"user_id": None}
    assert world.row("SELECT email FROM users") == {"email": "new@example.com"}


def test_ids_drawn_later_do_not_collide_with_imported_ones(world: World, bring: Import) -> None:
    bring(
        {"kind": "company", "id": 1, "name": "A"},
        {"kind": "user", "id": 2, "email": "u@example.com"},
        {"kind": "order", "id": 3, "client": {"id": 2}},
        {"kind": "order", "id": 1, "client": {"email": "new@example.com"}, "property": PLACE},
        {"kind": "order_request_appt", "id": 1, "order_id": 3},
    )
    assert world.company() == 2
    assert world.user().id == 3
    order = world.order()
    assert order.id == 4
    assert world.order_request_appt(order.id) == 2


def test_all_bad_lines_are_listed_and_nothing_is_written(world: World, refuse: Callable[..., str]) -> None:
    taken = world.user(email="taken@example.com")
    said = refuse(
        {"kind": "order", "id": 1, "property": PLACE},
        {"kind": "order", "id": 2, "company_id": 99},
        {"kind": "order_request_appt", "id": 3, "order_id": 98},
        {"kind": "order_request_appt", "id": 4, "order_id": 1},
        {"kind": "user", "id": 5_000, "email": "TAKEN@example.com"},
        {"kind": "user", "id": 6, "email": "twice@example.com", "liaison": {"company_ids": [97]}},
        {"kind": "user", "id": 7, "email": "Twice@example.com"},
        {"kind": "order", "id": 8, "zip": "60601"},
        {"kind": "order_request_appt", "id": 9, "order_id": 8},
    )
    assert [line for line in said.splitlines() if line.startswith("line ")] == [
        "line 2: company_id: there is no company 99.",
        "line 3: order_id: there is no order 98.",
        f"line 5: email: user {taken.id} has this address already.",
        "line 6: liaison.company_ids: there is no company 97.",
        "line 7: email: the user on line 6 has this address already.",
        "line 8: zip: is not a key here; known are kind, id, client, company_id, property.",
    ]
    assert world.rows("SELECT * FROM orders") == []
    assert len(world.rows("SELECT * FROM users")) == 1


def test_a_user_with_a_client_record_of_another_id_is_a_fault(
    world: World, refuse: Callable[..., str]
) -> None:
    una = world.user(email="una@example.com")
    theirs = world.client(user_id=una.id, email="una@example.com")
    said = refuse({"kind": "order", "id": 1, "client": {"id": theirs + 5, "email": "una@example.com"}})
    assert f"client.id: the user of this address has the client record {theirs} already" in said


def test_at_most_fifty_bad_lines_are_listed(refuse: Callable[..., str]) -> None:
    said = refuse(*({"kind": "order"} for _ in range(60))).splitlines()
    assert said[0] == "Error: nothing was imported; 60 lines are at fault."
    assert said[1] == "line 1: id: is required."
    assert len(said) == 52
    assert said[-1] == "and 10 more lines."


def test_addresses_that_change_places_are_refused_with_a_sentence(
    world: World, bring: Import, refuse: Callable[..., str]
) -> None:
    one = {"kind": "user", "id": 1, "email": "one@example.com"}
    two = {"kind": "user", "id": 2, "email": "two@example.com"}
    bring(one, two)
    assert "contradict" in refuse({**one, "email": "two@example.com"}, {**two, "email": "one@example.com"})


def test_a_file_is_read_and_told_about_in_words(run: Run, world: World, tmp_path: Path) -> None:
    file = tmp_path / "orders.jsonl"
    file.write_text(jsonl({"kind": "order", "id": 1}, {"kind": "order", "id": 2}))
    result = run("import", file)
    assert result.exit_code == 0
    assert result.stdout == "2 records: 2 created, 0 updated. Properties changed: 0.\n"
    assert result.stderr == ""


def test_an_empty_file_is_no_fault(bring: Import) -> None:
    assert bring()["created"] == 0


def test_a_missing_file_is_bad_usage(run: Run) -> None:
    assert run("import", "/no/such/file").exit_code == 2


def test_ten_thousand_lines_go_in_batches(world: World, bring: Import) -> None:
    lines = [
        {
            "kind": "order",
            "id": 900_001 + number,
            "client": {"email": f"client{number % 3000}@example.com", "name": f"Client {number % 3000}"},
            "property": {**PLACE, "address": f"{number} Main St"},
        }
        for number in range(10_000)
    ]
    assert bring(*lines)["created"] == 10_000
    assert world.row("SELECT count(*) FROM clients")["count"] == 3000
    assert world.row("SELECT count(DISTINCT property_id) FROM orders")["count"] == 10_000


@pytest.mark.parametrize("zone", ["Mars/X", "Etc/GMT+6", "america/chicago"])
def test_a_name_that_is_no_zone_is_imported_with_a_warning_and_counts_as_absent(
    world: World, run: Run, zone: str
) -> None:
    line = {
        "kind": "order",
        "id": 5,
        "client": {"email": "c@example.com"},
        "property": {"iana": zone, "zip": "60601"},
    }
    result = run("import", "-", input=json.dumps(line))
    assert result.exit_code == 0
    assert "Warning, line 1" in result.stderr
    assert (
        world.row("SELECT p.time_zone FROM orders o JOIN properties p ON p.id = o.property_id")["time_zone"]
        == zone
    )
