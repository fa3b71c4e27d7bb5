"""`flask routes`: the operator's switch."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from api.app import ROUTES
from api.app import create_app as create_api
from models.switchboard import switchboard
from tests.client import CREATE, ApiClient
from tests.stack import ROOT
from tests.world import World

Run = Callable[..., Result]
RunJson = Callable[..., Any]


def status_of_create(world: World) -> str:
    switchboard.forget()
    return ApiClient.in_process(create_api(), world.application_token()).create().status


@pytest.mark.parametrize("words", [("POST", CREATE), (f"post {CREATE}",), (CREATE,)])
def test_a_retired_route_is_not_found_until_it_is_deployed(
    run: Run, world: World, words: tuple[str, ...]
) -> None:
    retired = run("routes", "retire", *words)
    assert retired.exit_code == 0
    assert "within 3 seconds" in retired.stdout
    assert status_of_create(world) == "route-not-found"
    assert run("routes", "deploy", *words).exit_code == 0
    assert status_of_create(world) == "action-successful"


def test_a_retired_service_is_not_found(run: Run, world: World) -> None:
    assert run("routes", "retire", "--service", "appointments").exit_code == 0
    assert status_of_create(world) == "service-not-found"
    assert run("routes", "deploy", "--service", "appointments").exit_code == 0
    assert status_of_create(world) == "action-successful"


def test_the_list_joins_the_registry_with_the_records(run: Run, run_json: RunJson) -> None:
    run("routes", "retire", "POST", CREATE)
    listed = run_json("routes", "list")
    assert [(row["method"], row["path"]) for row in listed] == [route.key for route in ROUTES]
    states = {row["path"]: (row["deployed"], row["service_deployed"]) for row in listed}
    assert states[CREATE] == (False, True)
    assert f"POST    {CREATE}" in run("routes", "list").stdout


def test_a_route_without_a_record_gets_one(run: Run, world: World) -> None:
    # Of this one only: the others' are there for all tests.
    world.execute("DELETE FROM routes WHERE path = :path", path=CREATE)
    assert run("routes", "retire", CREATE).exit_code == 0
    assert status_of_create(world) == "route-not-found"


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("retire", "/api/v1/appointments/creat"), 1, f"  POST {CREATE}"),
        (("retire", "GET", CREATE), 1, f"  POST {CREATE}"),
        (
            ("retire", "--service", "orders"),
            1,
            "there are appointments, notifications, sessions, users, webhooks.",
        ),
        (("retire",), 2, "Name one route"),
        (("retire", CREATE, "--service", "appointments"), 2, "Name one route"),
    ],
)
def test_what_is_not_known_is_told(run: Run, arguments: tuple[str, ...], status: int, sentence: str) -> None:
    result = run("routes", *arguments)
    assert result.exit_code == status
    assert sentence in result.stderr


def test_the_flask_program_finds_our_routes_before_its_own(var_dir: Path) -> None:
    """Flask has a `routes` command of its own; the entry point of the installed project comes first."""
    listed = subprocess.run(
        [str(Path(sys.executable).with_name("flask")), "routes", "list", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert CREATE in listed.stdout
