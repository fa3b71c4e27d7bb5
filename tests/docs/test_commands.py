"""Every command of the documents is executed, on the whole product as processes; what they show is what is printed.

A block that cannot be executed here says why (`tests/docs/pages.py`), and calls nothing that does not exist.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import offered
from tests.docs.given import Given
from tests.docs.pages import PAGES, SHELLS, Block, Step, blocks, examples, matches, steps
from tests.docs.shell import Shell, flask_program, write_program
from tests.servers import Server, client_path, running_redis
from tests.stack import ROOT, Stack, running_stack

FIRST = ("tutorial.md", "README.md")
LAST = ("command-line.md", "operations.md")
"""These take routes out of operation, drain queues and end sessions."""

HERE = frozenset(
    {
        *("flask", "curl", "python", "python3", "alembic", "make"),
        *("psql", "pg_dump", "pg_restore", "createdb"),
        *(".", "base64", "cat", "echo", "grep", "head", "pass", "printf", "sed", "sleep", "tail", "tr"),
    }
)
"""What a block may call that is executed: nothing that changes the machine."""

ELSEWHERE = frozenset(
    {
        *("systemctl", "systemd-analyze", "journalctl", "docker", "kubectl", "kustomize", "helm", "nginx"),
        *("apt", "apt-get", "pip", "useradd", "install", "promtool"),
        *("make run", "make test", "make lint", "make format", "make bench", "make chaos", "make lock"),
    }
)
"""What a test machine lacks, or would be changed by, or what takes minutes: its name is reason enough."""

USUAL = {"COMMAND_LEASE_S": "60", "MANDRILL_READ_TIMEOUT_S": "15", "MANDRILL_TOTAL_TIMEOUT_S": "20"}
"""Not the short timers of the other tests: `flask doctor` is to find nothing wrong."""

OF_THE_PROJECT = ("Makefile", "alembic.ini", "migrations", "deploy", "docs", "requirements", ".env.example")

pytestmark = pytest.mark.timeout(180)


def shell_blocks(page: Path) -> list[Block]:
    return [block for block in blocks(page) if block.language in SHELLS]


def called(block: Block) -> set[str]:
    """The programs, and of make the targets."""
    return {
        " ".join((Path(words[0]).name or words[0], *(words[1:2] if words[0] == "make" else ())))
        for words in offered.calls(block)
    }


def why_not_run(block: Block) -> str | None:
    """The reason that the page gives, or a program whose name is one."""
    foreign = called(block) & ELSEWHERE
    return block.not_run or (f"calls {', '.join(sorted(foreign))}" if foreign else None)


BLOCKS = [block for page in PAGES for block in shell_blocks(page)]
PAGES_WITH_COMMANDS = sorted(
    {block.page for block in BLOCKS if why_not_run(block) is None},
    key=lambda page: (
        page.name not in FIRST,
        page.name in LAST,
        (*FIRST, *LAST, page.name).index(page.name),
        page.name,
    ),
)


@pytest.fixture(scope="module")
def product(configured: None, postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The product with the demo's records, as after `make run`."""
    with (
        running_redis() as redis,
        running_stack(postgres_url, redis, tmp_path_factory.mktemp("documents"), **USUAL) as stack,
    ):
        yield stack


