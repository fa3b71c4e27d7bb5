"""What can be wrong with a request, as values: faults, warnings, and the refusal of a whole request.

A `Fault` belongs to one parameter; a request collects all of its faults before it is answered. A
`ParamWarning` never changes the status. A `Refusal` ends the request at once, before there are
parameters to speak of.

Whatever these values quote from a request passes through `quoted` or `clipped` first: short, on one
line, without control characters, so that an answer or a log line cannot be flooded or forged; and without
a token, which people put into the strangest places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from models.token_spelling import without_tokens

VALUE_LENGTH = 40
NAME_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Fault:
    """One parameter that cannot be accepted, or, with `mandrill-email-failed`, one mail that could not be sent.

    `status` is mostly `missing-param` or `invalid-param`; of a mail, `param` is its kind. `message` says what is
    wrong and `hint` how to mend it (it may be empty); both are sentences that stand beside the parameter's name,
    not around it.
    """

    param: str
    status: str
    message: str
    hint: str = ""

    def to_json(self) -> dict[str, str]:
        """An element of the answer's `errors` (contract.md section 1)."""
        return {"param": self.param, "status": self.status, "message": self.message, "hint": self.hint}


@dataclass(frozen=True, slots=True)
class ParamWarning:
    """Something the client should know although the request goes through.

    `param` is the name as the client sent it (clipped and escaped), or None when the warning speaks of
    the whole request.
    """

    param: str | None
    message: str
    hint: str = ""

    def to_json(self) -> dict[str, str | None]:
        """An element of the answer's `warnings` (contract.md section 1)."""
        shown: dict[str, str | None] = {"param": self.param, "message": self.message}
        if self.hint:
            shown["hint"] = self.hint
        return shown


class Refusal(Exception):  # noqa: N818 - it is the answer to a request, not a defect of the program
    """The request is answered now, with this status, and goes no further.

    Carries three strings, so that it can be logged, compared and pickled without the request it is about.
    """

    def __init__(self, status: str, message: str, hint: str = "") -> None:
        super().__init__(status, message, hint)
        self.status = status
        self.message = message
        self.hint = hint


class Unreadable(ValueError):  # noqa: N818 - named for what it says of the value
    """A value that no spelling of its type allows. `message` and `hint` are as in `Fault`."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint


def clipped(text: str, length: int) -> str:
    """At most `length` characters of `text`: what does not print as its code (`\\u001b`), a token as its kind."""
    text = without_tokens(text)
    short = text if len(text) <= length else text[: length - 1] + "…"
    if short.isprintable():
        return short
    shown = "".join(char if char.isprintable() else _code(char) for char in short)
    return shown if len(shown) <= length else shown[: length - 1] + "…"


def quoted(text: str) -> str:
    """A text from a request as a message may show it: clipped, escaped, in quotation marks."""
    return f"“{clipped(text, VALUE_LENGTH)}”"


def kind(value: object) -> str:
    """The JSON type of a value, with its article."""
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, Mapping):
        return "an object"
    return "an array"


def _code(char: str) -> str:
    point = ord(char)
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"
