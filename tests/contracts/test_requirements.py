"""What is installed is what was chosen: pinned, with digests, nothing of development in production, licences known.

What is known of holes in it, no test on an isolated machine can tell: that is what `make audit` asks.
"""

import importlib.metadata
import json
import os
import re
import subprocess
import tomllib
from hashlib import sha256
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.contracts.source import ROOT, tracked_files

LOCKS = ("production", "local", "dev")
_PINNED = re.compile(r"(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>[0-9][^\s;]*)(?P<marker> ; [^\\]+?)? \\")
_HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")

LICENCES = frozenset(
    {
        *("MIT", "MIT-0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "ISC", "Zlib", "Unlicense", "CC0-1.0"),
        *("Apache-2.0", "PSF-2.0", "MPL-2.0", "LGPL-3.0-only", "ODbL-1.0"),
    }
)
"""Those that may be used unchanged in a service without its own source having to be given away."""


BROUGHT_ALONG = frozenset({"redis", "python-dotenv"})
"""Named for development, and in production all the same: limits and pydantic-settings need them."""


def pinned(lock: str) -> set[tuple[str, str, str]]:
    """Name, version and marker of every package of a lock."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    return {(m["name"], m["version"], m["marker"] or "") for m in _PINNED.finditer(text)}


def declared(group: str) -> set[str]:
    """The names of the packages that pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = (
        project["project"]["dependencies"] if group == "production" else project["dependency-groups"][group]
    )
    return {canonicalize_name(Requirement(line).name) for line in lines if isinstance(line, str)}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_one_version_with_its_digests(lock: str) -> None:
    lines = (ROOT / "requirements" / f"{lock}.txt").read_text().splitlines()
    odd = [line for line in lines if not (_PINNED.fullmatch(line) or _HASH.fullmatch(line))]
    assert odd == [], "an index, an address, an option or a range"
    for before, after in zip(lines, [*lines[1:], ""], strict=True):
        assert before.endswith("\\") is after.startswith("    --hash"), before


def test_production_holds_nothing_of_development_and_is_held_by_the_others() -> None:
    names = {name for name, _, _ in pinned("production")}
    only_others = (declared("local") | declared("dev")) - declared("production") - BROUGHT_ALONG
    assert names & only_others == set()
    assert declared("production") <= names
    assert pinned("production") <= pinned("local") <= pinned("dev")


def licences() -> dict[str, str]:
    lines = (ROOT / "requirements" / "licences.txt").read_text().splitlines()
    return dict(line.split(maxsplit=1) for line in lines if not line.startswith("#"))


def test_the_licence_of_every_package_in_production_is_listed_and_may_be_used() -> None:
    listed = licences()
    assert listed.keys() == {name for name, _, _ in pinned("production")}
    for name, licence in listed.items():
        assert set(re.split(r" (?:AND|OR) ", licence)) <= LICENCES, name


def test_what_is_listed_is_what_the_packages_say() -> None:
    for name, licence in licences().items():
        try:
            said = importlib.metadata.metadata(name).get("License-Expression")
        except importlib.metadata.PackageNotFoundError:
            continue  # for another version of Python
        assert said is None or said == licence, name


def test_no_vendored_file_differs_from_its_manifest() -> None:
    """Whatever stands below a folder `vendor` is named by a manifest there, with its digest."""
    files = [path for path in tracked_files() if "vendor" in path.relative_to(ROOT).parts]
    folders = {
        ROOT.joinpath(*path.relative_to(ROOT).parts[: path.relative_to(ROOT).parts.index("vendor") + 1])
        for path in files
    }
    assert len(folders) >= 3
    for folder in folders:
        told = "\n".join(
            path.read_text() for path in files if _is_manifest(path) and path.is_relative_to(folder)
        )
        for path in files:
            if path.is_relative_to(folder) and not _is_manifest(path):
                assert sha256(path.read_bytes()).hexdigest() in told, path


def _is_manifest(path: Path) -> bool:
    return path.name in ("VENDORED.md", "manifest.json")


# --- make audit ---


@pytest.fixture
def audited(tmp_path: Path) -> object:
    """Runs `make audit` with a pip-audit that does what it is told; None: there is none."""

    def run(script: str | None) -> subprocess.CompletedProcess[str]:
        if script is not None:
            program = tmp_path / "pip-audit"
            program.write_text(f"#!/bin/sh\nfor last; do :; done\n{script}\n")
            program.chmod(0o755)
        return subprocess.run(
            ["make", "--no-print-directory", "audit"],
            cwd=ROOT,
            env={**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return run


FOUND = json.dumps({"dependencies": [{"name": "flask", "version": "0.1", "vulns": [{"id": "PYSEC-1"}]}]})


@pytest.mark.parametrize(
    ("script", "succeeds", "said"),
    [
        ("echo '{}' > \"$last\"; exit 0", True, "No vulnerability is known"),
        (f"echo '{FOUND}' > \"$last\"; exit 1", False, "PYSEC-1"),
        ("echo 'ConnectionError: away' >&2; exit 1", False, "was not done"),
        ("exit 0", False, "was not done"),
        (None, False, "needs pip-audit"),
    ],
    ids=["nothing known", "something known", "service away", "no report", "no pip-audit"],
)
def test_an_audit_that_was_not_made_is_no_success(
    audited: object, script: str | None, succeeds: bool, said: str
) -> None:
    done = audited(script)  # type: ignore[operator]
    assert (done.returncode == 0) is succeeds, done.stderr
    assert said in done.stdout + done.stderr
    assert ("No vulnerability" in done.stdout) is succeeds
