"""Laws 6 and 7: a route is a declaration with its callers; one table of statuses, one registry of parameters."""

import ast
from dataclasses import replace

import pytest

from api.app import ROUTES
from api.appointment_params import CREATE_PARAMS
from api.appointments import create
from api.caller import APPLICATION_ROLE, WITHOUT_ROLE
from api.routes import ANYBODY, EVERY_ROLE
from api.sessions import create as sessions_create
from api.statuses import STATUS, STATUSES
from models.accounts import ROLES
from models.clock.supplied import FIELD_NAMES
from models.tables import metadata
from tests.contracts.source import calls, modules, texts
from tests.world import World

API = {name: tree for name, tree in modules().items() if name.startswith("api")}


@pytest.mark.parametrize("callers", [frozenset(), frozenset({"everybody"}), frozenset({"client", "guest"})])
def test_a_route_that_does_not_declare_its_callers_does_not_start(callers: frozenset[str]):
    with pytest.raises(ValueError, match="which roles may call it"):
        replace(create.ROUTE, callers=callers)


def test_only_an_open_route_is_open_to_anybody_and_it_has_to_say_so():
    with pytest.raises(ValueError, match="which roles may call it"):
        replace(create.ROUTE, callers=ANYBODY)
    for callers in (frozenset(), frozenset({"client"}), ANYBODY | {"client"}, frozenset({"everybody"})):
        with pytest.raises(ValueError, match="which roles may call it"):
            replace(sessions_create.ROUTE, callers=callers)
    with pytest.raises(ValueError, match="which roles may call it"):
        replace(sessions_create.ROUTE, params=create.ROUTE.params)  # one of them is a token
    assert [route.path for route in ROUTES if route.callers == ANYBODY] == ["/api/v1/sessions/create"]


def test_users_without_a_role_register_and_leave_and_do_nothing_else():
    reached = {route.path for route in ROUTES if WITHOUT_ROLE in route.callers}
    assert reached == {"/api/v1/users/client_register", "/api/v1/sessions/end"}


def test_callers_cannot_be_left_out():
    with pytest.raises(TypeError, match="callers"):
        type(create.ROUTE)(  # type: ignore[call-arg]
            method="GET",
            path="/api/v1/x",
            service="x",
            purpose="",
            params=create.ROUTE.params,
            act=create.create,
        )


def test_a_route_is_under_the_versioned_path():
    with pytest.raises(ValueError, match="/api/v1/"):
        replace(create.ROUTE, path="/appointments/create")


def test_a_path_is_fixed_text():
    with pytest.raises(ValueError, match="say by parameters which record is meant"):
        replace(create.ROUTE, path="/api/v1/appointments/<id>/parking")


def test_the_roles_are_the_contracts():
    assert set(ROLES) | {APPLICATION_ROLE} == EVERY_ROLE == {"application", "employee", "liaison", "client"}


def test_no_two_routes_are_the_same():
    keys = [route.key for route in ROUTES]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_every_route_is_declared_whole_and_has_its_record(route, world: World):
    assert route.callers
    assert route.purpose.endswith(".")
    record = world.row(
        "SELECT s.slug FROM routes r JOIN services s ON s.id = r.service_id WHERE method = :m AND path = :p",
        m=route.method,
        p=route.path,
    )
    assert record["slug"] == route.service


def test_no_status_is_spelled_out_beside_the_table():
    for name, tree in API.items():
        if name != "api.statuses":
            assert not {said for said in texts(tree) if said in STATUS}, name


def test_every_status_has_one_row():
    assert len(STATUSES) == len(STATUS) == len({row.description for row in STATUSES})


def test_no_http_code_is_chosen_beside_the_table():
    for name, tree in API.items():
        for called, call in calls(tree):
            if called.endswith(("abort", "make_response")):
                raise AssertionError(f"{name}:{call.lineno} answers without the table of statuses")


def test_parameters_are_declared_once():
    declared: dict[str, list[str]] = {}
    for name, tree in API.items():
        for called, call in calls(tree):
            if called == "Param":
                (given,) = (keyword.value for keyword in call.keywords if keyword.arg == "name")
                declared.setdefault(ast.literal_eval(given), []).append(name)
    assert {param.name for param in CREATE_PARAMS} <= declared.keys()
    assert {name: places for name, places in declared.items() if len(places) > 1} == {}


def test_every_parameter_of_an_appointment_has_its_column():
    columns = metadata.tables["appointments"].columns.keys()
    of_the_request = {"token", "application", "session_view"}
    assert {param.name for param in CREATE_PARAMS} - set(columns) == of_the_request


def test_what_the_clocks_read_are_parameters():
    assert set(FIELD_NAMES) - {"time_duration_read"} <= {param.name for param in CREATE_PARAMS}
