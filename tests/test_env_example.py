"""`.env.example` is the whole list of settings, each with its default and one line of explanation."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from settings import Settings
from tests.stack import ROOT

LINES = (ROOT / ".env.example").read_text().splitlines()
SETTING = re.compile(r"#([A-Z][A-Z_]*)=(.*)")
GIVEN = {found[1]: found[2] for found in map(SETTING.fullmatch, LINES) if found}


def test_it_lists_every_setting_and_nothing_else() -> None:
    assert sorted(GIVEN) == sorted(name.upper() for name in Settings.model_fields)


def test_every_setting_is_explained_on_the_line_before_it() -> None:
    for line, before in zip(LINES[1:], LINES, strict=False):
        if SETTING.fullmatch(line):
            assert before.startswith("# "), f"{line} has no comment"


def test_nothing_is_set_so_that_a_mere_copy_changes_nothing() -> None:
    assert [line for line in LINES if line and not line.startswith("#")] == []


def test_the_values_shown_are_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in GIVEN:
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / ".env"
    file.write_text("\n".join(line[1:] if SETTING.fullmatch(line) else line for line in LINES))
    shown, defaults = Settings(_env_file=file), Settings(_env_file=None)
    for name in Settings.model_fields:
        assert _plain(getattr(shown, name)) == _plain(getattr(defaults, name)), name


def _plain(value: object) -> object:
    """The database's URL may be spelled without its driver."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return text.replace("+psycopg", "") if isinstance(text, str) else text
