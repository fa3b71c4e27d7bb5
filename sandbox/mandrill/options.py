"""How the stand-in behaves, as given at start; `Behaviour` is the part that may change while it runs."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

DEFAULT_RETRY_S = 1200.0
"""Mandrill tries again after 15 to 25 minutes: 20 minutes, a quarter more or less."""
LONGEST_LAG_S = 86_400.0


class BehaviourError(ValueError):
    """A change of behaviour that cannot be made; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What ``/admin/behaviour`` shows and changes. Times in seconds."""

    search_cap: bool = False
    """Whether messages/search answers 429 from the 21st call of a minute on."""
    search_lag_s: float = 0.0
    """How long a mail takes to be found by messages/search."""
    legacy_status: bool = False
    """Whether errors that are 400, 401, 404 and 422 today are 500, as before 2023."""
    webhook_retry_s: float = DEFAULT_RETRY_S
    """How long after a failure a batch is posted again, a quarter more or less."""

    def changed(self, wanted: object) -> "Behaviour":
        """With other values. Raises `BehaviourError`."""
        known = {each.name: type(getattr(self, each.name)) for each in fields(self)}
        if not isinstance(wanted, dict) or not wanted or not set(wanted) <= set(known):
            raise BehaviourError(f"Please give an object with any of: {', '.join(known)}.")
        values: dict[str, Any] = {}
        for name, value in wanted.items():
            if known[name] is bool:
                if not isinstance(value, bool):
                    raise BehaviourError(f"{name} is true or false.")
                values[name] = value
            else:
                if isinstance(value, bool) or not isinstance(value, int | float):
                    raise BehaviourError(f"{name} is a number of seconds.")
                if not 0 <= value <= LONGEST_LAG_S:
                    raise BehaviourError(f"{name} is between 0 and {LONGEST_LAG_S:.0f} seconds.")
                values[name] = float(value)
        return replace(self, **values)


@dataclass(frozen=True)
class Options:
    """What is given at start."""

    store: Path
    host: str = "127.0.0.1"
    port: int = 0
    silence_s: float = 60.0
    webhook_url: str = ""
    webhook_key: str = ""
    product_url: str = "http://127.0.0.1:8000"
    """Where requests of the product go, for the page that stands in for the front end's."""
    behaviour: Behaviour = Behaviour()
