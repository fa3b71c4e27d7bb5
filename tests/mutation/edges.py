"""Changes the table of edges, one entry at a time, and runs the tests of the moves on each: `make mutation`.

mutmut changes functions; the states and edges are a table, and its rules stand in the statements that are made of
it. Here each edge loses a source, gains one, or leads elsewhere, and the tests must notice. One PostgreSQL serves
all; each changed table lives in a process of its own. `--one-in 5` takes a fifth of them.
"""

import argparse
import contextlib
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from tests import servers

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "models/command_states.py"
TESTS = (
    "tests/models/test_command_states.py",
    "tests/contracts/test_states_and_edges.py",
    "tests/models/test_command_moves.py",
    "tests/models/test_command_claims.py",
    "tests/models/test_command_endings.py",
)
STATES = ("WAITING", "PENDING", "RUNNING", "SENDING", "UNKNOWN", "DONE", "FAILED")


def changed_tables(page: str) -> Iterator[tuple[str, str]]:
    """Every changed table: what was changed, and the whole page."""
    for line in page.splitlines():
        name, is_edge, rest = line.partition(" = Edge(")
        if not is_edge:
            continue
        word, _, places = rest.partition(", (")
        sources_text, _, target = places.removesuffix(")").partition("), State.")
        sources = [
            each.strip(" ,").removeprefix("State.") for each in sources_text.split(",") if each.strip()
        ]

        def edge(sources: list[str], target: str, name: str = name, word: str = word) -> str:
            listed = ", ".join(f"State.{each}" for each in sources)
            return f"{name} = Edge({word}, ({listed},), State.{target})"

        for state in STATES:
            if state in sources and len(sources) > 1:
                fewer = [each for each in sources if each != state]
                yield f"{name} no more from {state}", page.replace(line, edge(fewer, target))
            if state not in sources and state != target:
                yield f"{name} from {state} too", page.replace(line, edge([*sources, state], target))
            if state != target and state not in sources:
                yield f"{name} to {state}", page.replace(line, edge(sources, state))


class OneServer:
    """A plugin: the tests use the servers of the parent, whose schema is made already."""

    def __init__(self, postgres: servers.Server, redis: servers.Server) -> None:
        self.patches = [
            mock.patch.object(servers, "running_postgres", lambda: contextlib.nullcontext(postgres)),
            mock.patch.object(servers, "running_redis", lambda: contextlib.nullcontext(redis)),
        ]

    def pytest_sessionstart(self) -> None:
        for patch in self.patches:
            patch.start()
        sys.modules["tests.conftest"].migrate = lambda url: None  # type: ignore[attr-defined]


def is_noticed(page: str, plugin: OneServer) -> bool:
    """Whether a test fails with this page, in a process of its own."""
    child = os.fork()
    if child == 0:
        status = 2
        try:
            with Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), 1)
                os.dup2(nowhere.fileno(), 2)
            import models

            module = types.ModuleType("models.command_states")
            module.__file__ = str(PAGE)
            sys.modules[module.__name__] = models.command_states = module  # type: ignore[attr-defined]
            try:
                exec(compile(page, str(PAGE), "exec"), module.__dict__)
            except Exception:  # noqa: BLE001 - it cannot even be loaded
                os._exit(1)
            status = int(pytest.main(["-x", "-q", *TESTS], plugins=[plugin]))
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def main() -> int:
    """Run them, and list those that no test noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.edges")
    parser.add_argument("--one-in", type=int, default=1)
    one_in = parser.parse_args().one_in
    os.chdir(ROOT)
    page = PAGE.read_text()
    changes = list(changed_tables(page))[::one_in]
    with servers.running_postgres() as postgres, servers.running_redis() as redis:
        plugin = OneServer(postgres, redis)
        os.environ["DATABASE_URL"] = postgres.url
        if os.spawnv(os.P_WAIT, sys.executable, [sys.executable, "-m", "alembic", "upgrade", "head"]) != 0:
            return 2
        if is_noticed(page, plugin):
            sys.stdout.write("The tests fail without any change.\n")
            return 2
        survived = [change for change, changed in changes if not is_noticed(changed, plugin)]
    sys.stdout.write(f"{len(changes)} changed tables, {len(survived)} not noticed.\n")
    sys.stdout.writelines(f"  {change}\n" for change in survived)
    return bool(survived)


if __name__ == "__main__":
    sys.exit(main())
