"""How often somebody may try to log in: by account, by address, for all processes, and without Redis."""

import secrets
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import redis
from limits import RateLimitItemPerSecond

from api import login_throttle
from api.app import create_app
from api.login_throttle import (
    OF_ACCOUNT,
    OF_ADDRESS,
    PAUSE_S,
    REDIS_TIMEOUT_S,
    LoginThrottle,
    TooManyLoginsError,
    network,
)
from models import passwords
from models.moment import now
from settings import get_settings
from tests.api.logging_in import CREATE, Logins
from tests.client import ApiClient
from tests.servers import running_redis
from tests.waiting import eventually
from tests.world import World

SECRET = b"of the tests"
HOME, AWAY = "192.0.2.7", "198.51.100.9"


def counts(url: str | None = None, prefix: str | None = None) -> LoginThrottle:
    return LoginThrottle(url or get_settings().redis_url, SECRET, prefix or f"tests-{secrets.token_hex(6)}")


@pytest.fixture
def throttle(configured: None) -> LoginThrottle:
    return counts()


def fail(throttle: LoginThrottle, email: str, address: str, times: int = 1) -> None:
    for _ in range(times):
        throttle.admit(email, address, now())
        throttle.failed(address)


def refused(throttle: LoginThrottle, email: str, address: str) -> TooManyLoginsError:
    with pytest.raises(TooManyLoginsError) as refusal:
        throttle.admit(email, address, now())
    return refusal.value


def test_an_account_is_throttled_from_wherever_and_no_other_is(throttle: LoginThrottle):
    for number in range(OF_ACCOUNT.amount):
        fail(throttle, "ada@example.com", f"192.0.2.{number}")
    many = refused(throttle, " ADA@example.com", AWAY)
    assert 14 * 60 < many.retry_after_s <= 15 * 60
    assert many.sentence == "There were too many failed log-ins for this account. Try again in 15 minutes."
    fail(throttle, "bob@example.com", "192.0.2.1")


def test_an_address_is_throttled_whatever_the_account(throttle: LoginThrottle):
    for number in range(OF_ADDRESS.amount):
        fail(throttle, f"user{number}@example.com", HOME)
    many = refused(throttle, "another@example.com", HOME)
    assert "from this network address" in many.sentence
    fail(throttle, "another@example.com", AWAY)


def test_a_success_frees_the_account_and_counts_for_no_address(throttle: LoginThrottle):
    for _ in range(OF_ADDRESS.amount + 1):
        throttle.admit("ada@example.com", HOME, now())
        throttle.succeeded("Ada@example.com")
    fail(throttle, "ada@example.com", HOME, OF_ACCOUNT.amount)
    refused(throttle, "ada@example.com", HOME)


def test_the_wait_ends_when_it_was_said_to_end(configured: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(login_throttle, "OF_ACCOUNT", RateLimitItemPerSecond(1))
    throttle = counts()
    fail(throttle, "ada@example.com", HOME)
    assert refused(throttle, "ada@example.com", HOME).retry_after_s == 1

    def admitted() -> bool:
        try:
            throttle.admit("ada@example.com", HOME, now())
        except TooManyLoginsError:
            return False
        return True

    eventually(admitted, within_s=5, what="the account opens again")


def test_all_processes_count_together(configured: None):
    prefix = f"tests-{secrets.token_hex(6)}"
    fail(counts(prefix=prefix), "ada@example.com", HOME, OF_ACCOUNT.amount)
    refused(counts(prefix=prefix), "ada@example.com", AWAY)


def test_redis_learns_neither_addresses_nor_accounts_and_forgets(configured: None):
    prefix = f"tests-{secrets.token_hex(6)}"
    fail(counts(prefix=prefix), "ada@example.com", HOME)
    client = redis.Redis.from_url(get_settings().redis_url)
    keys = [key.decode() for key in client.scan_iter(f"{prefix}*")]
    assert len(keys) == 2
    assert not any("ada" in key or HOME in key for key in keys)
    assert all(0 < client.ttl(key) <= 15 * 60 for key in keys)
    client.close()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("", "", True),
        ("no address", "192.0.2.7", False),
    ],
)
def test_what_counts_as_one_address(one: str, other: str, same: bool):
    assert (network(one) == network(other)) is same


@pytest.fixture
def hanging() -> Iterator[str]:
    """The URL of a Redis that accepts connections and says nothing."""
    with running_redis() as server, server.suspended():
        yield server.url


