"""The servers of one machine: where they come from, what they keep, and that they come back."""

import os
import socket
from pathlib import Path

import psycopg
import pytest

from sandbox import postgres, processes, redis, servers
from sandbox.accounts import Account, can_enter, can_run
from tests.servers import Server, running_postgres, running_redis


@pytest.fixture(scope="module")
def own_postgres():
    with running_postgres() as server:
        yield server


def _query(server: Server, statement: str) -> object:
    with psycopg.connect(server.described.url(scheme="postgresql"), autocommit=True) as connection:
        row = connection.execute(statement).fetchone()
        return row[0] if row else None


def _redis(server: Server, *words: str) -> bytes:
    """Say one inline command to Redis; the first line of its answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(f"AUTH {server.described.password}\r\n{' '.join(words)}\r\n".encode())
        with connection.makefile("rb") as answers:
            assert answers.readline() == b"+OK\r\n"
            first = answers.readline()
            return answers.readline().strip() if first.startswith(b"$") else first.strip()


class TestPostgres:
    def test_serves_an_empty_utf8_database_on_loopback(self, own_postgres):
        assert _query(own_postgres, "SHOW server_encoding") == "UTF8"
        assert _query(own_postgres, "SHOW listen_addresses") == "127.0.0.1"
        assert _query(own_postgres, "SHOW timezone") == "UTC"

    def test_asks_for_the_password(self, own_postgres):
        stranger = own_postgres.described.url(scheme="postgresql").replace(
            own_postgres.described.password, "guess"
        )
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(stranger)

    def test_shows_its_password_in_no_repr(self, own_postgres):
        assert own_postgres.described.password not in repr(own_postgres.described)

    def test_never_runs_as_root(self, own_postgres):
        assert Path(f"/proc/{own_postgres.pid}").stat().st_uid != 0

    def test_keeps_committed_rows_when_it_is_killed(self, own_postgres):
        with psycopg.connect(own_postgres.described.url(scheme="postgresql")) as connection:
            connection.execute("CREATE TABLE kept (number integer)")
            connection.execute("INSERT INTO kept VALUES (7)")
        own_postgres.kill()
        own_postgres.start()
        assert _query(own_postgres, "SELECT number FROM kept") == 7

    def test_makes_its_database_once(self, own_postgres):
        assert own_postgres.described.create_database() is False

    def test_a_suspended_server_answers_again_afterwards(self, own_postgres):
        with own_postgres.suspended():
            assert own_postgres.is_running
        assert _query(own_postgres, "SELECT 1") == 1

    def test_a_second_preparation_is_refused_while_the_first_server_runs(self, own_postgres):
        data = own_postgres.described.data
        with pytest.raises(servers.PostgresUnavailableError, match=f"process {own_postgres.pid}"):
            postgres.prepare(data, port=servers.free_port())

    def test_a_lock_file_that_names_some_other_process_does_not_stop_a_start(self, tmp_path):
        data = tmp_path / "postgres"
        data.mkdir()
        (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n")
        postgres._forget_a_dead_server(data)
        assert not (data / "postmaster.pid").exists()

    def test_the_wheel_serves_as_well(self, monkeypatch):
        wheel = postgres.Programs(postgres.wheel_directories()[0], 18, "from the wheel")
        monkeypatch.setattr(postgres, "find_programs", lambda: iter([wheel]))
        with running_postgres() as server:
            assert str(_query(server, "SHOW server_version")).startswith("18")

    def test_data_are_served_by_the_version_that_made_them(self, monkeypatch):
        found = [postgres.Programs(Path(f"/pg{major}"), major, "from the wheel") for major in (18, 16)]
        monkeypatch.setattr(postgres, "find_programs", lambda: iter(found))
        assert postgres.choose_programs(None, None).major == 18
        assert postgres.choose_programs(16, None).major == 16
        with pytest.raises(servers.PostgresUnavailableError, match=r"made by PostgreSQL 14.*only 16, 18"):
            postgres.choose_programs(14, None)

    def test_without_any_program_a_sentence_says_what_to_install(self, monkeypatch):
        monkeypatch.setattr(postgres, "find_programs", lambda: iter([]))
        with pytest.raises(servers.PostgresUnavailableError, match=r"apt install postgresql.*DATABASE_URL"):
            postgres.choose_programs(None, None)


class TestPlaces:
    """Root's directories may be closed to the account that PostgreSQL runs under."""

    def test_data_lie_where_the_server_can_reach_them_and_nothing_is_opened_up(self, tmp_path):
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        prepared = servers.prepare_postgres(closed, durable=False)
        try:
            assert can_enter(prepared.account, prepared.data)
            assert closed.stat().st_mode & 0o777 == 0o700
            moved = not prepared.data.is_relative_to(closed)
            assert moved == (os.geteuid() == 0)
            assert (str(prepared.data) in prepared.note) == moved
            again = servers.prepare_postgres(closed, durable=False)
            assert (again.data, again.password) == (prepared.data, prepared.password)
        finally:
            prepared.remove()

    @pytest.fixture
    def account(self, tmp_path, monkeypatch) -> Account:
        monkeypatch.setattr(postgres, "_RELOCATED", tmp_path)
        return Account("ours", os.getuid(), os.getgid())

    def test_the_place_outside_the_run_directory_is_private_and_always_the_same(self, tmp_path, account):
        place = postgres._relocated(tmp_path / "var" / "postgres", account)
        assert place.stat().st_mode & 0o777 == 0o700
        assert postgres._relocated(tmp_path / "var" / "postgres", account) == place
        assert postgres._relocated(tmp_path / "other" / "postgres", account) != place

    def test_a_place_that_others_can_write_to_is_refused(self, tmp_path, account):
        place = postgres._relocated(tmp_path / "var", account)
        place.chmod(0o777)
        with pytest.raises(servers.PostgresUnavailableError, match="belongs to somebody else"):
            postgres._relocated(tmp_path / "var", account)

    def test_a_copy_of_the_wheels_programs_runs(self, tmp_path, account):
        wheel = postgres.Programs(postgres.wheel_directories()[0], 18, "from the wheel")
        copied = postgres._copied(wheel, postgres._relocated(tmp_path / "var", account))
        assert copied.directory.is_relative_to(tmp_path)
        assert can_run(None, copied.initdb)


