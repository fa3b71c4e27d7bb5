"""CONTRIBUTING.md as the tests read it: its lists, their steps, and what the comment above a block says to do with it.

<!-- new FILE -->            the block is the file
<!-- below FILE: LINE -->    it goes below the first line that begins like this, blanks apart; `one // next` are two
<!-- above FILE: LINE -->    above it
<!-- from FILE: LINE -->     in the place of that line and all that follow
<!-- end FILE -->            at the end of the file
a block of sh               is run

FILE may be a pattern with *, for a file that a command has made. A rendered page does not show the comments, so the
sentences beside them have to name the file too.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.stack import ROOT

PAGE = ROOT / "CONTRIBUTING.md"
LISTS = ("A parameter", "A route", "A command", "A mail", "A status")

_STEP = re.compile(r"^\d+\. ", re.MULTILINE)
_BLOCK = re.compile(
    r"(?:^ *<!-- (?P<how>new|below|above|from|end) (?P<file>[^\s:]+)(?:: (?P<line>.+?))? -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One thing to do: run `text`, or put it where `how`, `file` and `line` say."""

    how: str
    text: str
    file: str = ""
    line: str = ""

    def carry_out(self, tree: Path, environment: dict[str, str]) -> None:
        """Do it in this tree. `AssertionError` when it does not fit."""
        if self.how == "run":
            done = subprocess.run(
                ["/bin/sh", "-eu", "-c", self.text],
                cwd=tree,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert done.returncode == 0, f"{self.text}\n{done.stdout}{done.stderr}"
            return
        if self.how == "new":
            assert not (tree / self.file).exists(), f"{self.file} is there already."
            (tree / self.file).write_text(self.text)
            return
        (path,) = tree.glob(self.file)
        path.write_text("".join(self._put_into(path.read_text().splitlines(keepends=True))))

    def _put_into(self, lines: list[str]) -> list[str]:
        if self.how == "end":
            return [*lines, self.text]
        begin, end = self._place(lines)
        match self.how:
            case "below":
                return [*lines[:end], self.text, *lines[end:]]
            case "above":
                return [*lines[:begin], self.text, *lines[begin:]]
        return [*lines[:begin], self.text]

    def _place(self, lines: list[str]) -> tuple[int, int]:
        """The first line that is meant, and the one after it."""
        wanted = self.line.split(" // ")
        filled = [number for number, line in enumerate(lines) if line.strip()]
        for first in range(len(filled)):
            numbers = filled[first : first + len(wanted)]
            if len(numbers) == len(wanted) and all(
                " ".join(lines[number].split()).startswith(each)
                for number, each in zip(numbers, wanted, strict=True)
            ):
                return numbers[0], numbers[0] + 1
        raise AssertionError(f"{self.file} has no line that begins with: {self.line}")


@dataclass(frozen=True)
class Step:
    """One point of a list: what a reader sees, and the blocks in it."""

    said: str
    blocks: tuple[Block, ...]


def steps(title: str) -> list[Step]:
    """The steps of the list under this heading."""
    section = PAGE.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]
    return [_step(text) for text in _STEP.split(section)[1:]]


def _step(text: str) -> Step:
    blocks = tuple(
        Block(
            found["how"] or ("run" if found["language"] == "sh" else "nothing"),
            _without(found["indent"], found["text"]),
            found["file"] or "",
            found["line"] or "",
        )
        for found in _BLOCK.finditer(text)
    )
    return Step(_BLOCK.sub("", text), blocks)


def _without(indent: str, text: str) -> str:
    return "".join(line.removeprefix(indent) for line in text.splitlines(keepends=True))


def environment(tree: Path, database_url: str) -> dict[str, str]:
    """That of somebody who works in this tree, with a database of their own."""
    programs = Path(sys.executable).parent
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": str(tree),
        "DATABASE_URL": database_url,
    }
