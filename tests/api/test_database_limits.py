"""A database that is slow, locked or used up costs a request a bounded wait, and never a pile of requests.

The bounds are those of the connection and the pool, made small here; a lock is really held and a pool really used
up, for longer than any request waits.
"""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.app import create_app
from models import bounded_connection, database
from models.switchboard import switchboard
from settings import get_settings
from tests.client import ApiClient
from tests.world import World

LOCK_TIMEOUT_S, STATEMENT_TIMEOUT_S, POOL_TIMEOUT_S = 0.3, 0.6, 0.3
POOL_SIZE = 2
SLACK_S = 1.0


@pytest.fixture
def small(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[ApiClient]:
    """A front door with two connections and short limits. `world` keeps the engine of before."""
    token = world.application_token()
    options = bounded_connection.LIMITS["options"].replace(
        f"statement_timeout={bounded_connection.STATEMENT_TIMEOUT_S}s",
        f"statement_timeout={int(STATEMENT_TIMEOUT_S * 1000)}",
    )
    options = options.replace(
        f"lock_timeout={bounded_connection.LOCK_TIMEOUT_S}s", f"lock_timeout={int(LOCK_TIMEOUT_S * 1000)}"
    )
    monkeypatch.setitem(bounded_connection.LIMITS, "options", options)
    monkeypatch.setattr(database, "POOL_TIMEOUT_S", POOL_TIMEOUT_S)
    monkeypatch.setenv("DATABASE_POOL_SIZE", str(POOL_SIZE))
    _begin_anew()
    client = ApiClient.in_process(create_app(), token)
    switchboard.board()
    yield client
    monkeypatch.undo()
    _begin_anew()
    world.engine.dispose()


def _begin_anew() -> None:
    get_settings.cache_clear()
    database.engine().dispose()
    database.forget_engine()


def test_the_limits_are_part_of_every_connection_and_cost_no_question(world: World) -> None:
    with database.autocommit_engine().connect() as connection:
        shown = {
            name: connection.exec_driver_sql(f"SHOW {name}").scalar_one()
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        }
    assert shown == {
        "statement_timeout": "10s",
        "lock_timeout": "3s",
        "idle_in_transaction_session_timeout": "30s",
    }


def test_a_lock_that_somebody_holds_is_a_crash_after_the_lock_timeout(small: ApiClient, world: World) -> None:
    order = world.order().id
    with world.engine.begin() as other:
        other.exec_driver_sql("LOCK TABLE appointments IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        reply = small.create(order_id=order)
        waited_s = time.monotonic() - started
    assert (reply.code, reply.status) == (500, "application-crash")
    assert LOCK_TIMEOUT_S <= waited_s < LOCK_TIMEOUT_S + SLACK_S
    assert small.create(order_id=order).code == 200


def test_while_a_lock_is_held_no_request_waits_for_all_those_before_it(
    small: ApiClient, world: World
) -> None:
    """Twelve requests, two connections: who gets none in time is told so, and nobody stands in a queue of six."""
    order = world.order().id
    with world.engine.begin() as other:
        other.exec_driver_sql("LOCK TABLE appointments IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        with ThreadPoolExecutor(12) as pool:
            replies = list(pool.map(lambda _: small.create(order_id=order), range(12)))
        waited_s = time.monotonic() - started
    assert {reply.status for reply in replies} == {"application-crash"}
    assert waited_s < POOL_TIMEOUT_S + LOCK_TIMEOUT_S + SLACK_S


def test_a_pool_that_is_used_up_is_a_crash_after_the_pool_timeout(small: ApiClient, world: World) -> None:
    order = world.order().id
    given_back = threading.Event()
    taken = threading.Barrier(POOL_SIZE + 1)

    def hold(_: int) -> None:
        with database.engine().connect():
            taken.wait(5)
            given_back.wait(30)

    with ThreadPoolExecutor(POOL_SIZE) as holders:
        held = [holders.submit(hold, number) for number in range(POOL_SIZE)]
        taken.wait(5)
        started = time.monotonic()
        reply = small.create(order_id=order)
        waited_s = time.monotonic() - started
        given_back.set()
        for one in held:
            one.result(5)
    assert (reply.code, reply.status) == (500, "application-crash")
    assert POOL_TIMEOUT_S <= waited_s < POOL_TIMEOUT_S + SLACK_S
    assert small.create(order_id=order).code == 200
