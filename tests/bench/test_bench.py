"""The benchmark starts the product, measures it beside the yardstick, and leaves a result and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import cpu, payload
from bench.__main__ import main
from bench.load import quantile
from bench.records import Order, Photographer, Records
from tests.trials import ran

RECORDS = Records(
    token="application_0123456789abcdef_" + "x" * 43,
    orders=(Order(10, 11), Order(20, 21)),
    photographers=(Photographer(7, "Pat Photographer"), Photographer(8, "Pim Photographer")),
)


def test_a_short_run_writes_figures_and_ends_without_an_error(tmp_path: Path) -> None:
    done = ran("bench", "--short", "--output", str(tmp_path), within_s=110)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = tmp_path.glob("*.json")
    result = json.loads(path.read_text())
    assert set(result) == {"at", "took_s", "revision", "machine", "options", "benches", "targets", "errors"}
    assert result["errors"] == []
    assert (result["machine"]["fsync"], result["machine"]["synchronous_commit"]) == ("on", "on")
    creates = result["benches"]["create"]
    assert [(each["concurrency"], each["workers"]) for each in creates] == [
        *((concurrency, "without") for concurrency in (1, 8, 32)),
        (8, "with"),
    ]
    parts = {"web", "postgres", "redis", "relay"}
    for each in creates:
        assert each["create"]["requests"] > 0
        assert each["echo"]["requests"] > 0
        if cpu.is_known():
            workers = {"worker-clocks", "worker-mail"} if each["workers"] == "with" else set()
            assert set(each["create"]["cpu_us"]) == parts | workers
            assert set(each["echo"]["cpu_us"]) == {"echo"}
    mail = result["benches"]["mail"]
    assert mail["mails"] == 2 * mail["creates"] > 0
    assert set(result["benches"]["floors"]) == {"bare insert", "bare publish"}
    assert result["benches"]["broker"]["without"]["requests"] > 0
    assert {"what", "wanted", "measured", "met"} == set(result["targets"][0])
    assert ElementTree.parse(path.with_suffix(".svg")).getroot().tag.endswith("svg")
    assert "CPU of echo" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [("--rounds", "0"), ("--seconds", "9"), ("--rows", "1"), ("nothing", "--short")],
    ids=" ".join,
)
def test_arguments_out_of_range_are_refused_before_anything_starts(
    arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(list(arguments))
    assert refused.value.code == 2
    assert arguments[0] in capsys.readouterr().err


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
