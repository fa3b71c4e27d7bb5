"""The documents as the tests read them: fenced blocks, with what the comment right above a block says about it.

```sh            commands; the block has to end well
```console       `$ command`, and below it what it prints; … stands for anything, alone on a line for any lines
<!-- not run: needs systemd -->      it is not executed; what it calls must exist all the same
<!-- ends with 1 -->                 the exit status that it has to end with
<!-- eventually -->                  the work is done in the background: tried until it prints what is shown
<!-- typed: some words -->           what is typed when it asks, line for line the same
"""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.stack import ROOT

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]

ANYTHING = "…"
SHELLS = frozenset({"sh", "bash", "console"})
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)\s*$")
_CALL = re.compile(r"(flask|make|python3?|curl|alembic|systemctl|journalctl|docker|kubectl|psql|pg_\w+) ")
"""A block without a language that begins like this is one of commands."""
_HERE_DOCUMENT = re.compile(r"(<<-?\s*['\"]?(\w+)['\"]?[^\n]*)\n.*?\n\s*\2\s*?\n", re.DOTALL)
_COMMENT = re.compile(r"^\s*<!-- (?P<key>not run|ends with|eventually|typed)(?::? (?P<value>.+?))? -->\s*$")


@dataclass(frozen=True)
class Block:
    """One fenced block. `line` is that of its fence, from 1."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str | None = None
    ends_with: int = 0
    eventually: bool = False
    typed: str | None = None

    @property
    def where(self) -> str:
        """For the message of a failure."""
        return f"{self.page.name}:{self.line}"


@dataclass(frozen=True)
class Step:
    """Something for the shell, and what it is to print; None: whatever it likes."""

    block: Block
    command: str
    shown: str | None = None


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    found: list[Block] = []
    lines = page.read_text().splitlines()
    said: dict[str, str] = {}
    number = 0
    while number < len(lines):
        line = lines[number]
        comment, fence = _COMMENT.match(line), _FENCE.match(line)
        if comment:
            said[comment["key"]] = comment["value"] or ""
        elif fence:
            end = next(i for i in range(number + 1, len(lines)) if lines[i].strip() == "```")
            body = [text.removeprefix(fence["indent"]) for text in lines[number + 1 : end]]
            found.append(
                Block(
                    page,
                    number + 1,
                    fence["language"] or ("sh" if _CALL.match(body[0]) else ""),
                    "\n".join(body) + "\n",
                    not_run=said.get("not run"),
                    ends_with=int(said.get("ends with", 0)),
                    eventually="eventually" in said,
                    typed=said.get("typed"),
                )
            )
            number, said = end, {}
        elif line.strip():
            said = {}
        number += 1
    return found


def steps(block: Block) -> list[Step]:
    """What of a block is executed, one after another."""
    if block.language != "console":
        return [Step(block, block.text)]
    found: list[tuple[list[str], list[str]]] = []
    for line in block.text.splitlines():
        is_more = found and not found[-1][1] and is_open("\n".join(found[-1][0]))
        if line.startswith("$ "):
            found.append(([line.removeprefix("$ ")], []))
        elif is_more:
            found[-1][0].append(line)
        else:
            assert found, f"{block.where}: a console block begins with a command behind `$ `."
            found[-1][1].append(line)
    return [Step(block, "\n".join(command), "\n".join(shown)) for command, shown in found]


def examples(block: Block) -> list[Step]:
    """The commands of a block that are examples of their own rather than steps of one piece of work."""
    return [Step(block, line) for line in lines_of(block.text)]


def is_open(command: str) -> bool:
    """Whether the next line belongs to it: a backslash at the end, or a quotation that is not closed."""
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return True
    return False


def lines_of(text: str) -> list[str]:
    """The commands of a script, each on one line of its own; without comments and here-documents."""
    found, begun = [], ""
    for line in _HERE_DOCUMENT.sub(r"\1\n", text).splitlines():
        begun = f"{begun}\n{line}" if begun else line
        if not is_open(begun):
            if shlex.split(begun, comments=True):
                found.append(re.sub(r"\\\n\s*", " ", begun))
            begun = ""
    return [*found, begun] if begun else found


def matches(shown: str, printed: str) -> bool:
    """Whether the output is as shown. Blanks at the ends of lines, and of the whole, do not count."""
    wanted, is_first, any_lines = "", True, False
    for line in shown.strip().splitlines():
        if line.strip() == ANYTHING:
            any_lines = True
            continue
        between = "" if is_first else "\n"
        if any_lines:
            between = "(?:.*\n)*?" if is_first else "\n(?:.*\n)*?"
        wanted += between + ".*?".join(map(re.escape, line.rstrip().split(ANYTHING))) + r"[ \t]*"
        is_first, any_lines = False, False
    if any_lines:
        wanted += r"(?:\n.*)*" if not is_first else r"[\s\S]*"
    return re.fullmatch(wanted, printed.strip()) is not None
