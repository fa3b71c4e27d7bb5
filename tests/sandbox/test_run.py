"""`make run`, with stand-ins for the product's processes and a real PostgreSQL, Redis and supervisor."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sandbox import procfile
from sandbox.ports import free_port
from sandbox.processes import identity, wait_until
from sandbox.run_directory import DirectoryTakenError, RunDirectory
from tests.servers import reachable_directory, running_postgres, running_redis

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = "python -m tests.sandbox.stand_in"
PRODUCT = {"web": "web", "worker-mail": "worker", "mandrill": "mandrill"}


class Runner:
    """A run in a process of its own, as `make run` starts it."""

    def __init__(self, place: Path, processes: dict[str, str], **environment: str) -> None:
        self.var = place / "var"
        self.output = place / "output.txt"
        (place / "Procfile").write_text(
            "".join(f"{name}: {STAND_IN} {what}\n" for name, what in processes.items())
        )
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.sandbox.stand_in", str(place / "Procfile")],
                cwd=ROOT,
                env={"PATH": os.environ["PATH"], "HOME": str(place), "VAR_DIR": str(self.var), **environment},
                stdout=output,
                stderr=output,
            )

    @property
    def text(self) -> str:
        return self.output.read_text()

    @property
    def file(self) -> dict[str, Any]:
        return json.loads((self.var / "run.json").read_text())

    @property
    def started(self) -> dict[str, tuple[int, str]]:
        return json.loads((self.var / "started.json").read_text())

    def wait_for(self, pattern: str, within_s: float = 45) -> None:
        assert wait_until(lambda: re.search(pattern, self.text) is not None, within_s=within_s), self.text

    def wait_for_start(self) -> None:
        self.wait_for("Ctrl-C stops everything")

    def everybody(self) -> dict[str, tuple[int, str]]:
        """Every process of the run with its start time, the supervisor and children included."""
        children = re.findall(r"^child (\d+)$", (self.var / "log/worker-mail.log").read_text(), re.MULTILINE)
        known = {f"child-{pid}": (int(pid), who) for pid in children if (who := identity(int(pid)))}
        return {**self.started, **known}

    def end(self, sign: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(sign)
        return self.process.wait(timeout=15)


def alive(everybody: dict[str, tuple[int, str]]) -> list[str]:
    return [name for name, (pid, known) in everybody.items() if identity(pid) == known]


@pytest.fixture
def place() -> Iterator[Path]:
    with reachable_directory() as directory:
        yield directory


@pytest.fixture
def ports() -> dict[str, str]:
    return {name: str(free_port()) for name in ("PORT", "FLOWER_PORT", "SANDBOX_PORT")}


@contextlib.contextmanager
def running(place: Path, processes: dict[str, str], **environment: str) -> Iterator[Runner]:
    runner = Runner(place, processes, **environment)
    try:
        yield runner
    finally:
        runner.end()


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[dict[str, str]]:
    """Servers that are not the run's own, as DATABASE_URL and REDIS_URL name them."""
    with running_postgres() as postgres, running_redis() as redis:
        yield {"DATABASE_URL": postgres.url, "REDIS_URL": redis.url}
        assert postgres.is_running, "A run stopped a server that it had not started."
        assert redis.is_running, "A run stopped a server that it had not started."


def status_of(url: str) -> int:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.status