class TestRedis:
    def test_keeps_its_keys_when_it_is_killed(self):
        with running_redis(durable=True) as server:
            assert _redis(server, "SET", "kept", "yes") == b"+OK"
            server.kill()
            server.start()
            assert _redis(server, "GET", "kept") == b"yes"

    def test_asks_for_the_password_and_keeps_it_off_the_command_line(self):
        with running_redis() as server:
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
                connection.sendall(b"PING\r\n")
                assert connection.recv(100).startswith(b"-NOAUTH")
            password = server.described.password
            assert password not in Path(f"/proc/{server.pid}/cmdline").read_text()
            assert password not in repr(server.described)
            assert password in server.url

    def test_its_program_comes_from_the_path_before_the_wheel(self, tmp_path, monkeypatch):
        program = tmp_path / "valkey-server"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert redis.find_program() == (program, "from the PATH (valkey-server)")

    def test_without_any_program_a_sentence_says_what_to_install(self, monkeypatch):
        monkeypatch.setenv("PATH", "/nonexistent")
        monkeypatch.setattr(redis, "wheel_program", lambda: None)
        with pytest.raises(servers.RedisUnavailableError, match=r"apt install redis-server.*REDIS_URL"):
            redis.find_program()


class TestPortsAndProcesses:
    def test_a_remembered_port_is_taken_again_unless_it_is_in_use(self):
        port = servers.free_port()
        assert servers.free_port(port) == port
        with socket.create_server(("127.0.0.1", port)):
            assert servers.free_port(port) != port

    def test_a_process_is_known_by_its_start_time_too(self):
        mine = processes.identity(os.getpid())
        assert mine is not None
        assert processes.is_alive(os.getpid(), mine)
        assert not processes.is_alive(os.getpid(), mine + "0")
        assert processes.identity(2**22 + 1) is None
