"""PostgreSQL in trouble: it restarts, fails over, is full, locked, slow or silent.

On a server of its own, with the front door and the tasks in this process, so that the trouble comes at an
exact moment. Each time: a clear answer after a bounded wait, nothing half written, and work goes on by itself
when the trouble is over.
"""

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from api.app import create_app
from api.appointments import create as create_route
from models import bounded_connection, database
from models.switchboard import switchboard
from settings import get_settings
from tasks import claims, clock_outcome, reconcile_times
from tasks.catalogue import SEND_CONFIRMATION
from tasks.send_mail import mandrill, send_mail
from tasks.sweep import sweep
from tests.client import ApiClient, Reply
from tests.conftest import migrate
from tests.servers import Server, reachable_directory, running_postgres
from tests.statements import before_each_statement
from tests.tasks.conftest import celery_on
from tests.tasks.mail.wire_server import unused_port, wire_server
from tests.tasks.planned import command_row, let_lease_expire, mail_due, plan
from tests.waiting import eventually
from tests.world import World

MAX_CONNECTIONS = 15
STATEMENT_TIMEOUT_S, LOCK_TIMEOUT_S, SILENCE_S = 0.6, 0.3, 1.0
"""As in production, scaled down."""
TIMES = {"date_start_local": "2027-01-04", "time_start_local": "9:00", "time_duration_s": 3600}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_postgres(max_connections=str(MAX_CONNECTIONS)) as running:
        migrate(running.url)
        yield running


@pytest.fixture
def world(configured: None, server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """This process works on the server that is about to be hurt, with short limits."""
    options = (
        f"-c statement_timeout={int(STATEMENT_TIMEOUT_S * 1000)} -c lock_timeout={int(LOCK_TIMEOUT_S * 1000)}"
    )
    monkeypatch.setitem(bounded_connection.LIMITS, "options", options)
    monkeypatch.setattr(bounded_connection, "LONGEST_SILENCE_S", SILENCE_S)
    monkeypatch.setattr(claims, "DATABASE_PAUSES_S", (0.05, 0.1, 0.2))
    before = os.environ["DATABASE_URL"]
    _move_to(server.url)
    # The test's own connections are made afresh each time: they are cut off as well.
    own = create_engine(server.url, pool_pre_ping=True)
    yield World(own)
    own.dispose()
    _move_to(before)


def _move_to(url: str) -> None:
    os.environ["DATABASE_URL"] = url
    get_settings.cache_clear()
    database.engine().dispose()
    database.forget_engine()
    switchboard.forget()


@pytest.fixture
def api(world: World) -> ApiClient:
    return ApiClient.in_process(create_app(), world.application_token())


@pytest.fixture
def no_broker() -> Iterator[None]:
    with celery_on(f"redis://127.0.0.1:{unused_port()}/0"):
        yield


def create(api: ApiClient, world: World, **more: Any) -> Reply:
    return api.create(order_id=world.order().id, **TIMES, **more)


def made(world: World, uuid: str) -> list[dict]:
    """The appointments with this uuid, and how many commands each has."""
    return world.rows(
        "SELECT a.id, (SELECT count(*) FROM commands c WHERE c.appointment_id = a.id) AS commands"
        " FROM appointments a WHERE uuid = :uuid",
        uuid=uuid,
    )


def assert_crash(reply: Reply) -> None:
    assert (reply.code, reply.status) == (500, "application-crash"), reply.body


def backend(connection: Any) -> int:
    return connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()


def cut(world: World, pid: int) -> None:
    """End one connection from the server's side, as a fail-over does."""
    with world.engine.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_terminate_backend({pid}, 5000)")


@contextmanager
def cutting(world: World, before: str, times: int = 1) -> Iterator[list[int]]:
    """End the product's connection right before the statement that contains `before`, so many times."""
    cuts: list[int] = []

    def cut_off(connection: Connection, statement: str, _values: object) -> None:
        if before in statement and len(cuts) < times:
            cuts.append(connection.connection.driver_connection.info.backend_pid)
            cut(world, cuts[-1])

    with before_each_statement(cut_off):
        yield cuts


# -- restart and fail-over


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM], ids=lambda sign: sign.name)
def test_after_a_restart_no_request_meets_a_dead_connection(
    api: ApiClient, world: World, server: Server, sign: signal.Signals
) -> None:
    # SIGINT: fast; SIGQUIT: immediate, as a crash; SIGTERM: waits for clients, which `stop` then cuts off.
    with ThreadPoolExecutor(4) as pool:
        orders = [world.order().id for _ in range(4)]
        assert {reply.code for reply in pool.map(lambda o: api.create(order_id=o, **TIMES), orders)} == {200}
    os.kill(server.pid, sign)
    server.restart()
    replies = [create(api, world) for _ in range(6)]
    assert [reply.code for reply in replies] == [200] * 6
    assert [reply.body["data"]["replayed"] for reply in replies] == [False] * 6


