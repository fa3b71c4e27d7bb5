"""Sessions without the front door: opening, ending, and forgetting those that have long been over."""

import secrets

import pytest

from models import database, passwords
from models.logins import end_session, forget_dead_sessions, open_session
from models.moment import now
from models.tokens import find_holder
from tests.api.logging_in import FAST
from tests.world import World


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(passwords, "HASHER", FAST)
    monkeypatch.setattr(passwords, "NOBODYS", FAST.hash("nobody's"))
    return secrets.token_urlsafe(12)


def test_a_session_begins_at_the_given_moment_and_ends_once(world: World, password: str):
    user = world.employee()
    world.execute("UPDATE users SET password_hash = :hash", hash=FAST.hash(password))
    moment = now()
    with database.transaction() as connection:
        opened = open_session(connection, user.email.upper(), password, world.application_id(), True, moment)
        assert opened is not None
        assert (opened.holder.created_at, opened.holder.last_used_at) == (moment, moment)
        assert (opened.holder.user_id, opened.holder.remember_me) == (user.id, True)
        assert find_holder(connection, opened.token) == opened.holder
        assert end_session(connection, opened.holder.token_id) is True
        assert end_session(connection, opened.holder.token_id) is False
        assert find_holder(connection, opened.token) is None


@pytest.mark.parametrize("email", ["nobody@example.com", "", "\x00", "\ud800@example.com", "x" * 5000])
def test_whoever_is_unknown_opens_nothing(world: World, password: str, email: str):
    with database.transaction() as connection:
        assert open_session(connection, email, password, world.application_id(), False, now()) is None


def test_an_application_token_is_not_ended_as_a_session(world: World):
    token = world.application_token()
    with database.transaction() as connection:
        holder = find_holder(connection, token)
        assert holder is not None
        assert end_session(connection, holder.token_id) is False
        assert find_holder(connection, token) is not None


def test_only_sessions_that_have_long_been_over_are_forgotten(world: World):
    user = world.employee()
    aged = {
        "over for a month": ("session", False, 38, None),
        "over": ("session", False, 36, None),
        "remembered": ("session", True, 999, None),
        "revoked long ago": ("session", True, 999, 31),
        "revoked": ("session", True, 999, 29),
        "of an application, revoked": ("application", False, 999, 999),
    }
    for label, (kind, remember_me, created, revoked) in aged.items():
        token = world.application_token() if kind == "application" else world.session_token(user.id)
        world.execute(
            "UPDATE tokens SET label = :label, remember_me = :remember_me,"
            " created_at = now() - make_interval(days => CAST(:created AS int)), last_used_at = now(),"
            " revoked_at = now() - make_interval(days => CAST(:revoked AS int)) WHERE public_id = :public_id",
            label=label,
            remember_me=remember_me,
            created=created,
            revoked=revoked,
            public_id=token.split("_")[1],
        )
    forgotten = []
    for _ in range(3):
        with database.transaction() as connection:
            forgotten.append(forget_dead_sessions(connection, days=30, limit=1))
    assert forgotten == [1, 1, 0]
    left = {row["label"] for row in world.rows("SELECT label FROM tokens")}
    assert aged.keys() - left == {"over for a month", "revoked long ago"}