def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_a_run_tells_where_everything_is_stops_it_all_and_finds_its_data_again(place, ports):
    with running(place, PRODUCT, **ports) as runner:
        runner.wait_for_start()
        assert [f"[{number}/8]" in runner.text for number in range(1, 9)] == [True] * 8
        assert "application_demo_token" in runner.text
        assert f"curl -s http://127.0.0.1:{ports['PORT']}/api/v1/appointments/create" in runner.text

        first = runner.file
        assert (runner.var / "run.json").stat().st_mode & 0o777 == 0o600
        assert (runner.var / "run.env").stat().st_mode & 0o777 == 0o600
        assert set(first["pids"]) == {"postgres", "redis", "web", "worker-mail", "mandrill"}
        assert first["demo"]["order_ids"] == {"denver": 1}
        assert status_of(first["api"]) == status_of(first["mandrill"]) == 200
        rows(first["database_url"], "CREATE TABLE remembered ()")
        everybody = runner.everybody()
        assert alive(everybody) == list(everybody)

        began = time.monotonic()
        assert runner.end(signal.SIGINT) == 0
        assert time.monotonic() - began < 10
        assert alive(everybody) == []
        assert not (runner.var / "run.json").exists()
        assert not (runner.var / "run.env").exists()

    with running(place, PRODUCT, **ports) as again:
        assert wait_until(lambda: again.text.count("Ctrl-C stops everything") == 2, within_s=20), again.text
        assert again.file["database_url"] == first["database_url"]
        assert rows(again.file["database_url"], "SELECT * FROM remembered") == []


def test_a_process_that_dies_is_started_again_without_its_orphans_and_with_a_word(place, ports, elsewhere):
    with running(place, PRODUCT, **ports, **elsewhere) as runner:
        runner.wait_for_start()
        worker = runner.file["pids"]["worker-mail"]
        everybody = runner.everybody()
        os.kill(worker, signal.SIGKILL)
        runner.wait_for(r"worker-mail died \(terminated by SIGKILL\), for the 1st time")
        runner.wait_for(r"worker-mail runs again as process \d+")
        assert runner.file["pids"]["worker-mail"] != worker
        children = {name: who for name, who in everybody.items() if name.startswith("child-")}
        assert children
        assert wait_until(lambda: not alive(children), within_s=5)


def test_when_the_runner_or_its_supervisor_is_killed_nothing_stays_and_the_next_run_works(place, ports):
    with running(place, PRODUCT, **ports) as runner:
        runner.wait_for_start()
        everybody = runner.everybody()
        os.kill(everybody["supervisord"][0], signal.SIGKILL)
        runner.wait_for("supervisor itself died")
        assert wait_until(lambda: not alive(everybody), within_s=5), alive(everybody)
        assert wait_until(
            lambda: "web" in runner.started and runner.started["web"] != everybody["web"], within_s=10
        )
        everybody = runner.everybody()
        runner.process.kill()
        runner.process.wait()
        if sys.platform == "linux":  # the kernel tells the supervisor
            assert wait_until(lambda: not alive(everybody), within_s=10), alive(everybody)

    with running(place, PRODUCT, **ports) as runner:
        assert wait_until(lambda: runner.text.count("Ctrl-C stops") == 2, within_s=20), runner.text
        everybody = runner.everybody()
        # Frozen, the supervisor cannot follow the runner's death: now the next run has to clear up.
        os.kill(everybody["supervisord"][0], signal.SIGSTOP)
        runner.process.kill()
        runner.process.wait()
        os.kill(everybody["supervisord"][0], signal.SIGKILL)
        assert "postgres" in alive(everybody)

    with running(place, PRODUCT, **ports) as runner:
        assert wait_until(lambda: runner.text.count("Ctrl-C stops") == 3, within_s=20), runner.text
        assert "The last run was killed; what it left is stopped: " in runner.text
        assert not alive(everybody)


def test_two_runs_work_side_by_side_and_a_third_in_the_same_directory_is_refused(
    tmp_path_factory, ports, elsewhere
):
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    others = {name: str(free_port()) for name in ports}
    with (
        running(one, PRODUCT, **ports, **elsewhere) as first,
        running(two, PRODUCT, **others, **elsewhere) as second,
    ):
        first.wait_for_start()
        second.wait_for_start()
        assert set(first.file["pids"]) == set(second.file["pids"]) == set(PRODUCT)
        with running(one, PRODUCT, **others, **elsewhere) as third:
            assert third.process.wait(timeout=10) == 1
            assert f"Process {first.process.pid} already runs in {first.var}" in third.text
        assert status_of(first.file["api"]) == status_of(second.file["api"]) == 200
        assert (first.var / "run.env").exists()


