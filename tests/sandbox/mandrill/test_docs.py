"""docs/sandbox.md says what the code does: its faults, calls, options and the map of the package."""

import re
import subprocess
import sys
from dataclasses import fields

import sandbox.mandrill
from sandbox.mandrill.api import CALLS
from sandbox.mandrill.events import EVENTS
from sandbox.mandrill.faults import KINDS, SENDING_CALLS
from sandbox.mandrill.options import Behaviour
from tests.sandbox.mandrill.conftest import ROOT

TEXT = (ROOT / "docs" / "sandbox.md").read_text()


def fault_rows() -> list[str]:
    return [
        f"| `{name}{f'={kind.value}' if kind.value else ''}` | {'yes' if kind.recorded else 'no'} | {kind.says} |"
        for name, kind in KINDS.items()
    ]


def test_the_table_of_faults_is_that_of_the_code() -> None:
    section = TEXT.partition("\n## Faults\n")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("| `")]
    assert table == fault_rows()


def test_every_call_is_named() -> None:
    section = TEXT.partition("\n## Calls\n")[2].partition("\n\n")[0].replace("\n", " ")
    named = set()
    for group in section.strip(" .").split(";"):
        root, _, calls = group.strip().partition("/` ")
        named |= {f"{root.strip('`')}/{call.strip()}" for call in calls.split(",")}
    assert named == {*CALLS, *SENDING_CALLS}


def test_every_option_is_named() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "sandbox.mandrill", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    options = set(re.findall(r"--[a-z-]+", shown)) - {"--help"}
    section = TEXT.partition("\n## Options\n")[2].partition("\n## ")[0]
    assert options == set(re.findall(r"--[a-z-]+(?=`)", section))
    for field in fields(Behaviour):
        assert f"`{field.name}`" in section


def test_every_event_is_named() -> None:
    section = (
        TEXT.partition("\n## Webhooks\n")[2]
        .partition("\n## ")[0]
        .replace("bounces", "hard_bounce soft_bounce")
    )
    assert [event for event in EVENTS if event not in section] == []


def test_the_map_of_the_package_names_every_file() -> None:
    files = {each.name for each in (ROOT / "sandbox" / "mandrill").glob("[a-z]*.py")}
    assert files == set(re.findall(r"``([a-z_]+\.py)``", sandbox.mandrill.__doc__ or ""))
