"""A network that fails between web, workers, broker and database, each a host of its own.

The cables are pulled out, slowed down and made to lose packets while appointments are created. When they work
again everything is done, exactly once, without anybody's help.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from models.bounded_connection import CONNECT_TIMEOUT_S, UNACKNOWLEDGED_S
from tests import namespaces
from tests.client import ApiClient
from tests.conftest import migrate
from tests.namespaces import Host
from tests.servers import Server, running_postgres, running_redis
from tests.stack import Stack
from tests.waiting import eventually
from tests.world import World

pytestmark = [pytest.mark.timeout(180)]
LONGEST_WAIT_S = CONNECT_TIMEOUT_S + UNACKNOWLEDGED_S + CONNECT_TIMEOUT_S + 2
"""For the records of routes, for the request over a line that has died, and once more over a new one."""
TIMES = {"date_start_local": "2027-01-04", "time_start_local": "9:00", "time_duration_s": 3600}
PLACES = {
    "web": "web",
    "mandrill": "worker",
    "worker-clocks": "worker",
    "worker-mail": "worker",
    "relay": "worker",
}
"""Which process runs on which host. Mandrill is beside the workers, so that its own line is never cut."""


@pytest.fixture(scope="module")
def hosts() -> Iterator[dict[str, Host]]:
    reason = namespaces.why_not()
    if reason:
        pytest.skip(f"The network cannot be taken apart on this machine: {reason}.")
    with namespaces.network("web", "worker", "broker", "database") as made:
        yield made


@contextmanager
def on(host: Host, server: AbstractContextManager[Server]) -> Iterator[Server]:
    """A server that is started, and stopped, on this host."""
    running = host.run(server.__enter__)
    try:
        yield running
    finally:
        host.run(server.__exit__, None, None, None)


@pytest.fixture(scope="module")
def stack(hosts: dict[str, Host], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with ExitStack() as ends:
        postgres = ends.enter_context(on(hosts["database"], running_postgres(listen_addresses="*")))
        broker = ends.enter_context(on(hosts["broker"], running_redis("--bind", "0.0.0.0")))
        _admit_the_network(hosts["database"], postgres)
        hosts["database"].run(migrate, postgres.url)
        product = Stack(
            postgres.url,
            broker,
            tmp_path_factory.mktemp("partition"),
            {
                "DATABASE_URL": _seen_from_outside(postgres.url, hosts["database"]),
                "REDIS_URL": _seen_from_outside(broker.url, hosts["broker"]),
            },
        )
        # The test looks at the database from within its host, where the line is never cut.
        product.world = World(
            create_engine(postgres.url, creator=lambda: _connect(hosts["database"], postgres))
        )
        ends.callback(product.stop)
        for name, place in PLACES.items():
            hosts[place].run(product.start, name)
        hosts["web"].run(_answers, product.url)
        hosts["worker"].run(_answers, product.mandrill_url)
        for name in ("worker-clocks", "worker-mail"):
            eventually(lambda name=name: "ready." in product.log(name), within_s=30, what=name)
        yield product


def _answers(url: str) -> None:
    import urllib3

    def probe() -> bool:
        try:
            return urllib3.request("GET", f"{url}/healthz", timeout=2, retries=False).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    eventually(probe, within_s=30, what=url)


def _admit_the_network(host: Host, postgres: Server) -> None:
    rules = Path(postgres.described.data) / "pg_hba.conf"
    rules.write_text(rules.read_text() + "host all all samenet scram-sha-256\n")
    with _connect(host, postgres) as connection:
        connection.execute("SELECT pg_reload_conf()")


def _connect(host: Host, postgres: Server) -> psycopg.Connection:
    return host.run(psycopg.connect, postgres.described.url(scheme="postgresql"))


def _seen_from_outside(url: str, host: Host) -> str:
    return make_url(url).set(host=host.address).render_as_string(hide_password=False)


class Callers:
    """People who create appointments, and try again with the same uuid until they are told that it is stored."""

    def __init__(self, stack: Stack, web: Host) -> None:
        self._stack, self._web = stack, web
        self._client = ApiClient.over_http(stack.url, stack.world.application_token(), timeout_s=30)
        self.addresses: list[str] = []
        self.longest_s = 0.0
        self.refusals = 0

    def start(self, number: int) -> list[Future[None]]:
        orders = [self._stack.world.order() for _ in range(number)]
        self.addresses += [order.client_email or "" for order in orders]
        return [self._web.threads.submit(self._insist, order.id) for order in orders]

    def _insist(self, order_id: int) -> None:
        params = {"order_id": order_id, "uuid": str(uuid4()), **TIMES}
        give_up_at = time.monotonic() + 30
        while time.monotonic() < give_up_at:
            started = time.monotonic()
            reply = self._client.create(params)
            self.longest_s = max(self.longest_s, time.monotonic() - started)
            if reply.code == 200:
                return
            assert reply.status in ("application-crash", "identify-request-error"), reply.body
            self.refusals += 1
            time.sleep(0.2)  # as people do, for half a minute at most
        raise AssertionError(f"The appointment for order {order_id} was never stored.")


@pytest.fixture
def callers(stack: Stack, hosts: dict[str, Host]) -> Iterator[Callers]:
    """At the end everything that they asked for is done exactly once, and nothing had to be started again."""
    made = Callers(stack, hosts["web"])
    yield made
    unfinished = "SELECT kind, state, last_error FROM commands WHERE state <> 'done'"
    eventually(lambda: not stack.world.rows(unfinished), within_s=40, every_s=0.1, what="all is done")
    received = {address: hosts["worker"].run(stack.inbox, to=address)["count"] for address in made.addresses}
    assert received == dict.fromkeys(made.addresses, 1)
    assert stack.ended() == []


Trouble = Callable[[Host], AbstractContextManager[None]]


def create_during(trouble: AbstractContextManager[None], callers: Callers, seconds: float) -> None:
    """Create before the trouble, under it, and go on until everybody was told that it is stored."""
    asked = callers.start(3)
    with trouble:
        asked += callers.start(5)
        time.sleep(seconds)  # so long the trouble lasts
    for each in asked:
        each.result(40)


@pytest.mark.parametrize("place", ["worker", "broker"])
def test_who_creates_does_not_notice_that_the_rest_is_cut_off(
    hosts: dict[str, Host], callers: Callers, place: str
) -> None:
    create_during(hosts[place].cut_off(), callers, 1.2)
    assert (callers.refusals, callers.longest_s < 1) == (0, True), callers.longest_s


@pytest.mark.parametrize("place", ["web", "database"])
def test_a_short_cut_before_the_database_is_waited_out(
    hosts: dict[str, Host], callers: Callers, place: str
) -> None:
    create_during(hosts[place].cut_off(), callers, 1.2)
    assert callers.longest_s < LONGEST_WAIT_S


def test_during_a_long_cut_requests_are_refused_after_a_bounded_wait(
    hosts: dict[str, Host], callers: Callers
) -> None:
    create_during(hosts["database"].cut_off(), callers, UNACKNOWLEDGED_S + CONNECT_TIMEOUT_S + 1)
    assert callers.refusals > 0
    assert callers.longest_s < LONGEST_WAIT_S


@pytest.mark.parametrize("place", ["database", "broker"])
@pytest.mark.parametrize("trouble", [Host.slow, Host.dropping], ids=["slow", "dropping"])
def test_a_bad_line_delays_and_loses_nothing(
    hosts: dict[str, Host], callers: Callers, place: str, trouble: Trouble
) -> None:
    create_during(trouble(hosts[place]), callers, 1)