def test_a_redis_that_hangs_is_waited_for_once_and_briefly(hanging: str):
    throttle = counts(hanging)
    began = time.monotonic()
    throttle.admit("ada@example.com", HOME, now())
    first = time.monotonic() - began
    fail(throttle, "ada@example.com", HOME, OF_ACCOUNT.amount - 1)
    rest = time.monotonic() - began - first
    assert first < 1  # two tenths of a second, and what a busy machine adds
    assert rest < (OF_ACCOUNT.amount - 1) * REDIS_TIMEOUT_S / 2  # each of them would wait
    refused(throttle, "ada@example.com", AWAY)


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1/0", "amqp://127.0.0.1:1", "redis://user:wrong@127.0.0.1:1"]
)
def test_without_redis_each_process_counts_for_itself(url: str):
    throttle = counts(url)
    fail(throttle, "ada@example.com", HOME, OF_ACCOUNT.amount)
    refused(throttle, "ada@example.com", HOME)
    fail(counts(url), "ada@example.com", HOME)


def test_redis_is_asked_again_after_a_pause(monkeypatch: pytest.MonkeyPatch):
    with running_redis() as server:
        throttle = counts(server.url)
        server.kill()
        fail(throttle, "ada@example.com", HOME)
        server.start()
        late = time.monotonic() + PAUSE_S
        monkeypatch.setattr(login_throttle.time, "monotonic", lambda: late)
        fail(throttle, "ada@example.com", HOME)
        client = redis.Redis.from_url(server.url)
        assert client.dbsize() == 2
        client.close()


# --- at the front door ---


def test_too_many_failures_are_answered_without_looking_at_the_password(
    logins: Logins, world: World, monkeypatch: pytest.MonkeyPatch
):
    user = logins.give_password(world.employee())
    looked: list[str] = []
    monkeypatch.setattr("models.logins.is_password", lambda stored, password: bool(looked.append(password)))
    for _ in range(OF_ACCOUNT.amount):
        assert logins.log_in(user.email, "wrong password").status == "invalid-credentials"
    reply = logins.log_in(user.email)
    assert (reply.code, reply.status) == (429, "rate-limit-exceeded")
    assert 14 * 60 < int(reply.headers["retry-after"]) <= 15 * 60
    assert len(looked) == OF_ACCOUNT.amount
    assert "too many failed log-ins for this account" in reply.body["message"]


def test_an_account_that_does_not_exist_is_throttled_alike(logins: Logins):
    statuses = [
        logins.log_in("nobody@example.com", "wrong password").status for _ in range(OF_ACCOUNT.amount + 1)
    ]
    assert statuses == ["invalid-credentials"] * OF_ACCOUNT.amount + ["rate-limit-exceeded"]


def test_faulty_requests_do_not_count(logins: Logins, world: World):
    user = logins.give_password(world.employee())
    for _ in range(OF_ACCOUNT.amount + 1):
        assert logins.log_in(user.email, "").status == "missing-param"
    assert logins.log_in(user.email).code == 200


def test_a_rush_is_told_to_come_back_in_a_second(
    logins: Logins, world: World, monkeypatch: pytest.MonkeyPatch
):
    def busy(*_given: Any) -> bool:
        raise passwords.PasswordsBusyError

    monkeypatch.setattr("models.logins.is_password", busy)
    reply = logins.log_in(world.employee().email)
    assert (reply.status, reply.headers["retry-after"]) == ("rate-limit-exceeded", "1")


@pytest.mark.parametrize(
    ("proxies", "forwarded", "counted"),
    [
        (0, "192.0.2.7", "127.0.0.1"),
        (1, "192.0.2.7", "192.0.2.7"),
        (1, "203.0.113.5, 192.0.2.7", "192.0.2.7"),
        (2, "203.0.113.5, 192.0.2.7, 198.51.100.9", "192.0.2.7"),
        (2, "192.0.2.7", "127.0.0.1"),
    ],
)
def test_only_trusted_proxies_say_which_address_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch, proxies: int, forwarded: str, counted: str
):
    seen: list[str] = []
    monkeypatch.setattr("api.sessions.create.log_in", lambda *_given, address, **_named: seen.append(address))
    monkeypatch.setenv("TRUSTED_PROXIES", str(proxies))
    get_settings.cache_clear()
    try:
        behind = ApiClient.in_process(create_app(), "")
        params = {"email": "ada@example.com", "password": "x"}
        Logins(behind, world).sensitive(CREATE, params, X_Forwarded_For=forwarded)
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    assert seen == [counted]


def test_the_moment_of_a_retry_is_within_the_window(throttle: LoginThrottle):
    """A clock of ours that is off must not send anybody away for hours."""
    fail(throttle, "ada@example.com", HOME, OF_ACCOUNT.amount)
    with pytest.raises(TooManyLoginsError) as early:
        throttle.admit("ada@example.com", HOME, now() - timedelta(hours=3))
    with pytest.raises(TooManyLoginsError) as late:
        throttle.admit("ada@example.com", HOME, now() + timedelta(hours=3))
    assert (early.value.retry_after_s, late.value.retry_after_s) == (15 * 60, 1)
