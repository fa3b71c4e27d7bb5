"""What is no parameter of a route changes nothing, and an id of somebody else's is as good as none (API1, API3).

The names are those of columns that a request must not reach, and of members of answers, which a client might send back
as they came.
"""

import json
import re
from typing import Any
from urllib.parse import quote

import pytest

from api.app import ROUTES
from api.routes import Route
from models.tables import metadata
from tests.security.callers import Callers, next_stamp, send
from tests.world import World

OURS = (
    *(
        "id_",
        "caller_user_id",
        "caller_role",
        "caller_application_id",
        "fingerprint",
        "idempotency_key",
        "state",
    ),
    *(
        "starts_at",
        "stops_at",
        "reconciled_at",
        "zone_name",
        "sequence",
        "request_id",
        "role",
        "roles",
        "user_id",
    ),
    *("is_employee", "admits", "company_id", "client_email", "send_id", "lease_token", "attempts", "kind"),
    *("callers", "__proto__", "__class__", "constructor", "data", "session", "code", "status_"),
)
TABLES = ("appointments", "commands", "notifications", "clients", "users", "employees", "orders")


def columns() -> set[str]:
    """Every column of the tables that requests write to."""
    return {column.name for table in TABLES for column in metadata.tables[table].columns}


ROUTES_WITH_TOKEN = [route for route in ROUTES if type(route) is Route]


@pytest.mark.parametrize("route", ROUTES_WITH_TOKEN, ids=lambda route: f"{route.method} {route.path}")
def test_names_that_are_no_parameters_are_told_and_change_nothing(callers: Callers, route: Route) -> None:
    """The same request with and without them leaves the same rows."""
    foreign = sorted((columns() | set(OURS)) - set(route.params.names))
    who = "no role" if route.callers == {"without-role"} else "employee"
    name = {"no role": "Nora Norole", "employee": "Emma Employee"}[who]
    user = callers.world.row("SELECT id FROM users WHERE name = :name", name=name)["id"]
    # So many unknown names get a warning of their own each.
    for some in (foreign[at : at + 50] for at in range(0, len(foreign), 50)):
        token = callers.world.session_token(user)
        params = {**given(callers, route), **dict.fromkeys(some, "employee")}
        before = rows(callers.world) if route.method == "GET" else []
        reply = send(callers.api, route, params, Authorization=f"Bearer {token}")
        assert reply.code in (200, 400, 403), reply.body
        assert "employee" not in json.dumps(written(callers.world)), some
        if reply.code == 200:
            assert set(some) <= {str(name) for name in reply.warned}, some
        if route.method == "GET":
            assert rows(callers.world) == before


def given(callers: Callers, route: Route) -> dict[str, Any]:
    params: dict[str, Any] = {"updated_at_mt": next_stamp(), "email": "right@example.com"}
    if "ids" in route.params:
        params["ids"] = str(callers.notification())
    if "id" in route.params:
        of_appointment = route.path.startswith("/api/v1/appointments")
        params["id"] = callers.appointment("the order's") if of_appointment else callers.notification()
    return {name: value for name, value in params.items() if name in route.params}


def written(world: World) -> list[Any]:
    """Every text of the records, but for what names the caller on purpose."""
    return [
        *world.rows("SELECT to_jsonb(a) - 'caller_role' AS row FROM appointments a"),
        *world.rows("SELECT to_jsonb(c) AS row FROM commands c"),
        *world.rows("SELECT to_jsonb(n) AS row FROM notifications n"),
        *world.rows("SELECT to_jsonb(c) AS row FROM clients c"),
    ]


def rows(world: World) -> list[Any]:
    return json.loads(json.dumps([written(world), world.rows("SELECT id FROM audit_entries")], default=str))


def test_the_caller_is_who_holds_the_token_whatever_is_said(callers: Callers, world: World) -> None:
    employee = world.row("SELECT id FROM users WHERE name = 'Emma Employee'")["id"]
    client = callers.api.with_token(str(callers.tokens["client"]))
    made = client.create(
        {"order_id": callers.order.id, "created_by": "Emma Employee", "confirmed_by": "Emma"},
        caller_user_id=employee,
        caller_role="employee",
        role="employee",
    )
    row = world.appointment(made.appointment["id"])
    carla = world.row("SELECT id FROM users WHERE name = 'Carla Client'")["id"]
    assert (row["caller_role"], row["caller_user_id"]) == ("client", carla)
    assert row["created_by"] == "Emma Employee", "a display string, kept as sent; the caller stands beside it"


@pytest.mark.parametrize("name", ["id", "uuid"])
def test_ids_cannot_be_tried_out(callers: Callers, world: World, name: str) -> None:
    """Neighbours of one's own id, uuids of others, and ids that are not there: one answer for all."""
    own, others = callers.appointment("the order's"), callers.appointment("the office's")
    values: list[object] = [others, own + 50, 2**62]
    if name == "uuid":
        foreign = str(world.appointment(others)["uuid"])
        values = [foreign, foreign.replace(foreign[0], "0", 1), "00000000-0000-4000-8000-000000000000"]
    for route in ROUTES_WITH_TOKEN:
        if (
            route.path.startswith("/api/v1/appointments/")
            and name in route.params
            and "/create" not in route.path
        ):
            said = set()
            for value in values:
                params = {name: value, **({"updated_at_mt": next_stamp()} if route.method == "PUT" else {})}
                reply = callers.ask("client", route, params)
                told = json.dumps({**reply.body, "request_id": None}).replace(str(value), "…")
                said.add((reply.code, told))
            assert len(said) == 1, route.path
            assert next(iter(said))[0] == 400


def test_a_uuid_of_somebody_elses_tells_no_id(callers: Callers, world: World) -> None:
    theirs = callers.appointment("the office's")
    uuid = str(world.appointment(theirs)["uuid"])
    refused = callers.api.with_token(str(callers.tokens["stranger"])).create(uuid=uuid, summary="Mine")
    assert refused.faults == {"uuid": "invalid-param"}
    assert not re.search(rf"\b{theirs}\b", json.dumps({**refused.body, "request_id": None}).replace(uuid, ""))


def test_a_cursor_of_somebody_elses_opens_nothing_more(callers: Callers) -> None:
    for _ in range(3):
        callers.appointment("the office's")
    index = next(route for route in ROUTES_WITH_TOKEN if route.path.endswith("appointments/index"))
    cursor = callers.ask("employee", index, {"limit": 1}).body["data"]["next_cursor"]
    assert cursor
    theirs = callers.ask("stranger", index, {"limit": 1, "cursor": quote(cursor, safe="")})
    assert theirs.code in (200, 400)
    assert theirs.body["data"].get("appointments", []) == []
