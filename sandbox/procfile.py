"""The Procfile: which processes the product consists of, one line `name: command` each.

The form is Heroku's and Foreman's; a shell reads the command, so `$VARIABLES` of the environment work.
"""

import re
from pathlib import Path

SANDBOX = "mandrill"
"""The process that another Mandrill makes needless."""
NEEDS_NO_SCHEMA = (SANDBOX, "flower")
"""The processes that may start before the tables are there."""

_LINE = re.compile(r"^([A-Za-z0-9][A-Za-z0-9_-]*):\s*(\S.*)$")


class ProcfileError(ValueError):
    """A line that cannot be read; the text names the file and the line."""


def read(path: Path) -> dict[str, str]:
    """The commands by process name, in the order of the file. Raises `ProcfileError`, `OSError`."""
    commands: dict[str, str] = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        entry = _LINE.match(text)
        if entry is None:
            raise ProcfileError(f"{path}, line {number}: expected 'name: command', found {text!r}.")
        if entry[1] in commands:
            raise ProcfileError(f"{path}, line {number}: the process {entry[1]!r} is named twice.")
        commands[entry[1]] = entry[2]
    return commands
