"""One reader of the environment, and nothing of anybody's machine in the files."""

import ast
import re

import pytest

from settings import Settings
from tests.contracts.source import ROOT, imports, production_modules, tracked_files

READS = {"os.environ", "os.getenv", "os.environb", "os.getenvb", "environ", "getenv"}

# Put together here, so that this file does not hold what it looks for.
MACHINE = re.compile(
    "|".join(
        [
            r"(?<![\w.$}])/(?:wo" + r"rk|ro" + r"ot|Us" + r"ers|ho" + r"me)/[\w.-]+",
            r"--(?:extra-)?index" + r"-url",
            r"https?://[\w.-]*(?:art" + r"ifactory|ne" + r"xus|pypi|reg" + r"istry)[\w.-]*",
            r"files\.python" + r"hosted",
        ]
    )
)
TEXT = {
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".ini",
    ".cfg",
    ".yml",
    ".yaml",
    ".json",
    ".jsonl",
    ".jinja",
    ".sh",
    ".mako",
    "",
}


def test_only_the_settings_read_the_environment():
    readers = {
        name
        for name, tree in production_modules().items()
        if any(
            isinstance(node, ast.Attribute | ast.Name) and ast.unparse(node) in READS
            for node in ast.walk(tree)
        )
    }
    assert readers == {"settings"}


def test_nobody_reads_a_dotenv_file_beside_the_settings():
    for name in production_modules():
        assert "dotenv" not in {imported.split(".")[0] for imported in imports(name)}, name


def test_the_settings_are_frozen_and_hide_what_is_secret():
    made = Settings(
        secret_key="s" * 40,
        mandrill_api_key="m" * 40,
        sentry_dsn="d" * 40,
        database_url="postgresql://u:pppp@h/d",
    )
    for secret in ("s" * 40, "m" * 40, "d" * 40, "pppp"):
        assert secret not in repr(made)
    with pytest.raises(ValueError, match="frozen"):
        made.port = 1


FILES = [path for path in tracked_files() if path.suffix in TEXT and "vendor" not in path.parts]


def test_no_file_holds_a_path_of_this_machine_or_the_host_of_a_registry():
    found = []
    for path in FILES:
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if match := MACHINE.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {match[0]}")
    assert found == []
