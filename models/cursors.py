"""Cursors of lists: a place in an order, as text that callers hand back and need not understand.

What the text holds is the affair of each list; here is how it is wrapped, and what is said of one that is none.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager


class CursorError(ValueError):
    """Not a cursor of this list. The message is a sentence."""


def wrapped(text: str) -> str:
    """The cursor that holds this text: letters that stand in a URL as they are (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@contextmanager
def unwrapped(cursor: str) -> Iterator[str]:
    """The text of a cursor, to be taken apart within: what fails there raises `CursorError`."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        yield base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except CursorError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        raise CursorError("This is not a cursor that the list gave out.") from None