@pytest.mark.parametrize("variable", ["PORT", "SANDBOX_PORT"])
def test_a_port_in_use_is_named_with_the_variable_that_moves_it(place, ports, variable):
    with (
        socket.create_server(("127.0.0.1", int(ports[variable]))),
        running(place, PRODUCT, **ports) as runner,
    ):
        assert runner.process.wait(timeout=10) == 1
        assert re.search(
            rf"Port {ports[variable]}, .* is in use .* Set {variable} to another.* make run {variable}=\d+",
            runner.text,
        )


def test_one_port_for_two_processes_is_refused(place, ports):
    with running(place, PRODUCT, **{**ports, "SANDBOX_PORT": ports["PORT"]}) as runner:
        assert runner.process.wait(timeout=10) == 1
        assert f"PORT and SANDBOX_PORT are both {ports['PORT']}" in runner.text


def test_another_mandrill_takes_the_sandboxs_place(place, ports, elsewhere):
    mandrill = {"MANDRILL_URL": "http://127.0.0.1:1/api/1.0", "MANDRILL_API_KEY": "a-real-key"}
    with running(place, PRODUCT, **ports, **elsewhere, **mandrill) as runner:
        runner.wait_for_start()
        assert "mandrill" not in runner.file["pids"]
        assert runner.file["mandrill"] == mandrill["MANDRILL_URL"]
        for told in (runner.text, (runner.var / "run.env").read_text(), json.dumps(runner.file)):
            assert "a-real-key" not in told


def test_a_web_server_that_cannot_stay_alive_ends_the_start_with_its_last_words(place, ports, elsewhere):
    with running(place, {"web": "broken"}, **ports, **elsewhere) as runner:
        assert runner.process.wait(timeout=30) == 1
        assert "web cannot stay alive" in runner.text
        assert "the reason is here" in runner.text


def test_ctrl_c_during_the_start_stops_even_what_ignores_it_within_ten_seconds(place, ports, elsewhere):
    with running(place, {"worker-mail": "worker", "web": "deaf"}, **ports, **elsewhere) as runner:
        runner.wait_for(r"\[7/8\]")
        assert wait_until(lambda: "child" in (runner.var / "log/worker-mail.log").read_text(), within_s=10)
        everybody = runner.everybody()
        assert alive(everybody) == list(everybody)
        began = time.monotonic()
        assert runner.end(signal.SIGINT) == 0
        assert time.monotonic() - began < 10
        assert alive(everybody) == []


def test_a_database_url_that_leads_nowhere_is_named(place, ports):
    nowhere = f"postgresql://nobody:hidden@127.0.0.1:{free_port()}/none"
    with running(place, PRODUCT, **ports, DATABASE_URL=nowhere, REDIS_URL="redis://127.0.0.1:1/0") as runner:
        assert runner.process.wait(timeout=30) == 1
        assert "the server of DATABASE_URL does not answer" in runner.text
        assert "hidden" not in runner.text


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("web gunicorn\n", "line 1: expected 'name: command'"),
        ("# a comment\n\nweb: one\nweb: two\n", "line 4: the process 'web' is named twice"),
    ],
)
def test_a_procfile_that_cannot_be_read_names_the_line(tmp_path, text, fault):
    (tmp_path / "Procfile").write_text(text)
    with pytest.raises(procfile.ProcfileError, match=re.escape(fault)):
        procfile.read(tmp_path / "Procfile")


def test_the_products_procfile_can_be_read():
    assert {"web", "relay", "beat", "flower", "mandrill"} < set(procfile.read(ROOT / "Procfile"))


def test_run_files_keep_odd_characters(tmp_path):
    directory = RunDirectory(tmp_path / "with space")
    directory.write_environment({"DATABASE_URL": "a'b\\c #d $e"})
    from dotenv import dotenv_values

    assert dotenv_values(directory.path / "run.env") == {"DATABASE_URL": "a'b\\c #d $e"}
    with pytest.raises(DirectoryTakenError, match=f"Process {os.getpid()}"):
        RunDirectory(tmp_path / "with space")
    directory.leave()
    RunDirectory(tmp_path / "with space").leave()
