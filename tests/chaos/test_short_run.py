"""The chaos run itself, short: real processes, faults by a fixed seed, and no promise broken."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack import ROOT


@pytest.mark.timeout(150)
def test_a_short_run_loses_nothing_and_sends_nothing_twice(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    command = [sys.executable, "-m", "chaos", "--minutes", "0.35", "--rate", "8", "--seed", "244"]
    done = subprocess.run(
        [*command, "--drain", "60", "--output", str(tmp_path), "--keep-logs", str(logs)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=140,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = tmp_path.glob("*.json")
    told = json.loads(path.read_text())
    assert told["verdict"] == "kept"
    assert told["creates"] == told["answered"] == told["rows"] == 168
    assert {"redis-killed", "postgres-crashed", "web-killed", "worker-killed"} <= set(told["faults"])
    assert told["findings"]["lost"] == told["findings"]["duplicates"] == []
    assert "Every promise was kept." in done.stdout


@pytest.mark.parametrize(
    "arguments", [("--minutes", "0"), ("--rate", "1000"), ("--faults", "web-killed,rain")], ids=" ".join
)
def test_arguments_out_of_range_are_refused_before_anything_starts(arguments: tuple[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "chaos", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert arguments[0] in done.stderr
