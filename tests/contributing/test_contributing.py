"""CONTRIBUTING.md is true: who does what its lists say, step by step, has a product that works and keeps the laws.

Everything is done on a copy of the tree, with a database of its own. There the tests of the lists are run, those of
`proofs/`, which look closer, and the laws.
"""

import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from tests.contracts.source import ROOT, tracked_files
from tests.contributing.lists import LISTS, PAGE, environment, steps
from tests.docs.test_pages import FILE, LINK, anchors
from tests.servers import reachable_directory

pytestmark = pytest.mark.timeout(300)
"""The first one that asks for it waits for everything: migrations, types, and a pytest within this one."""

MOST_STEPS = 5
PROOFS = "tests/contributing/proofs"
PROVED = dict(zip(LISTS, ("parameter", "route", "command", "mail", "status"), strict=True))
"""The list, and the file of `proofs/` about it. Those are no tests of this tree, so they are not called so."""
NEW = tuple(
    block.file
    for title in LISTS
    for step in steps(title)
    for block in step.blocks
    if block.how == "new" and block.file.startswith("tests/")
)
AUTHORIZED = "tests/security/test_authorization_table.py"
LAWS = (
    "tests/contracts/test_declarations.py",
    "tests/contracts/test_migrations.py",
    "tests/contracts/test_migrations_expand.py",
    "tests/contracts/test_rooms.py",
    "tests/contracts/test_rows_before_messages.py",
    "tests/contracts/test_thin_tasks.py",
    "tests/documentation/test_answers.py",
    "tests/documentation/test_openapi.py",
    "tests/documentation/test_pages.py",
    "tests/api/test_params.py",
    "tests/api/test_statuses.py",
    "tests/tasks/test_catalogue.py",
    "tests/tasks/test_door.py",
    "tests/security/test_authorization_table.py",
)
KEPT = (
    *("parking", "countdown", "find_address", "call_first", "where_the_photographer"),
    *(
        "test_declarations",
        "test_migrations.py",
        "test_thin_tasks",
        "test_catalogue",
        "test_params",
        "test_statuses",
    ),
    *("appointments/create", "what_the_schema_of_an_appointment", "two_shapes", "every_row_its_route"),
    *(
        "carries_one_id",
        "published_inside",
        "the_times_always",
        "[tasks.door]",
        "[tasks.catalogue]",
        "[api.app]",
    ),
)
"""What of these files is about something that the lists touch: whole files, tests and their cases, by their names."""


