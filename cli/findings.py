"""What a check of `flask doctor` found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `hint` says what to do when it is not `ok`."""

    check: str
    ok: bool
    message: str
    hint: str = ""
