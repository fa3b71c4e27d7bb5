"""The benchmark starts the product, measures it beside the yardstick, and leaves a result and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import cpu, payload
from bench.load import quantile
from bench.records import Order, Records
from tests.stack import ROOT

RECORDS = Records(
    token="application_0123456789abcdef_" + "x" * 43,
    orders=(Order(10, 11), Order(20, 21)),
    photographer_id=7,
    photographer_name="Pat Photographer",
)


def test_a_short_run_writes_figures_and_ends_without_an_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "--rounds", "1", "--seconds", "0.3", "--mail-seconds", "1"]
    done = subprocess.run(
        [*command, "--output", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = tmp_path.glob("*.json")
    result = json.loads(path.read_text())
    assert set(result) == {
        *("at", "took_s", "revision", "machine", "options", "create", "mail", "errors"),
    }
    assert result["errors"] == []
    assert (result["machine"]["fsync"], result["machine"]["synchronous_commit"]) == ("on", "on")
    assert [each["concurrency"] for each in result["create"]] == [1, 8, 32]
    for each in result["create"]:
        assert each["create"]["requests"] > 0
        assert each["echo"]["requests"] > 0
        if cpu.is_known():
            assert set(each["create"]["cpu_us"]) == {"web", "postgres", "redis", "relay"}
            assert set(each["echo"]["cpu_us"]) == {"echo"}
    assert result["mail"]["creates"] == 20
    assert result["mail"]["mails"] == 40
    assert "create / echo" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [("--rounds", "0"), ("--seconds", "9"), ("--mail-seconds", "100")],
    ids=" ".join,
)
def test_arguments_out_of_range_are_refused_before_anything_starts(arguments: tuple[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert arguments[0] in done.stderr


def test_every_body_has_45_fields_its_own_uuid_and_the_size_of_a_real_one() -> None:
    body = payload.bodies(RECORDS)
    first, second = json.loads(body()), json.loads(body())
    assert len(first) == 45
    assert first["uuid"] != second["uuid"]
    assert (first["order_id"], second["order_id"]) == (10, 20)
    assert 1300 <= len(body()) <= 1600


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, 0.0),
        ([3.0], 0.99, 3.0),
        ([4.0, 1.0, 3.0, 2.0], 0.5, 3.0),
        ([float(n) for n in range(100)], 0.99, 99.0),
    ],
)
def test_a_quantile_is_the_value_of_the_nearest_rank(
    values: list[float], share: float, expected: float
) -> None:
    assert quantile(values, share) == expected


def test_cpu_time_counts_a_process_and_its_children_dead_or_alive() -> None:
    # Where there is no /proc nothing is known, and every process counts as idle.
    expected = 0.2 if cpu.is_known() else 0.0
    before = cpu.seconds({"this": os.getpid()})["this"]
    burn = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    assert cpu.seconds({"this": os.getpid()})["this"] - before >= expected
