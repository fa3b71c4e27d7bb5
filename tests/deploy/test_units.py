"""The units: systemd takes them, and each is confined by the same drop-in. The rest of their law is in
`tests/contracts/test_deployments.py`."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.manifests import DEPLOY, KNOWN

UNITS = sorted(DEPLOY.glob("appointments-*.service"))
DROP_IN = DEPLOY / "appointments-.service.d/hardening.conf"
HAS_SYSTEMD = shutil.which("systemd-analyze") is not None


@pytest.mark.skipif(
    not HAS_SYSTEMD, reason="systemd-analyze is not on this machine, so the units were not verified."
)
def test_systemd_takes_every_unit(tmp_path: Path) -> None:
    (tmp_path / DROP_IN.parent.name).mkdir()
    (tmp_path / DROP_IN.parent.name / DROP_IN.name).write_text(DROP_IN.read_text())
    named = []
    for unit in UNITS:
        # What is verified is the unit, not that this machine has its account and its programs.
        text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE)
        text = re.sub(r"^(User|WorkingDirectory|EnvironmentFile)=.*\n", "", text, flags=re.MULTILINE)
        name = unit.name.replace("@.", "@1.")
        (tmp_path / name).write_text(text)
        named.append(name)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *(f"./{name}" for name in named)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_no_unit_may_what_it_does_not_need() -> None:
    confined = dict(re.findall(r"^(\w+)=(.*)$", DROP_IN.read_text(), re.MULTILINE))
    assert confined["NoNewPrivileges"] == "yes"
    assert confined["CapabilityBoundingSet"] == ""
    assert confined["ProtectSystem"] == "strict"
    # `appointments-.service.d` is read for every unit whose name begins so (systemd.unit(5)).
    assert all(unit.name.startswith("appointments-") for unit in UNITS)


def test_every_variable_is_one_that_something_reads() -> None:
    for file in (*UNITS, DROP_IN):
        assert set(re.findall(r"^Environment=(\w+)=", file.read_text(), re.MULTILINE)) <= KNOWN, file.name


def test_the_release_step_ends_and_is_not_started_with_the_rest() -> None:
    text = (DEPLOY / "appointments-migrate.service").read_text()
    assert "Type=oneshot" in text
    assert "Restart=" not in text
    assert "[Install]" not in text
