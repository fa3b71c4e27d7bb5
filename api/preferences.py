"""The `Prefer` header (RFC 7240): how long a caller is willing to wait for what follows an answer."""

import re
from typing import Final

MAX_WAIT_S: Final = 10
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,6})\"?\s*(?=$|[,;])", re.IGNORECASE | re.ASCII)


def preferred_wait_s(prefer: str | None) -> int:
    """The seconds of `Prefer: wait=N`, at most 10; 0 without one. What cannot be read is ignored, as RFC 7240 says."""
    found = _WAIT.search(prefer) if prefer else None
    return min(int(found[1]), MAX_WAIT_S) if found else 0
