"""How much one caller may ask: limits per token and per address, counted together and cheaply."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import time_machine

from api import rate_limits
from api.app import create_app
from api.rate_limits import ASK_AGAIN_S, PATIENCE_S, Limiter, Rate, read_rate
from settings import Settings, get_settings
from tests.client import ApiClient
from tests.conftest import running_redis
from tests.tasks.mail.wire_server import unused_port
from tests.world import World

Limited = Callable[..., ApiClient]


@pytest.fixture
def shared(redis_url: str) -> Iterator[redis.Redis]:
    """The counters that all processes share, empty."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
        yield client


@pytest.fixture
def limited(world: World, shared: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[Limited]:
    """Makes a front door with other limits: `limited(RATE_LIMIT_SESSIONS="2 per hour")`."""

    def open_door(**limits: str) -> ApiClient:
        for name, value in limits.items():
            monkeypatch.setenv(name, value)
        get_settings.cache_clear()
        return ApiClient.in_process(create_app(), world.application_token())

    yield open_door
    monkeypatch.undo()
    get_settings.cache_clear()
    rate_limits.set_up()


def rate(spelled: str) -> Rate:
    made = read_rate("application", spelled)
    assert made is not None
    return made


def granted(limiter: Limiter, limit: Rate, times: int, key: str = "1") -> int:
    return sum(not limiter.take(limit, key).is_refused for _ in range(times))


# -- what a caller sees


def test_what_is_left_stands_in_the_headers(limited: Limited) -> None:
    reply = limited(RATE_LIMIT_APPLICATIONS="10 per hour").create()
    assert reply.code == 200
    assert reply.headers["ratelimit-policy"] == '"application";q=10;w=3600'
    assert reply.headers["ratelimit"] == '"application";r=9;t=3600'
    assert "retry-after" not in reply.headers


def test_one_too_many_is_refused_as_the_contract_says(limited: Limited) -> None:
    api = limited(RATE_LIMIT_APPLICATIONS="2 per hour")
    replies = [api.create() for _ in range(3)]
    assert [reply.status for reply in replies] == ["action-successful"] * 2 + ["rate-limit-exceeded"]
    refused = replies[-1]
    assert (refused.code, refused.body["code"], refused.body["data"]) == (429, 429, {})
    assert "Retry-After" in refused.body["errors"][0]["hint"]
    assert 0 < int(refused.headers["retry-after"]) <= 3600
    assert refused.headers["ratelimit"].startswith('"application";r=0;t=')


def test_each_token_has_its_own_limit(limited: Limited, world: World) -> None:
    api = limited(RATE_LIMIT_APPLICATIONS="1 per hour")
    assert [api.create().code, api.create().code] == [200, 429]
    assert api.with_token(world.application_token()).create().code == 200


def test_sessions_have_a_limit_of_their_own(limited: Limited, world: World) -> None:
    api = limited(RATE_LIMIT_SESSIONS="1 per hour", RATE_LIMIT_APPLICATIONS="off")
    session = api.with_token(world.session_token(world.employee().id))
    assert [session.create().code, session.create().code] == [200, 429]
    replies = [api.create() for _ in range(3)]
    assert [reply.code for reply in replies] == [200] * 3
    assert "ratelimit" not in replies[0].headers


@pytest.mark.parametrize("spelled", ["", "5", "0 per second", "5 per fortnight", "-1 per minute", "5/second"])
def test_a_rate_that_cannot_be_read_is_refused_at_the_start(spelled: str) -> None:
    with pytest.raises(ValueError, match="A rate limit is off, or a number per second"):
        Settings(rate_limit_sessions=spelled)


# -- tokens that are not valid


def test_too_many_wrong_tokens_from_one_address_are_refused(limited: Limited) -> None:
    api = limited(RATE_LIMIT_FAILURES="3 per hour")
    wrong = api.with_token("application_0123456789abcdef_" + "x" * 43)
    assert [wrong.create().code for _ in range(4)] == [401, 401, 401, 429]
    refused = wrong.create()
    assert refused.status == "rate-limit-exceeded"
    assert int(refused.headers["retry-after"]) > 0
    assert api.create().code == 200, "a valid token from the same address goes on working"


def test_no_token_reaches_redis(limited: Limited, shared: redis.Redis) -> None:
    api = limited(RATE_LIMIT_FAILURES="3 per hour", RATE_LIMIT_APPLICATIONS="10 per hour")
    api.create()
    api.with_token("application_0123456789abcdef_" + "x" * 43).create()
    keys = b" ".join(shared.keys())
    assert keys.count(b"rate-limits:") == 2
    assert api.token.encode() not in keys
    assert b"0123456789abcdef" not in keys


# -- lots


@pytest.mark.parametrize(
    ("spelled", "lot"),
    [
        ("1 per hour", 1),
        ("39 per hour", 1),
        ("300 per second", 15),
        ("2000 per hour", 100),
        ("9000 per hour", 100),
    ],
)
def test_a_lot_is_a_twentieth_of_the_limit_and_never_more_than_a_hundred(spelled: str, lot: int) -> None:
    assert rate(spelled).lot == lot


def test_two_processes_share_a_limit_to_within_a_lot_each(shared: redis.Redis, redis_url: str) -> None:
    limit = rate("400 per hour")
    one, other = Limiter(redis_url), Limiter(redis_url)
    assert granted(one, limit, 150) == 150
    assert granted(other, limit, 150) == 150
    assert granted(one, limit, 300) + granted(other, limit, 300) <= 100 + 2 * limit.lot
    assert int(shared.get(shared.keys()[0])) >= 400


def test_a_lot_costs_one_question(shared: redis.Redis, redis_url: str) -> None:
    limiter, limit = Limiter(redis_url), rate("2000 per second")
    limiter.take(limit, "1")
    before = shared.info("commandstats")["cmdstat_evalsha"]["calls"]
    granted(limiter, limit, limit.lot - 1)
    assert shared.info("commandstats")["cmdstat_evalsha"]["calls"] == before


def test_many_threads_get_no_more_than_the_limit(shared: redis.Redis, redis_url: str) -> None:
    limiter, limit = Limiter(redis_url), rate("500 per hour")
    start = threading.Barrier(8)

    def ask(_: int) -> int:
        start.wait(5)
        return granted(limiter, limit, 100)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 500


def test_a_window_that_is_over_gives_new_permits(unused: str) -> None:
    moment = [0.0]
    limiter, limit = Limiter(unused, clock=lambda: moment[0]), rate("2 per second")
    # The window in memory goes by the host's clock.
    with time_machine.travel("2026-11-22T12:00:00Z", tick=False) as host:
        assert granted(limiter, limit, 3) == 2
        moment[0] += 1.01
        host.shift(1.01)
        assert granted(limiter, limit, 3) == 2


# -- Redis is away


@pytest.fixture
def unused() -> str:
    """The URL of a Redis that is not there."""
    return f"redis://127.0.0.1:{unused_port()}/0"


def test_without_redis_each_process_counts_for_itself(limited: Limited, unused: str) -> None:
    api = limited(REDIS_URL=unused, RATE_LIMIT_APPLICATIONS="2 per hour")
    assert [api.create().code for _ in range(3)] == [200, 200, 429]


def test_a_silent_redis_costs_one_request_a_moment_and_the_others_nothing() -> None:
    with running_redis() as server:
        limiter, limit = Limiter(server.url), rate("30 per hour")
        limiter.take(limit, "before")
        with server.suspended():
            started = time.monotonic()
            assert not limiter.take(limit, "1").is_refused
            assert time.monotonic() - started < 10 * PATIENCE_S  # two, and what a busy machine adds
            started = time.monotonic()
            assert granted(limiter, limit, 30) == 29
            assert time.monotonic() - started < 15 * PATIENCE_S  # each would wait: the limit's lot is one


def test_redis_is_asked_again_after_a_while() -> None:
    moment = [0.0]
    limit = rate("5 per hour")
    with running_redis() as server:
        limiter = Limiter(server.url, clock=lambda: moment[0])
        with server.suspended():
            limiter.take(limit, "1")
        assert granted(limiter, limit, 1) == 1
        with redis.Redis.from_url(server.url) as client:
            client.flushdb()
            limiter.take(limit, "1")
            assert client.keys() == []
            moment[0] += ASK_AGAIN_S
            limiter.take(limit, "1")
            assert len(client.keys()) == 1
