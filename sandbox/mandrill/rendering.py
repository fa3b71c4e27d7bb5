"""What a stored template becomes: editable regions and merge variables filled in. Pure.

A small part of Mandrill's: ``mc:edit`` regions are replaced by ``template_content``, then ``*|NAME|*`` (or
``{{NAME}}`` if the message says handlebars) by merge variables, without case, of one recipient or global.
Conditions, loops, filters and helpers are left as they stand.
"""

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

_VOID = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()  # noqa: SIM905 - a list
)
_TAGS = {
    "mailchimp": re.compile(r"\*\|([A-Za-z0-9_.-]+)\|\*"),
    "handlebars": re.compile(r"\{\{\{?\s*([A-Za-z0-9_.-]+)\s*\}?\}\}"),
}


def fill_regions(html: str, contents: Mapping[str, str]) -> str:
    """The HTML with the inside of every element ``mc:edit="name"`` replaced, where ``contents`` has it."""
    finder = _Regions(html)
    finder.feed(html)
    for start, end, name in sorted(finder.found, reverse=True):
        if name in contents:
            html = html[:start] + contents[name] + html[end:]
    return html


def fill_variables(text: str, variables: Mapping[str, str], *, language: str) -> str:
    """Names without a value stay as they are. ``variables`` has its names in small letters."""
    return _TAGS[language].sub(lambda found: variables.get(found[1].lower(), found[0]), text)


def variables_of(values: object) -> dict[str, str]:
    """``[{"name": …, "content": …}]`` as Mandrill takes merge variables; what is none is left out."""
    found: dict[str, str] = {}
    for each in values if isinstance(values, list) else []:
        if isinstance(each, dict) and isinstance(each.get("name"), str):
            content: Any = each.get("content")
            found[each["name"].lower()] = "" if content is None else str(content)
    return found


class _Regions(HTMLParser):
    """Where the insides of the editable elements begin and end; nested ones belong to the outermost."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[tuple[int, int, str]] = []
        self._lines = [0]
        for line in html.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._open: tuple[str, int, str] | None = None
        self._depth = 0

    def _here(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            return
        if self._open is not None:
            self._depth += tag == self._open[0]
        elif name := dict(attrs).get("mc:edit"):
            self._open, self._depth = (tag, self._here() + len(self.get_starttag_text() or ""), name), 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """``<p/>`` has no inside."""

    def handle_endtag(self, tag: str) -> None:
        if self._open is not None and tag == self._open[0]:
            self._depth -= 1
            if self._depth == 0:
                _, start, name = self._open
                self.found.append((start, self._here(), name))
                self._open = None
