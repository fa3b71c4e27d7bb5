"""What is wrong with one parameter, as values: nothing here decides, everything here is said to a person."""

from __future__ import annotations

from dataclasses import dataclass


class SpellingError(ValueError):
    """A value that cannot be read. ``message`` and ``hint`` are sentences without the parameter's name.

    ``hint`` says how to mend it and may be empty. Neither quotes the value, so both may be logged.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Fault:
    """One parameter that cannot be accepted."""

    param: str
    message: str
    hint: str = ""


class InvalidParams(ValueError):  # noqa: N818  (named after the answer that it becomes)
    """Parameters that are absent though required (``missing``) or unreadable (``invalid``)."""

    def __init__(self, missing: tuple[str, ...], invalid: tuple[Fault, ...]) -> None:
        parts = [f"{name} is required." for name in missing]
        parts += [f"{fault.param}: {fault.message}" for fault in invalid]
        super().__init__(" ".join(parts))
        self.missing = missing
        self.invalid = invalid
