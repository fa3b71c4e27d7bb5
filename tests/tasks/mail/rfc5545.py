"""Reads calendar files by the words of RFC 5545, with nothing in common with the library that writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_NAME = re.compile(r"[A-Za-z0-9-]+")
_PARAM = re.compile(r';([A-Za-z0-9-]+)=("[^"\x00-\x08\x0a-\x1f]*"|[^";:,\x00-\x08\x0a-\x1f]*)')
_ESCAPES = {"\\\\": "\\", "\\;": ";", "\\,": ",", "\\n": "\n", "\\N": "\n"}


@dataclass(frozen=True)
class Line:
    """One content line (section 3.1): parameters without quotes, the value as it is written."""

    name: str
    params: dict[str, str]
    value: str

    @property
    def text(self) -> str:
        """The value of type TEXT (section 3.3.11)."""
        return re.sub(r"\\[\\;,nN]", lambda match: _ESCAPES[match.group()], self.value)


@dataclass
class Component:
    """What stands between BEGIN and END."""

    name: str
    lines: list[Line] = field(default_factory=list)
    parts: list[Component] = field(default_factory=list)

    def __getitem__(self, name: str) -> Line:
        (line,) = [line for line in self.lines if line.name == name]
        return line

    def __contains__(self, name: str) -> bool:
        return any(line.name == name for line in self.lines)


def read(content: bytes) -> Component:
    """The one calendar of a file. Raises `ValueError` for anything that the grammar does not allow."""
    if not content.endswith(b"\r\n"):
        raise ValueError("The last line has no end.")
    physical = content.split(b"\r\n")[:-1]
    if any(len(line) > 75 or b"\r" in line or b"\n" in line for line in physical):
        raise ValueError("A line is longer than 75 octets or has a bare CR or LF.")
    for line in physical:
        line.decode()  # Folding must not cut a character in two where readers decode line by line.
    unfolded = content.replace(b"\r\n ", b"").replace(b"\r\n\t", b"").decode().split("\r\n")[:-1]
    root = Component("")
    open_parts = [root]
    for line in map(_line, unfolded):
        if line.name == "BEGIN":
            part = Component(line.value)
            open_parts[-1].parts.append(part)
            open_parts.append(part)
        elif line.name == "END":
            if open_parts.pop().name != line.value:
                raise ValueError(f"END:{line.value} closes something else.")
        else:
            open_parts[-1].lines.append(line)
    if len(open_parts) != 1 or len(root.parts) != 1 or root.lines:
        raise ValueError("Not exactly one calendar.")
    return root.parts[0]


def read_event(content: bytes) -> tuple[Component, Component]:
    """The calendar and its only event."""
    calendar = read(content)
    (event,) = calendar.parts
    if (calendar.name, event.name) != ("VCALENDAR", "VEVENT"):
        raise ValueError("Not a calendar with one event.")
    return calendar, event


def _line(text: str) -> Line:
    if any((ord(char) < 32 and char != "\t") or ord(char) == 127 for char in text):
        raise ValueError(f"A control character in {text!r}.")
    name = _NAME.match(text)
    if name is None:
        raise ValueError(f"No name in {text!r}.")
    at, params = name.end(), {}
    while param := _PARAM.match(text, at):
        params[param[1].upper()] = param[2].strip('"')
        at = param.end()
    if text[at : at + 1] != ":":
        raise ValueError(f"No value in {text!r}.")
    return Line(name.group().upper(), params, text[at + 1 :])
