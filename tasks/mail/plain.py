"""User text made safe for a header or a paragraph: no control characters, no direction tricks, no odd links.

Escaping for HTML is not done here; that is the templates' autoescape. This takes away what escaping leaves
in: line breaks that would start a header, terminal controls, invisible marks that turn the reading direction,
and half characters that no JSON can carry.
"""

import re
import unicodedata
from urllib.parse import urlsplit

# C0 and C1 controls, line and paragraph separator, bidirectional marks and overrides, BOM, lone surrogates.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_LINE_BREAKS = re.compile("\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")
_ANY_SPACE = re.compile(r"\s+")
_EXTENSION = re.compile(r"(?:ext\.?|extension|x|#)\s*([0-9]{1,8})\s*$", re.IGNORECASE)
_FEWEST_DIGITS, _MOST_DIGITS = 5, 20


def one_line(text: str | None) -> str:
    """Text for a subject, a name or a table cell: one line, single spaces, no control characters."""
    if not text:
        return ""
    return _ANY_SPACE.sub(" ", _UNWANTED.sub("", _LINE_BREAKS.sub(" ", text).replace("\t", " "))).strip()


def lines(text: str | None) -> tuple[str, ...]:
    """Text of several lines, as its lines; blank ones at both ends and repeated blank ones are dropped."""
    if not text:
        return ()
    kept: list[str] = []
    for raw in _LINE_BREAKS.sub("\n", text).split("\n"):
        line = one_line(raw)
        if line or (kept and kept[-1]):
            kept.append(line)
    while kept and not kept[-1]:
        kept.pop()
    return tuple(kept)


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters, cut at a word where one ends near, with an ellipsis."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    while cut and unicodedata.combining(text[len(cut)]):
        cut = cut[:-1]
    at_word = cut.rfind(" ")
    return (cut[:at_word] if at_word > limit * 2 // 3 else cut).rstrip(" ,;–-") + "…"


def phone_link(number: str | None) -> str | None:
    """The `tel:` URL (RFC 3966) of a telephone number as people write it; None when there is none to dial.

    `+` and digits are kept, an extension behind `x` or `ext` becomes `;ext=`.
    """
    found = _EXTENSION.search(text := one_line(number))
    main = text if found is None else text[: found.start()]
    digits = re.sub(r"[^0-9]", "", main)
    if not _FEWEST_DIGITS <= len(digits) <= _MOST_DIGITS:
        return None
    plus = "+" if main.lstrip(" (").startswith("+") else ""
    return f"tel:{plus}{digits}" + ("" if found is None else f";ext={found[1]}")


def web_link(url: str | None) -> str | None:
    """The URL if a mail may link to it (http or https, with a host); None for `javascript:` and the like."""
    text = one_line(url)
    if not text or " " in text:
        return None
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        return None
    return text if parts.scheme in ("http", "https") and host else None