@dataclass(frozen=True)
class Scratch:
    """The copy on which everything was done: its files, and those that were made or changed."""

    tree: Path
    touched: tuple[str, ...]
    environment: dict[str, str]

    def run(self, *command: str, within_s: float) -> subprocess.Popen[str]:
        """Start a Python module there."""
        return subprocess.Popen(
            ["timeout", str(within_s), sys.executable, "-m", *command],
            cwd=self.tree,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture(scope="module")
def database_url(postgres_url: str) -> Iterator[str]:
    """A database beside that of the other tests."""
    url = make_url(postgres_url)
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("DROP DATABASE IF EXISTS contributing WITH (FORCE)")
        connection.exec_driver_sql("CREATE DATABASE contributing")
        yield url.set(database="contributing").render_as_string(hide_password=False)
        connection.exec_driver_sql("DROP DATABASE contributing WITH (FORCE)")
    connection.engine.dispose()


@pytest.fixture(scope="module")
def scratch(database_url: str) -> Iterator[Scratch]:
    """A copy of the tree on which all five lists were carried out."""
    with reachable_directory() as tree:
        for file in tracked_files():
            (tree / file.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, tree / file.relative_to(ROOT))
        copy = Scratch(tree, (), environment(tree, database_url))
        _ended_well(copy.run("alembic", "upgrade", "head", within_s=60))
        for title in LISTS:
            for step in steps(title):
                for block in step.blocks:
                    block.carry_out(tree, copy.environment)
        touched = tuple(
            str(path.relative_to(tree))
            for path in sorted(tree.rglob("*.py"))
            if not (here := ROOT / path.relative_to(tree)).exists() or here.read_bytes() != path.read_bytes()
        )
        # What `make format` does.
        for command in (("check", "--fix-only", "--quiet"), ("format",)):
            _ended_well(copy.run("ruff", *command, "--force-exclude", *touched, within_s=30))
        yield Scratch(tree, touched, copy.environment)


@pytest.fixture(scope="module")
def outcomes(scratch: Scratch) -> dict[str, str]:
    """What became of each test that was run on the copy, by `file::name`: empty if it passed, else why not.

    The types are checked at the same time, under the name `mypy`.
    """
    types = scratch.run(
        "mypy", "--cache-dir", str(_cache(scratch.tree)), *_typed(scratch.touched), within_s=240
    )
    report = scratch.tree / "report.xml"
    files = [*NEW, *(f"{PROOFS}/{name}.py" for name in PROVED.values()), *LAWS]
    kept = " or ".join((*(f"{name}.py" for name in PROVED.values()), *KEPT))
    given = (
        "-p",
        "tests.contributing.given",
        f"--junitxml={report}",
        "-o",
        "junit_family=xunit1",
        "-k",
        kept,
    )
    tests = scratch.run("pytest", *given, *files, within_s=240)
    said, _ = tests.communicate()
    assert report.exists(), said
    found = {
        f"{case.get('file')}::{case.get('name')}": "\n".join(
            f"{each.get('message')}\n{each.text}"
            for each in case
            if each.tag in ("failure", "error", "skipped")
        )
        for case in ET.parse(report).iter("testcase")
    }
    said, _ = types.communicate()
    found["mypy"] = "" if types.returncode == 0 else said
    return found


def _ended_well(process: subprocess.Popen[str]) -> None:
    said, _ = process.communicate()
    assert process.returncode == 0, (said, process.args)


def _cache(tree: Path) -> Path:
    """What mypy knows of the packages, where it has been run in this tree before; that saves half a minute of work."""
    cache = tree / ".mypy_cache"
    if (ROOT / ".mypy_cache").is_dir():
        shutil.copytree(ROOT / ".mypy_cache", cache)
    return cache


def _typed(touched: tuple[str, ...]) -> list[str]:
    return [name for name in touched if name.split("/")[0] in ("api", "models", "tasks")]


@pytest.mark.parametrize("title", LISTS)
def test_a_list_has_at_most_five_steps_and_ends_with_a_test(title: str) -> None:
    found = steps(title)
    assert 0 < len(found) <= MOST_STEPS
    assert found[-1].said.startswith("**The test")


@pytest.mark.parametrize("title", LISTS)
def test_a_reader_is_told_what_the_comments_say(title: str) -> None:
    for step in steps(title):
        for block in step.blocks:
            name = block.file.replace("*", "…")
            assert not name or f"`{name}`" in step.said, f"{block.file} is not named in: {step.said}"
            assert block.how != "nothing", f"Nobody knows what to do with: {block.text}"


def test_what_the_page_links_to_and_names_is_there_or_made_by_it() -> None:
    text = PAGE.read_text()
    made = {block.file for title in LISTS for step in steps(title) for block in step.blocks}
    named = {name for name in FILE.findall(text) if "…" not in name} - made
    assert {name for name in named if not (ROOT / name).exists()} == set()
    for link, anchor in LINK.findall(text):
        assert (ROOT / link).exists(), link
        assert not anchor or anchor in anchors(ROOT / link), f"{link}#{anchor}"


@pytest.mark.parametrize("title", LISTS)
def test_whoever_follows_a_list_has_what_it_is_about(title: str, outcomes: dict[str, str]) -> None:
    about = {name: why for name, why in outcomes.items() if name.startswith(f"{PROOFS}/{PROVED[title]}.py::")}
    assert about
    assert {name: why for name, why in about.items() if why} == {}


def test_the_tests_of_the_lists_and_the_laws_hold(outcomes: dict[str, str]) -> None:
    assert {file for file in (*NEW, *LAWS) if not any(name.startswith(file) for name in outcomes)} == set()
    assert {name: why for name, why in outcomes.items() if why and name != "mypy"} == {}


def test_what_was_written_is_clean(scratch: Scratch, outcomes: dict[str, str]) -> None:
    assert outcomes["mypy"] == ""
    _ended_well(scratch.run("ruff", "check", "--force-exclude", *scratch.touched, within_s=30))
    _ended_well(scratch.run("ruff", "format", "--check", "--force-exclude", *scratch.touched, within_s=30))
