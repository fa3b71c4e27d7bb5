"""Each top-level room says at its door what it is for, what it may import, and where to begin; and says it truly."""

import re

import pytest

from tests.contracts.source import ROOT, tracked_files
from tests.contracts.test_rooms import MAY_IMPORT

NO_ROOMS = {".ci", "docs", "requirements"}
"""Folders without code of ours; docs/README.md is the index of the pages."""
MOST_LINES = 40

ROOMS = sorted(
    {path.relative_to(ROOT).parts[0] for path in tracked_files() if path.parent != ROOT} - NO_ROOMS
)


def readme(room: str) -> str:
    path = ROOT / room / "README.md"
    assert path.exists(), f"{room}/ has no README.md that says what the room is for."
    return path.read_text()


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", text)


@pytest.mark.parametrize("room", ROOMS)
def test_it_has_its_parts_and_is_short(room: str):
    text = readme(room)
    assert text.startswith(f"# {room}\n")
    assert [part for part in ("**May import**: ", "**The law**", "**Begin with** ") if part not in text] == []
    assert len(text.splitlines()) <= MOST_LINES


@pytest.mark.parametrize("room", sorted(MAY_IMPORT.keys() & set(ROOMS)))
def test_what_it_may_import_is_what_the_law_allows(room: str):
    (said,) = re.findall(r"^\*\*May import\*\*: (.*)$", readme(room), re.MULTILINE)
    assert set(quoted(said)) == set(MAY_IMPORT[room])


@pytest.mark.parametrize("room", ROOMS)
def test_it_names_every_room_within_it(room: str):
    within = {
        path.relative_to(ROOT).parts[1]
        for path in tracked_files()
        if path.is_relative_to(ROOT / room) and len(path.relative_to(ROOT).parts) > 2
    }
    assert within - {name.rstrip("/") for name in quoted(readme(room)) if name.endswith("/")} == set()


@pytest.mark.parametrize("room", ROOMS)
def test_every_file_that_it_names_is_there(room: str):
    text = readme(room)
    named = [name for name in quoted(text) if re.fullmatch(r"[\w./-]+(/|\.(py|md|yaml|target))", name)]
    linked = re.findall(r"\]\(([^)#]+)", text)
    missing = [name for name in named + linked if not any((ROOT / at / name).exists() for at in (room, "."))]
    assert missing == []
