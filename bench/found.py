"""What one bench found: figures for programs, lines for people, and how they stand against the targets."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Options:
    """How much is measured. `rounds` interleaved rounds of `seconds` each; `number` of tasks, mails and so on."""

    rounds: int
    seconds: float
    number: int
    rows: int


@dataclass(frozen=True)
class Target:
    """A figure that `docs/performance.md` wants, and what was measured. Missing it is no error."""

    what: str
    wanted: float
    measured: float
    at_most: bool = True
    unit: str = ""

    @property
    def is_met(self) -> bool:
        """Whether it was reached."""
        return self.measured <= self.wanted if self.at_most else self.measured >= self.wanted

    def to_json(self) -> dict[str, Any]:
        """As it stands in the result."""
        return {
            "what": self.what,
            "wanted": f"{'≤' if self.at_most else '≥'} {self.wanted:g} {self.unit}".strip(),
            "measured": round(self.measured, 3),
            "met": self.is_met,
        }


@dataclass(frozen=True)
class Found:
    """One bench's result. `errors` are sentences; any of them fails the run."""

    figures: dict[str, Any] | list[Any]
    lines: Sequence[str]
    targets: Sequence[Target] = ()
    errors: Sequence[str] = field(default=())


def table(titles: Sequence[str], rows: Sequence[Sequence[object]], words: Sequence[int] = (0,)) -> list[str]:
    """Columns aligned: those of `words` to the left, numbers to the right."""
    cells = [list(map(str, row)) for row in (titles, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index in words else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