@pytest.fixture(scope="module")
def programs(product: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What stands on the PATH before everything else."""
    with flask_program(tmp_path_factory.mktemp("flask"), product.environment) as programs:
        write_program(programs / "pass", "#!/bin/sh\necho correct horse battery staple\n")
        write_program(programs / "activate", "")
        yield programs


@pytest.fixture(scope="module")
def given(
    product: Stack, postgres_server: Server, programs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Given:
    """A directory like that of the project, with `var` as a run leaves it, and the records of the examples."""
    place = tmp_path_factory.mktemp("clone")
    for name in OF_THE_PROJECT:
        (place / name).symlink_to(ROOT / name)
    (place / ".venv").mkdir()
    (place / ".venv/bin").symlink_to(programs)
    (place / "var").symlink_to(product.directory)
    environment = {
        **{name: value for name, value in product.environment.items() if not name.startswith("PYTEST_")},
        "PATH": os.pathsep.join(
            (
                str(programs),
                product.environment["PATH"].partition(os.pathsep)[0],
                client_path(postgres_server),
            )
        ),
        "DATABASE_URL": product.database_url.replace("postgresql+psycopg:", "postgresql:"),
    }
    seeded = subprocess.run(
        ["flask", "demo", "seed", "--json"],
        env=environment,
        cwd=place,
        check=True,
        capture_output=True,
        timeout=30,
    )
    told = {"api": product.url, "mandrill": product.mandrill_url, "demo": json.loads(seeded.stdout)}
    (product.directory / "run.json").write_text(json.dumps(told, indent=2))
    return Given(product, place, environment)


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS, ids=lambda page: page.name)
def test_the_commands_of_a_page_do_what_it_says(page: Path, given: Given, tmp_path: Path) -> None:
    shell = Shell(given.directory, tmp_path, given.environment)
    try:
        for block in blocks(page):
            given.before(block)
            if block.language not in SHELLS or why_not_run(block) is not None:
                continue
            assert {program.partition(" ")[0] for program in called(block)} <= HERE, block.where
            for step in examples(block) if given.separately(block) else steps(block):
                if given.separately(block):
                    given.anew(block)
                wrong = attempt(shell, given, step)
                give_up_at = time.monotonic() + (25 if block.eventually else 0)
                while wrong and time.monotonic() < give_up_at:
                    time.sleep(0.2)
                    wrong = attempt(shell, given, step)
                if wrong:
                    pytest.fail(wrong, pytrace=False)
    finally:
        shell.close()
        given.after(page)


def attempt(shell: Shell, given: Given, step: Step) -> str:
    """Execute a step; what is wrong with how it ended, or nothing."""
    block, command = step.block, given.here(step.command)
    ended = shell.run(command, typed=block.typed)
    happened = f"$ {command}\n{ended.printed}"
    if ended.status != block.ends_with:
        return f"{block.where}: ended with {ended.status}, not {block.ends_with}.\n{happened}"
    if step.shown is not None and not matches(given.here(step.shown), ended.printed):
        return f"{block.where}: what is printed is not what the page shows.\n{happened}\nshown:\n{step.shown}"
    if "Traceback (most recent call last)" in ended.printed:
        return f"{block.where}: a defect.\n{happened}"
    return ""


def test_what_is_not_run_says_why_and_calls_nothing_that_does_not_exist() -> None:
    faults = []
    for block in BLOCKS:
        faults += offered.faults(block)
        if block.language != "console":
            read = subprocess.run(
                ["bash", "-n"], input=block.text, capture_output=True, text=True, check=False
            )
            faults += [f"{block.where}: {read.stderr}"] if read.returncode else []
    assert faults == []


def test_what_is_run_calls_nothing_that_could_change_the_machine() -> None:
    strange = {
        f"{block.where}: {program}"
        for block in BLOCKS
        if why_not_run(block) is None
        for program in called(block)
        if program.partition(" ")[0] not in HERE
    }
    assert strange == set(), "Say above the block why it is not run: <!-- not run: reason -->"


def test_a_lie_is_found(tmp_path: Path) -> None:
    lying = tmp_path / "page.md"
    lying.write_text(
        "```sh\nflask routes remove x\nflask doctor --all\nmake nothing\npython -m workers.relay --twice\n```\n"
        "<!-- ends with 3 -->\n```console\n$ echo one two\none …\n$ false\n…\nlast\n```\n"
    )
    one, two = blocks(lying)
    assert len(offered.faults(one)) == 4
    assert two.ends_with == 3
    first, second = steps(two)
    assert (first.command, first.shown, second.shown) == ("echo one two", "one …", "…\nlast")
    assert matches(first.shown, "one two\n")
    assert not matches(first.shown, "two\n")
    assert matches(second.shown, "a\nb\nlast") and not matches(second.shown, "a\nlast\nb")
