"""The cap of messages/search: 20 calls in any 60 seconds."""

from collections import deque

MOST_SEARCHES = 20
WITHIN_S = 60.0


class SearchCap:
    def __init__(self) -> None:
        self._made: deque[float] = deque()

    def admits(self, now: float) -> bool:
        """Whether one more search is allowed at this time (seconds on a clock that never goes back).

        A refused search does not count.
        """
        while self._made and self._made[0] <= now - WITHIN_S:
            self._made.popleft()
        if len(self._made) >= MOST_SEARCHES:
            return False
        self._made.append(now)
        return True

    def clear(self) -> None:
        self._made.clear()
