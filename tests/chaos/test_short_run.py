"""The chaos run itself, short: real processes, faults by a fixed seed, and no promise broken."""

import json
from pathlib import Path

import pytest

from chaos.__main__ import main
from tests.trials import ran

SEED = "1121001"
FAULTS = {"web-killed", "postgres-crashed", "mandrill-misbehaves", "worker-killed", "redis-killed"}
"""What the seed does in the first 13 of 15 seconds; the rest is for a busy machine."""


@pytest.mark.timeout(150)
def test_a_short_run_loses_nothing_and_sends_nothing_twice(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    wanted = ("--minutes", "0.25", "--rate", "8", "--seed", SEED, "--drain", "60")
    done = ran("chaos", *wanted, "--output", str(tmp_path), "--keep-logs", str(logs), within_s=140)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = tmp_path.glob("*.json")
    told = json.loads(path.read_text())
    assert told["verdict"] == "kept"
    assert told["creates"] == told["answered"] == told["rows"] == 120
    assert set(told["faults"]) >= FAULTS
    assert told["findings"]["lost"] == told["findings"]["duplicates"] == []
    assert "Every promise was kept." in done.stdout


@pytest.mark.parametrize(
    "arguments", [("--minutes", "0"), ("--rate", "1000"), ("--faults", "web-killed,rain")], ids=" ".join
)
def test_arguments_out_of_range_are_refused_before_anything_starts(
    arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(list(arguments))
    assert refused.value.code == 2
    assert arguments[0] in capsys.readouterr().err
