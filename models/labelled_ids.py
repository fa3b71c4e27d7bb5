"""Ids as people read them off a page and type them into a search: "order 108", "Appointment #12", "No. 12", "#12"."""

import re
from typing import Final

_LABELLED: Final = re.compile(
    r"(?:(?P<label>appointment|order|command|notification)s?\s*(?:no\.?|\#)?|no\.?|\#)\s*(?P<number>[0-9]{1,18})",
    re.IGNORECASE | re.ASCII,
)


def labelled_id(words: str) -> tuple[str, int] | None:
    """What it is the id of, and the id; None when `words` are anything else.

    The label is appointment, order, command or notification; empty where only a sign stands before the number.
    """
    found = _LABELLED.fullmatch(words.strip())
    if found is None or int(found["number"]) == 0:
        return None
    return (found["label"] or "").lower(), int(found["number"])
