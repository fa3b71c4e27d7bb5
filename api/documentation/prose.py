"""Text to safe HTML: sentences with `code` in them, and the Markdown of the guides. Pure."""

import re
from typing import Final

from markdown_it import MarkdownIt
from markupsafe import Markup, escape

_CODE: Final = re.compile(r"`([^`]+)`")
_HEADING: Final = re.compile(r"<(h[23])>(.*?)</\1>")
_TAG: Final = re.compile(r"<[^>]+>")
_COPY: Final = '<div class="code"><button type="button" class="copy" hidden>Copy</button>'


def prose(text: str) -> Markup:
    """A sentence of a declaration: escaped, with what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just here


def slug(title: str) -> str:
    """A heading as an anchor: lower-case words with hyphens between."""
    return "-".join(re.findall(r"[a-z0-9]+", title.lower()))


def guide(markdown: str) -> tuple[Markup, tuple[tuple[str, str], ...]]:
    """A guide of the project's own as HTML, its headings as anchors; and its table of contents, (slug, title)."""
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    contents: list[tuple[str, str]] = []

    def anchored(found: re.Match[str]) -> str:
        title = _TAG.sub("", found[2])
        if found[1] == "h2":
            contents.append((slug(title), Markup(title).unescape()))  # noqa: S704 - unescaped for the template
        return f'<{found[1]} id="{slug(title)}">{found[2]}</{found[1]}>'

    html = _HEADING.sub(anchored, html)
    html = html.replace("<pre>", _COPY + '<pre tabindex="0">').replace("</pre>", "</pre></div>")
    return Markup(html), tuple(contents)  # noqa: S704 - MarkdownIt escaped it