@pytest.mark.parametrize("statement", ["FROM tokens", "FROM (SELECT 1) AS one", "INSERT INTO appointments"])
def test_a_connection_that_dies_before_any_statement_is_replaced(
    api: ApiClient, world: World, statement: str
) -> None:
    uuid = str(uuid4())
    with cutting(world, statement) as cuts:
        reply = create(api, world, uuid=uuid)
    assert (len(cuts), reply.code, reply.body["data"]["replayed"]) == (1, 200, False)
    assert made(world, uuid) == [{"id": reply.appointment["id"], "commands": 2}]


@pytest.fixture
def dies_after_commit(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The first create is committed, and its connection dies before anybody heard of it."""
    insert, ids = create_route.insert_appointment, []

    def insert_and_die(connection: Connection, *args: Any) -> Any:
        inserted = insert(connection, *args)
        if not ids:
            ids.append(inserted.id)
            cut(world, backend(connection))
            connection.exec_driver_sql("SELECT 1")
        return inserted

    monkeypatch.setattr(create_route, "insert_appointment", insert_and_die)
    return ids


@pytest.mark.parametrize("identity", ["uuid", "Idempotency-Key", "neither"])
def test_a_connection_that_dies_after_the_commit_makes_no_second_appointment(
    api: ApiClient, world: World, dies_after_commit: list[int], identity: str
) -> None:
    order = world.order()
    params = {"uuid": str(uuid4())} if identity == "uuid" else {}
    headers = {"Idempotency-Key": str(uuid4())} if identity == "Idempotency-Key" else {}
    reply = api.create(params, headers, order_id=order.id, **TIMES)
    assert (reply.code, reply.body["data"]["replayed"]) == (200, False), reply.body
    assert reply.body["message"] == f"Appointment {dies_after_commit[0]} was created."
    assert [command["kind"] for command in reply.body["data"]["commands"]] == [
        "reconcile-times",
        "send-confirmation",
    ]
    stored = world.rows("SELECT id FROM appointments WHERE order_id = :id", id=order.id)
    assert stored == [{"id": dies_after_commit[0]}]


def test_a_repeated_request_stays_a_repetition_when_its_connection_dies(api: ApiClient, world: World) -> None:
    params = {"uuid": str(uuid4()), "order_id": world.order().id, **TIMES}
    first = api.create(params)
    with cutting(world, "INSERT INTO appointments"):
        again = api.create(params)
    assert (again.code, again.body["data"]["replayed"]) == (200, True)
    assert again.appointment["id"] == first.appointment["id"]


def test_a_database_that_cuts_every_connection_gives_a_clear_answer(api: ApiClient, world: World) -> None:
    uuid = str(uuid4())
    with cutting(world, "INSERT INTO appointments", times=99) as cuts:
        assert_crash(create(api, world, uuid=uuid))
    assert len(cuts) == 2  # it is tried once more, not for ever
    assert made(world, uuid) == []
    assert create(api, world, uuid=uuid).code == 200


def test_connections_that_die_at_random_under_load_lose_and_double_nothing(
    api: ApiClient, world: World
) -> None:
    orders = [world.order().id for _ in range(250)]
    uuids = [str(uuid4()) for _ in orders]
    killed, over = [], threading.Event()

    def kill_at_random() -> None:
        chance = random.Random(11)
        while not over.wait(chance.uniform(0.02, 0.08)):
            with world.engine.connect() as connection, suppress(psycopg.Error):
                killed.append(
                    connection.exec_driver_sql(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                        " AND application_name = 'appointments' ORDER BY random() LIMIT 1"
                    ).scalar()
                )

    def one(number: int) -> Reply:
        return api.create(order_id=orders[number], uuid=uuids[number], **TIMES)

    killer = threading.Thread(target=kill_at_random)
    killer.start()
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(one, range(len(orders))))
    over.set()
    killer.join()
    assert killed.count(True) > 10
    for number, reply in enumerate(replies):
        assert reply.code in (200, 500), reply.body
        stored = made(world, uuids[number])
        assert [row["commands"] for row in stored] in ([2], []), "never twice, never half"
        assert stored or reply.code == 500, "what was answered with success is there"
        if reply.code == 500:
            assert one(number).code == 200
    assert [reply.code for reply in replies].count(500) < len(replies) / 10


def test_a_primary_that_was_demoted_is_left_for_the_new_one(api: ApiClient, world: World) -> None:
    """After a fail-over a connection may lead to what is a replica now: it answers, but takes no writes."""
    assert create(api, world).code == 200

    def make(read_only: str) -> None:
        with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"ALTER SYSTEM SET default_transaction_read_only = {read_only}")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
        setting = "SELECT setting FROM pg_settings WHERE name = 'default_transaction_read_only'"
        eventually(lambda: world.row(setting)["setting"] == read_only, what=f"read only is {read_only}")

    def fail_over(_context: Any) -> None:
        make("off")  # from here on a new connection finds a primary

    make("on")
    event.listen(database.engine(), "handle_error", fail_over)
    try:
        reply = create_with(api, order_id=None)
    finally:
        event.remove(database.engine(), "handle_error", fail_over)
        make("off")
    assert (reply.code, reply.body["data"].get("replayed")) == (200, False)


def create_with(api: ApiClient, **params: Any) -> Reply:
    return api.create({name: value for name, value in params.items() if value is not None}, **TIMES)


def test_of_several_hosts_the_one_that_takes_writes_is_found(
    world: World, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_url(server.url)
    hosts = [f"127.0.0.1:{unused_port()}", f"127.0.0.1:{server.port}"]
    many = url.set(host=None, port=None, query={"host": hosts, "target_session_attrs": "read-write"})
    _move_to(many.render_as_string(hide_password=False))
    with database.transaction() as connection:
        assert connection.exec_driver_sql("SHOW port").scalar_one() == str(server.port)
    with database.open_listening_connection("test-listens") as listening:
        assert listening.info.port == server.port
    token = world.application_token()
    assert create(ApiClient.in_process(create_app(), token), world).code == 200


# -- too much of something


def test_without_free_connections_requests_fail_at_once_and_work_again_by_themselves(
    api: ApiClient, world: World, server: Server
) -> None:
    order = world.order().id
    assert api.create(order_id=order, **TIMES).code == 200
    database.engine().dispose()
    world.engine.dispose()
    with ExitStack() as hogs:
        with suppress(psycopg.OperationalError):
            while True:
                hogs.enter_context(psycopg.connect(server.described.url(scheme="postgresql")))
        started = time.monotonic()
        assert_crash(api.create(order_id=order, **TIMES))
        assert time.monotonic() - started < 1
    eventually(lambda: api.create(order_id=order, **TIMES).code == 200, within_s=5)


@contextmanager
def full_disk(world: World, server: Server) -> Iterator[Callable[[], None]]:
    """The table of appointments lies on a disk without room; gives a way to make room.

    A real, tiny file system for root; where it cannot be mounted, the error that PostgreSQL would raise.
    """
    with reachable_directory() as directory:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m,mode=777", "tmpfs", str(directory)],
            capture_output=True,
            check=False,
        )
        if mounted.returncode == 0:
            try:
                yield from _on_tablespace(world, server, directory)
            finally:
                subprocess.run(["umount", "--lazy", str(directory)], check=True)
        else:
            yield from _by_trigger(world)


def _on_tablespace(world: World, server: Server, directory: Path) -> Iterator[Callable[[], None]]:
    place = directory / "space"
    place.mkdir()
    postgres = _autocommit(world)
    if server.described.account:
        os.chown(place, server.described.account.uid, server.described.account.gid)
    postgres(f"CREATE TABLESPACE tiny LOCATION '{place}'")
    postgres("TRUNCATE appointments CASCADE")
    postgres("ALTER TABLE appointments SET TABLESPACE tiny")
    ballast = directory / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    try:
        yield ballast.unlink
    finally:
        ballast.unlink(missing_ok=True)
        postgres("ALTER TABLE appointments SET TABLESPACE pg_default")
        postgres("DROP TABLESPACE tiny")


def _by_trigger(world: World) -> Iterator[Callable[[], None]]:
    with troubled(
        world, "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'"
    ):
        yield lambda: world.execute("ALTER TABLE appointments DISABLE TRIGGER trouble")


def _autocommit(world: World) -> Callable[[str], None]:
    def execute(statement: str) -> None:
        with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(statement)

    return execute


def test_a_full_disk_gives_a_clear_answer_and_no_half_record(
    api: ApiClient, world: World, server: Server
) -> None:
    order = world.order().id
    uuids = [str(uuid4()) for _ in range(40)]
    with full_disk(world, server) as make_room:
        # The last page of the table may still have room for some.
        replies = {
            uuid: api.create(order_id=order, uuid=uuid, description="x" * 1500, **TIMES) for uuid in uuids
        }
        failed = {uuid for uuid, reply in replies.items() if reply.code != 200}
        assert failed
        for uuid in failed:
            assert_crash(replies[uuid])
            assert made(world, uuid) == []
        make_room()
        uuid = failed.pop()
        assert api.create(order_id=order, uuid=uuid, **TIMES).code == 200
    assert [row["commands"] for row in made(world, uuid)] == [2]


# -- locks and slowness


@contextmanager
def troubled(world: World, body: str) -> Iterator[None]:
    """Every insert of an appointment runs into this piece of PL/pgSQL."""
    postgres = _autocommit(world)
    postgres(
        f"CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}; RETURN NEW; END $$"
    )
    postgres("CREATE TRIGGER trouble BEFORE INSERT ON appointments FOR EACH ROW EXECUTE FUNCTION trouble()")
    try:
        yield
    finally:
        postgres("DROP FUNCTION trouble CASCADE")


def test_a_statement_that_takes_too_long_is_ended(api: ApiClient, world: World) -> None:
    uuid = str(uuid4())
    started = time.monotonic()
    with troubled(world, "PERFORM pg_sleep(30)"):
        assert_crash(create(api, world, uuid=uuid))
    assert time.monotonic() - started < STATEMENT_TIMEOUT_S + 1
    assert made(world, uuid) == []
    assert create(api, world, uuid=uuid).code == 200


def test_a_table_that_a_migration_holds_is_not_waited_for_long(api: ApiClient, world: World) -> None:
    order = world.order().id
    with world.engine.begin() as migration:
        migration.exec_driver_sql("LOCK TABLE appointments IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _: api.create(order_id=order, **TIMES), range(8)))
        assert time.monotonic() - started < LOCK_TIMEOUT_S + 1
    for reply in replies:
        assert_crash(reply)
    assert api.create(order_id=order, **TIMES).code == 200


def test_two_reconciliations_of_one_appointment_come_one_after_the_other(
    world: World, no_broker: None
) -> None:
    planned = plan(world, world.order())
    other = world.insert(
        "INSERT INTO commands (appointment_id, kind, sequence, state, request_id)"
        " VALUES (:id, 'reconcile-times', 1, 'pending', 'r') RETURNING id",
        id=planned.id,
    )
    ids = [planned.commands["reconcile-times"], other]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(reconcile_times.reconcile_times, ids))
    assert [command_row(command_id)["state"] for command_id in ids] == ["done", "done"]


@pytest.mark.parametrize("holds", ["the appointment", "both, the other way round"])
def test_a_reconciliation_that_meets_a_lock_is_done_later(world: World, no_broker: None, holds: str) -> None:
    """A lock that is held too long, and a deadlock."""
    planned = plan(world, None)
    command_id = planned.commands["reconcile-times"]
    with world.engine.connect() as other, ThreadPoolExecutor(1) as pool:
        if holds == "the appointment":
            other.exec_driver_sql(f"SELECT FROM appointments WHERE id = {planned.id} FOR UPDATE")
            with pytest.raises(Exception, match="LockNotAvailable"):
                reconcile_times.reconcile_times(command_id)
        else:
            read = clock_outcome.read_all_clocks

            def read_and_be_met(connection: Connection, appointment_ids: Sequence[int]) -> Any:
                connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
                connection.exec_driver_sql("SET LOCAL deadlock_timeout = '50ms'")
                clocks = read(connection, appointment_ids)
                other.exec_driver_sql("SET LOCAL deadlock_timeout = '10s'")
                other.exec_driver_sql(f"SELECT FROM commands WHERE id = {command_id} FOR UPDATE")
                waiting.append(
                    pool.submit(
                        other.exec_driver_sql,
                        f"SELECT FROM appointments WHERE id = {planned.id} FOR UPDATE",
                    )
                )
                locked = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                eventually(lambda: world.rows(locked), what="the other transaction waits")
                return clocks

            waiting: list[Any] = []
            with pytest.MonkeyPatch.context() as patch, pytest.raises(Exception, match="DeadlockDetected"):
                patch.setattr(clock_outcome, "read_all_clocks", read_and_be_met)
                # What it gives back waits for the other transaction too, which ends now.
                patch.setattr(
                    reconcile_times,
                    "give_back",
                    lambda *args: (waiting[0].result(5), other.rollback(), claims.give_back(*args)),
                )
                reconcile_times.reconcile_times(command_id)
        other.rollback()
    row = command_row(command_id)
    assert (row["state"], row["attempts"]) == ("pending", 1)
    world.execute("UPDATE commands SET available_at = now() WHERE id = :id", id=command_id)
    reconcile_times.reconcile_times(command_id)
    assert command_row(command_id)["state"] == "done"


# -- silence


@contextmanager
def silent(world: World, server: Server) -> Iterator[None]:
    """Postmaster and backends stand still. Their kernel goes on taking connections and acknowledging data."""
    pids = [server.pid, *(row["pid"] for row in world.rows("SELECT pid FROM pg_stat_activity"))]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def test_a_silent_database_is_given_up_after_a_while_and_found_again(
    api: ApiClient, world: World, server: Server
) -> None:
    order, uuid = world.order().id, str(uuid4())
    assert api.create(order_id=order, **TIMES).code == 200  # over a connection that is kept
    with silent(world, server):
        started = time.monotonic()
        assert_crash(api.create(order_id=order, uuid=uuid, **TIMES))
        took_s = time.monotonic() - started
    assert took_s < SILENCE_S + bounded_connection.CONNECT_TIMEOUT_S + 1
    reply = eventually(
        lambda: (answer := api.create(order_id=order, uuid=uuid, **TIMES)).code == 200 and answer, within_s=5
    )
    assert made(world, uuid) == [{"id": reply.appointment["id"], "commands": 2}]


def test_an_insert_that_the_silent_database_does_later_is_not_done_twice(
    api: ApiClient, world: World, server: Server
) -> None:
    """Only this backend stands still: the second try gets through, and the first must then come too late."""
    order, uuid = world.order().id, str(uuid4())
    stopped: list[int] = []

    def stop(connection: Connection, statement: str, _values: object) -> None:
        if "INSERT INTO appointments" in statement and not stopped:
            stopped.append(connection.connection.driver_connection.info.backend_pid)
            os.kill(stopped[0], signal.SIGSTOP)

    try:
        with before_each_statement(stop):
            reply = api.create(order_id=order, uuid=uuid, **TIMES)
    finally:
        os.kill(stopped[0], signal.SIGCONT)
    assert (reply.code, reply.body["data"]["replayed"]) == (200, False)
    alive = "SELECT FROM pg_stat_activity WHERE pid = :pid"
    eventually(lambda: not world.rows(alive, pid=stopped[0]), what="the late backend has ended")
    assert made(world, uuid) == [{"id": reply.appointment["id"], "commands": 2}]


# -- workers


def test_a_worker_that_lost_the_database_in_mid_work_tries_again_a_second_later(
    world: World, no_broker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_id = plan(world, world.order()).commands["reconcile-times"]
    with cutting(world, "UPDATE appointments"), pytest.raises(OperationalError, match="closed"):
        reconcile_times.reconcile_times(command_id)
    row = command_row(command_id)
    assert (row["state"], row["attempts"]) == ("pending", 1)
    assert 0 < row["due_in_s"] < 2


def test_a_command_comes_back_by_its_lease_when_the_database_stays_away(
    world: World, server: Server, no_broker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_id = plan(world, world.order()).commands["reconcile-times"]

    def stop_server(*_: Any, **__: Any) -> None:
        server.stop()

    monkeypatch.setattr(reconcile_times, "write_all", stop_server)
    with pytest.raises(Exception, match="connection"):
        reconcile_times.reconcile_times(command_id)
    monkeypatch.undo()
    server.start()
    assert command_row(command_id)["state"] == "running"
    let_lease_expire(command_id)
    sweep()
    reconcile_times.reconcile_times(command_id)
    row = command_row(command_id)
    assert (row["state"], row["attempts"]) == ("done", 2)


def test_what_the_provider_said_is_written_down_although_all_connections_died(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.tasks.test_send_mail import SENT

    command_id = mail_due(world).commands["send-confirmation"]

    def cut_and_answer(wire: Any, sock: Any) -> bool:
        for row in world.rows("SELECT pid FROM pg_stat_activity WHERE application_name = 'appointments'"):
            cut(world, row["pid"])
        return SENT(wire, sock)

    with wire_server(cut_and_answer) as provider:
        monkeypatch.setenv("MANDRILL_URL", provider.url)
        get_settings.cache_clear()
        mandrill.cache_clear()
        send_mail(SEND_CONFIRMATION, command_id)
        assert len(provider.calls) == 1
    mandrill.cache_clear()
    row = command_row(command_id)
    assert (row["state"], row["doubts"], row["attempts"]) == ("done", 0, 1)
