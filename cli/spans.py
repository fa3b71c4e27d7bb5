"""Options that say for how long: numbers that a wait comes to an end with."""

import math
from typing import Any

import click


class Span(click.FloatRange):
    """A range of numbers without `nan` and `inf`, which Python reads as numbers: no clock ever reaches them."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, as click converts it. Raises `click.BadParameter`."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a valid {self.name}.", param, ctx)
        return number
