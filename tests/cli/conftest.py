"""Running commands in this process, on the emptied database and a directory of their own."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from settings import get_settings
from tests.front_door import command_line

Run = Callable[..., Result]


@pytest.fixture
def var_dir(database: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """VAR_DIR of the commands."""
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    get_settings.cache_clear()
    yield tmp_path / "var"
    get_settings.cache_clear()


@pytest.fixture
def run(var_dir: Path) -> Run:
    """`run("tokens", "list")` runs `flask tokens list`; `input=` is its standard input."""
    runner = command_line().test_cli_runner()

    def invoke(*arguments: object, input: str | bytes | None = None) -> Result:
        result = runner.invoke(args=[str(argument) for argument in arguments], input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def run_json(run: Run) -> Callable[..., Any]:
    """Runs a command that must succeed, with `--json`; what it printed."""

    def invoke(*arguments: object, input: str | bytes | None = None) -> Any:
        result = run(*arguments, "--json", input=input)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return invoke
