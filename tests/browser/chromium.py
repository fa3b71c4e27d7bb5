"""Finding a Chromium for the tests, or installing the system's where that is possible without asking anybody."""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLAYWRIGHTS = (".cache/ms-playwright", "Library/Caches/ms-playwright")
"""Where `playwright install chromium` puts its own, below the home directory."""
INSTALL = ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium")
PATIENCE_S = 150
"""Longest time that an installation may take, with renewing the package lists."""

MISSING = (
    "The tests in a browser were skipped: there is no Chromium. Install one (Debian: apt install chromium; anywhere:"
    " .venv/bin/playwright install --with-deps chromium) or name one in CHROMIUM."
)


class NoChromiumError(Exception):
    """None is here and none could be installed; the text says what to do."""

    def __str__(self) -> str:
        return MISSING


def chromium() -> str:
    """The path of a Chromium that starts. Raises `NoChromiumError`."""
    found = find() or _installed()
    if found is None:
        raise NoChromiumError
    return found


def arguments() -> list[str]:
    """How it is started: nothing but this machine has a name, and it does nothing of its own accord."""
    return [
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
        *("--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
        *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ]


def find() -> str | None:
    """What `CHROMIUM` names, else one on PATH, else one of Playwright's; each only if it starts."""
    given = os.environ.get("CHROMIUM")
    candidates = [given] if given else [*filter(None, map(shutil.which, NAMES)), *_of_playwright()]
    return next((path for path in candidates if _starts(path)), None)


def _of_playwright() -> list[str]:
    elsewhere = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    roots = [Path(elsewhere)] if elsewhere else [Path.home() / place for place in PLAYWRIGHTS]
    return [
        str(path)
        for root in roots
        for name in ("chrome", "headless_shell", "chrome-headless-shell", "Chromium")
        for path in sorted(root.glob(f"chromium*/**/{name}"), reverse=True)
        if path.is_file()
    ]


def _starts(path: str) -> bool:
    # Ubuntu's chromium-browser is a script that asks for a snap and fails.
    try:
        return (
            subprocess.run([path, "--version"], check=False, capture_output=True, timeout=30).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def _installed() -> str | None:
    if os.environ.get("CHROMIUM") or os.geteuid() != 0 or shutil.which(INSTALL[0]) is None:
        return None
    # Processes of one run of the tests wait for the first, and take over what came of it.
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    tried = Path(tempfile.gettempdir()) / f"chromium-install-{run}"
    with tried.open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if tried.stat().st_size == 0:
            _install()
            lock.write("tried")
        return find()


def _install() -> None:
    deadline = time.monotonic() + PATIENCE_S
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (INSTALL, ("apt-get", "update", "--quiet"), INSTALL):
        left_s = deadline - time.monotonic()
        try:
            done = subprocess.run(
                command, check=False, env=quietly, capture_output=True, timeout=max(1, left_s)
            )
        except (OSError, subprocess.TimeoutExpired):
            return
        if command is INSTALL and done.returncode == 0:
            return
