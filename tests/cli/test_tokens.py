"""`flask tokens`: shown once, listed without their secrets, revoked at once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import Result

from api.app import create_app as create_api
from tests.client import ApiClient
from tests.world import World

Run = Callable[..., Result]
RunJson = Callable[..., Any]


def status_with(token: str) -> str:
    return ApiClient.in_process(create_api(), token).create().status


def test_an_application_token_works_until_it_is_revoked(run: Run, world: World) -> None:
    result = run("tokens", "create", "--application", "planoorder", "--label", "nightly export")
    assert result.exit_code == 0
    token = result.stdout.strip()
    assert "shown once" in result.stderr
    assert status_with(token) == "action-successful"

    public_id = token.split("_")[1]
    assert run("tokens", "revoke", public_id).stdout == "Revoked.\n"
    assert status_with(token) == "invalid-token"
    assert run("tokens", "revoke", public_id).stdout == "It had been revoked already.\n"


@pytest.mark.parametrize("by", ["email", "id"])
def test_a_session_token_is_a_persons(run_json: RunJson, world: World, by: str) -> None:
    person = world.employee(email="Emma@example.com")
    made = run_json(
        *("tokens", "create", "--application", "planoauth"),
        *("--user", "emma@EXAMPLE.com" if by == "email" else person.id, "--remember-me"),
    )
    assert made["kind"] == "session"
    assert made["user"] == {"id": person.id, "email": "Emma@example.com"}
    assert made["remember_me"] is True
    assert status_with(made["token"]) == "action-successful"


def test_the_list_tells_states_and_no_secrets(run: Run, run_json: RunJson, world: World) -> None:
    person = world.employee()
    active = world.application_token()
    revoked = world.application_token("planox2")
    idle = world.session_token(person.id, idle=timedelta(hours=73))
    old = world.session_token(person.id, age=timedelta(days=8))
    remembered = world.session_token(person.id, age=timedelta(days=99), remember_me=True)
    run("tokens", "revoke", revoked.split("_")[1])

    listed = run_json("tokens", "list")
    states = {token["public_id"]: token["state"] for token in listed}
    assert states == {
        active.split("_")[1]: "active",
        revoked.split("_")[1]: "revoked",
        idle.split("_")[1]: "expired",
        old.split("_")[1]: "expired",
        remembered.split("_")[1]: "active",
    }
    assert set(listed[0]) == {
        *(
            "public_id",
            "kind",
            "application",
            "user",
            "label",
            "remember_me",
            "created_at",
            "last_used_at",
            "state",
        )
    }
    for shown in (run("tokens", "list").stdout, run("tokens", "list", "--json").stdout):
        assert not any(token.split("_", 2)[2] in shown for token in (active, revoked, idle, old, remembered))


def test_an_empty_list_says_so(run: Run, run_json: RunJson) -> None:
    assert "There are no tokens yet" in run("tokens", "list").stdout
    assert run_json("tokens", "list") == []


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("create", "--application", "plano"), 1, "there are planoauth, planoorder, planox2."),
        (("create", "--application", "planoauth", "--user", "no@example.com"), 1, "There is no user"),
        (("create", "--application", "planoauth", "--user", "12"), 1, "There is no user 12"),
        (("create", "--application", "planoauth", "--remember-me"), 2, "--user"),
        (("create",), 2, "--application"),
        (("revoke", "0123456789abcdef"), 1, "There is no token"),
        (("revoke",), 2, "PUBLIC_ID"),
    ],
)
def test_what_cannot_be_done_is_told(
    run: Run, arguments: tuple[str, ...], status: int, sentence: str
) -> None:
    result = run("tokens", *arguments)
    assert result.exit_code == status
    assert sentence in result.stderr
    assert result.stdout == ""


def test_all_sessions_are_revoked_at_once_or_those_of_one_person(run: Run, world: World) -> None:
    one, other = world.user(), world.user()
    for user in (one, one, other):
        world.session_token(user.id)
    world.application_token()
    assert run("tokens", "revoke", "--sessions", "--user", one.email).stdout == (
        f"2 sessions of {one.email} revoked.\n"
    )
    assert run("tokens", "revoke", "--sessions").stdout == "1 session revoked.\n"
    left = world.rows("SELECT kind FROM tokens WHERE revoked_at IS NULL")
    assert left == [{"kind": "application"}]
    assert run("tokens", "revoke").exit_code == 2
    assert run("tokens", "revoke", "--user", one.email, "0123456789abcdef").exit_code == 2
