"""Where the tests' browser comes from: what is there, or what the system's package manager brings."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser import chromium

WORKS, FAILS = "exit 0", "echo 'install the snap'; exit 1"
Put = Callable[[str, str], str]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """A machine with nothing on it but the programs that are put there."""
    for name in ("CHROMIUM", "PLAYWRIGHT_BROWSERS_PATH", "PYTEST_XDIST_TESTRUNUID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    def put(place: str, script: str) -> str:
        program = tmp_path / place
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return str(program)

    return put


def test_the_one_that_is_named_is_taken_and_no_other(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    put("bin/chromium", WORKS)
    mine = put("mine", WORKS)
    monkeypatch.setenv("CHROMIUM", mine)
    assert chromium.chromium() == mine
    put("mine", FAILS)
    with pytest.raises(chromium.NoChromiumError, match="apt install chromium"):
        chromium.chromium()


def test_one_that_does_not_start_is_passed_over(put: Put) -> None:
    put("bin/chromium-browser", FAILS)
    assert chromium.find() is None
    playwrights = put("home/.cache/ms-playwright/chromium-1200/chrome-linux64/chrome", WORKS)
    assert chromium.find() == playwrights
    assert chromium.find() != put("bin/google-chrome", WORKS) == chromium.find()


def test_root_installs_the_system_s_once_for_all_processes(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = tmp_path / "asked"
    # As on a new machine: nothing is known until the lists are renewed.
    put(
        "bin/apt-get",
        f'echo "$1" >> {asked}; [ "$1" = update ] && exit 0; [ "$(/bin/grep -c . {asked})" = 3 ]',
    )
    with pytest.raises(chromium.NoChromiumError):
        chromium.chromium()
    assert not asked.exists(), "only root may"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for _ in range(2):
        with pytest.raises(chromium.NoChromiumError):
            chromium.chromium()
    assert asked.read_text().split() == ["install", "update", "install"]
    brought = put("bin/chromium", WORKS)
    assert chromium.chromium() == brought
