"""`flask users`: people are made, given passwords and roles, and listed; passwords are never arguments."""

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

from api.app import create_app as create_api
from models import passwords
from tests.api.logging_in import FAST, Logins
from tests.client import ApiClient
from tests.world import World

Run = Callable[..., Result]
RunJson = Callable[..., Any]


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that cost nothing."""
    monkeypatch.setattr(passwords, "HASHER", FAST)


@pytest.fixture
def password(fast: None) -> str:
    return secrets.token_urlsafe(12)


def test_who_was_made_with_a_password_can_log_in(run_json: RunJson, world: World) -> None:
    password = secrets.token_urlsafe(12)  # with the parameters of production, this once
    made = run_json(
        *(
            "users",
            "create",
            "--email",
            "Dana@Example.com",
            "--name",
            " Dana Whitfield ",
            "--phone",
            "303 555 0142",
        ),
        *("--duty", "Dispatcher", "--duty", "photographer", "--duty", "dispatcher", "--password-stdin"),
        input=password + "\n",
    )
    assert made["duties"] == ["dispatcher", "photographer"]
    row = world.row("SELECT name, phone, email FROM users WHERE id = :id", id=made["id"])
    assert row == {"name": "Dana Whitfield", "phone": "303 555 0142", "email": made["email"]}
    logins = Logins(ApiClient.in_process(create_api(), ""), world, password)
    reply = logins.log_in("dana@example.com")
    assert (reply.code, reply.body["session"]["roles"]) == (200, ["employee"])


def test_without_a_password_nobody_can_log_in_yet(run: Run, world: World) -> None:
    done = run("users", "create", "--email", "vic@example.com", "--name", "Vic")
    assert (done.exit_code, done.stdout) == (0, "User 1 was made.\n")
    assert "flask users set-password" in done.stderr
    assert world.row("SELECT password_hash FROM users")["password_hash"] is None
    assert world.rows("SELECT user_id FROM employees") == []


def test_a_prompt_asks_twice_and_shows_nothing(run: Run, world: World, password: str) -> None:
    world.user(email="vic@example.com")
    done = run("users", "set-password", "VIC@example.com", input=f"{password}\n{password}\n")
    assert (done.exit_code, done.stdout.strip()) == (0, "vic@example.com has a new password.")
    assert password not in done.output
    assert FAST.verify(world.row("SELECT password_hash FROM users")["password_hash"], password)


def test_a_new_password_ends_the_sessions(run: Run, world: World, password: str) -> None:
    user, other = world.employee(), world.employee()
    for _ in range(2):
        world.session_token(user.id)
    world.session_token(other.id)
    kept = run("users", "set-password", user.id, "--stdin", "--keep-sessions", input=password)
    assert kept.stdout.strip() == f"{user.email} has a new password."
    ended = run("users", "set-password", user.id, "--stdin", input=password)
    assert ended.stdout.strip() == f"{user.email} has a new password. 2 sessions were ended."
    open_ones = world.rows("SELECT user_id FROM tokens WHERE revoked_at IS NULL AND kind = 'session'")
    assert open_ones == [{"user_id": other.id}]


def test_an_employee_is_made_and_dismissed(run: Run, run_json: RunJson, world: World) -> None:
    user = world.user(email="pat@example.com")
    token = world.session_token(user.id)
    api = ApiClient.in_process(create_api(), token)
    assert run("users", "employ", "pat@example.com", "--duty", "photographer").stdout == (
        "pat@example.com is an employee: photographer.\n"
    )
    assert api.create().code == 200
    assert run("users", "employ", user.id).stdout == "pat@example.com is an employee, without duties.\n"
    assert run_json("users", "list")[0]["duties"] == []
    assert run("users", "dismiss", user.id).stdout == "pat@example.com is no employee any more.\n"
    assert api.create().status == "invalid-token"
    assert run("users", "dismiss", user.id).stdout == "pat@example.com is no employee.\n"


def test_a_duty_that_nothing_asks_for_is_told(run: Run, world: World) -> None:
    user = world.user()
    done = run("users", "employ", user.id, "--duty", "fotographer")
    assert done.exit_code == 0
    assert "fotographer is a duty that nothing here asks for" in done.stderr


def test_the_list_tells_roles_and_no_hashes(run: Run, run_json: RunJson, world: World) -> None:
    employee = world.photographer(email="pat@example.com")
    liaison = world.liaison(world.company())
    client = world.user()
    client_id = world.client(user_id=client.id)
    world.user()
    stored = FAST.hash("correct horse battery")
    world.execute("UPDATE users SET password_hash = :hash WHERE id = :id", hash=stored, id=employee.id)
    listed = run_json("users", "list")
    assert [one["roles"] for one in listed] == [["employee"], ["liaison"], ["client"], []]
    assert [one["has_password"] for one in listed] == [True, False, False, False]
    assert listed[1]["id"] == liaison.id
    assert (listed[0]["duties"], listed[2]["client_id"]) == (["photographer"], client_id)
    table = run("users", "list").stdout
    assert "pat@example.com" in table
    assert stored not in table + json.dumps(listed)


def test_an_empty_list_says_so(run: Run, run_json: RunJson) -> None:
    assert "There are no users yet" in run("users", "list").stdout
    assert run_json("users", "list") == []


@pytest.mark.parametrize(
    ("arguments", "given", "status", "sentence"),
    [
        (("create", "--email", "vic@example.com"), None, 2, "--name"),
        (("create", "--email", "vic", "--name", "Vic"), None, 2, "--email"),
        (("create", "--email", "v@example.com", "--name", " "), None, 2, "--name"),
        (("create", "--email", "v@example.com", "--name", "V", "--phone", "1" * 33), None, 2, "--phone"),
        (("create", "--email", "v@example.com", "--name", "V", "--duty", ""), None, 2, "--duty"),
        (("create", "--email", "UNA@example.com", "--name", "Una"), None, 1, "already"),
        (("create", "--email", "v@example.com", "--name", "V", "--password-stdin"), "short", 1, "12 to 256"),
        (("set-password", "nobody@example.com", "--stdin"), "x", 1, "There is no user nobody@example.com"),
        (("set-password", "99"), None, 1, "There is no user 99"),
        (("set-password", "una@example.com", "--stdin"), "x" * 5000, 1, "12 to 256"),
        (("set-password", "una@example.com", "--stdin"), "", 1, "12 to 256"),
        (("set-password", "una@example.com", "a-password-of-mine"), None, 2, "unexpected extra argument"),
        (("employ", "99"), None, 1, "There is no user 99"),
        (("dismiss", "99"), None, 1, "There is no user 99"),
    ],
)
def test_what_cannot_be_done_is_told(
    run: Run, world: World, arguments: tuple[str, ...], given: str | None, status: int, sentence: str
) -> None:
    world.user(email="una@example.com")
    done = run("users", *arguments, input=given)
    assert done.exit_code == status
    assert sentence in done.stderr
    assert len(world.rows("SELECT id FROM users")) == 1
    assert world.row("SELECT password_hash FROM users")["password_hash"] is None


def test_the_demos_employee_can_log_in_with_the_password_of_the_demo(run_json: RunJson, world: World) -> None:
    given = run_json("demo", "seed")["console_login"]
    logins = Logins(ApiClient.in_process(create_api(), ""), world, given["password"])
    assert logins.log_in(given["email"]).body["session"]["roles"] == ["employee"]
    assert run_json("demo", "seed")["console_login"] == given
