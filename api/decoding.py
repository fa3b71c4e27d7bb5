"""From the parameters of a body to values, faults and warnings, by the declarations of a registry.

One pass: blanks are dropped, each value is read as its parameter declares, then the rules between parameters
settle what they settle. Everything wrong with a request is found at once. Whether an id exists, and whether
this caller may see it, is decided later, where there is a database.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from functools import cache, cached_property
from typing import Any, Final

from pydantic import SecretStr
from pydantic_core import to_json

from api.faults import NAME_LENGTH, Fault, ParamWarning, Refusal, Unreadable, clipped
from api.params import Param, Registry
from api.readers import Circumstances, Reader, reader_of
from api.statuses import INVALID_PARAM, INVALID_TOKEN, MISSING_PARAM
from models.clock import SpellingError, Supplied, is_blank, parse_boolean
from models.clock.supplied import FIELD_NAMES

MAX_NAMED_UNKNOWNS: Final = 50
"""Unknown names that get a warning of their own; the rest are only counted."""

MAX_TOKEN_LENGTH: Final = 255

NOT_COMPARED: Final = frozenset(
    {"token", "session_view", "updated_at_mt", "month_first", "refuse_conflicts", "dry_run"}
)
"""What two requests may differ in and still be the same request (contract.md section 6).

`month_first` is among them because it says how to read the dates, which are compared as read. `refuse_conflicts`
and `dry_run` say under which conditions something is stored, and nothing about what.
"""

CLOCK_FIELDS: Final = frozenset(FIELD_NAMES)

Json = str | int | bool


@dataclass(frozen=True, slots=True)
class Context:
    """What decoding has to know besides the parameters.

    `choices` are the possible values of a parameter where configuration names them (`appt_type`,
    `delivery_type`); they take the place of the declared ones. `token` is the one that came in the
    Authorization header, if any: the body need not repeat it.
    """

    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Decoded:
    """What a request says. A parameter that was not given is in none of the mappings; nor is the token.

    `values`: str, int, bool, date, time, aware datetime in UTC, or UUID. A `time_duration` is in whole
    seconds, `updated_at_mt` is an instant, a password is a `SecretStr`.
    `originals`: the text, trimmed, of values that are kept as sent as well (durations and stamps).
    `faults` are in position order; the values are complete only if there are none.
    """

    values: dict[str, object]
    originals: dict[str, str]
    faults: list[Fault]
    warnings: list[ParamWarning]

    @property
    def supplied(self) -> dict[str, Json]:
        """The values in canonical spelling, as JSON, without passwords."""
        return {
            name: canonical(value) for name, value in self.values.items() if not isinstance(value, SecretStr)
        }

    @cached_property
    def clocks(self) -> Supplied:
        """The supplied values that the clocks read; reconciliation always starts from these (clocks.md section 1)."""
        fields: dict[str, Any] = {name: value for name, value in self.values.items() if name in CLOCK_FIELDS}
        if "time_duration" in fields:
            fields["time_duration_read"] = fields["time_duration"]
            fields["time_duration"] = self.originals["time_duration"]
        return Supplied(**fields)

    @property
    def status(self) -> str | None:
        """The status that the faults amount to: `missing-param` before `invalid-param`; None if fine."""
        if not self.faults:
            return None
        return min(self.faults, key=lambda fault: fault.status != MISSING_PARAM).status


def body_token(params: Mapping[str, object]) -> str | None:
    """The token in the body, trimmed, or None if there is none.

    Comes before `decode`, which leaves the token alone. Raises `Refusal` (`invalid-token`) for what
    cannot be a token; its words do not show the value.
    """
    token = params.get("token")
    if is_blank(token):
        return None
    if isinstance(token, str):
        token = token.strip()
        if len(token) <= MAX_TOKEN_LENGTH and token.isascii() and token.isprintable():
            return token
    raise Refusal(
        INVALID_TOKEN,
        "The token is not one that this service gives out.",
        "Send the token as a string, exactly as it was given: "
        'JSONSetElement ( $json ; "token" ; $token ; JSONString ).',
    )


NO_CONTEXT: Final = Context()


def decode(params: Mapping[str, object], registry: Registry, context: Context = NO_CONTEXT) -> Decoded:
    """Read a request's parameters. Never raises, whatever JSON values the mapping holds."""
    return _Decoding(params, registry, context).run()


def fingerprint(values: Mapping[str, object]) -> bytes:
    """32 bytes that are equal for two spellings of the same request (contract.md section 6).

    SHA-256 of canonical JSON, names in order, without the parameters in `NOT_COMPARED`. `Decoded.values` and
    `Decoded.supplied` give the same: the writer of JSON spells dates, times, instants and uuids as `canonical` does.
    """
    compared = {name: values[name] for name in sorted(values) if name not in NOT_COMPARED}
    return hashlib.sha256(to_json(compared)).digest()


def canonical(value: object) -> Json:
    """The one spelling of a value: `YYYY-MM-DD`, `HH:MM:SS`, `…Z`, lower-case uuid, or itself."""
    if isinstance(value, str | int):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a registry declares, in the order in which decoding goes through it; made once for each."""

    required: tuple[Param, ...]
    deprecated: tuple[tuple[str, ParamWarning], ...]
    readers: tuple[tuple[str, Reader], ...]
    stamps: tuple[tuple[str, Reader], ...]
    kept_as_sent: tuple[str, ...]


@cache
def _plan(registry: Registry) -> _Plan:
    read = [param for param in registry if param.reads != "token"]
    return _Plan(
        required=tuple(param for param in registry if param.required),
        deprecated=tuple((param.name, _deprecated(param)) for param in registry if param.deprecated),
        readers=tuple((param.name, reader_of(param)) for param in read if param.reads != "stamp"),
        stamps=tuple((param.name, reader_of(param)) for param in read if param.reads == "stamp"),
        kept_as_sent=tuple(param.name for param in read if param.reads in ("stamp", "duration")),
    )


class _Decoding:
    """The state of one call of `decode`."""

    def __init__(self, params: Mapping[str, object], registry: Registry, context: Context) -> None:
        self.registry = registry
        self.context = context
        self.given = {
            name: value
            for name, value in params.items()
            if value is not None and not (isinstance(value, str) and not value.strip())
        }
        self.circumstances = Circumstances(self._month_first(), context.choices)
        self.values: dict[str, object] = {}
        self.faults: dict[str, Fault] = {}
        self.warnings: list[ParamWarning] = []

    def run(self) -> Decoded:
        given, plan = self.given, _plan(self.registry)
        for param in plan.required:
            if param.name not in given and not (param.reads == "token" and self.context.token):
                self.faults[param.name] = _missing(param)
        self.warnings += [warning for name, warning in plan.deprecated if name in given]
        self._read(plan.readers)
        updated_at = self.values.get("updated_at")
        if isinstance(updated_at, datetime):
            self.circumstances.updated_at = updated_at
        self._read(plan.stamps)  # last: a supplied `updated_at` picks between two readings
        for rule in self.registry.rules:
            for fault in rule(self.values, frozenset(self.faults)):
                self._add(fault)
        for name in self.faults:
            self.values.pop(name, None)
        if not given.keys() <= self.registry.names:
            self._warn_of_unknown_names()
        return Decoded(
            values=self.values,
            originals={name: str(given[name]).strip() for name in plan.kept_as_sent if name in self.values},
            faults=sorted(self.faults.values(), key=lambda fault: self.registry[fault.param].position),
            warnings=self.warnings,
        )

    def _month_first(self) -> bool | None:
        if "month_first" not in self.given or "month_first" not in self.registry:
            return False
        try:
            return parse_boolean(self.given["month_first"])
        except SpellingError:
            return None  # its fault is noted in its turn

    def _read(self, readers: Iterable[tuple[str, Reader]]) -> None:
        given, values, circumstances = self.given, self.values, self.circumstances
        for name, read in readers:
            if name in given:
                try:
                    values[name] = read(given[name], circumstances)
                except (SpellingError, Unreadable) as problem:
                    hint = f"{problem.hint} {self.registry[name].hint}".strip()
                    self._add(Fault(name, INVALID_PARAM, problem.message, hint))

    def _add(self, fault: Fault) -> None:
        """Note the first fault of a parameter, in words that can show neither the token nor a password."""
        secret = self._shown_secret(self.given.get(fault.param))
        if secret not in (None, fault.param):
            fault = Fault(
                fault.param,
                fault.status,
                f"This cannot be read, and it looks like the {secret} of the request.",
                f"Send the {secret} in the parameter {secret} and nowhere else.",
            )
        self.faults.setdefault(fault.param, fault)

    def _shown_secret(self, value: object) -> str | None:
        """The name of the secret that a value holds, or a telling part of it; None if it holds none."""
        if not isinstance(value, str):
            return None
        text = value.strip()
        for name, secret in self._secrets():
            if len(secret) >= 8 and (secret in text or (len(text) >= 8 and text in secret)):
                return name
        return None

    def _secrets(self) -> Iterator[tuple[str, str]]:
        token = self.given.get("token") or self.context.token
        yield "token", token.strip() if isinstance(token, str) else ""
        for param in self.registry:
            value = self.given.get(param.name)
            if param.secret and param.reads != "token" and isinstance(value, str):
                yield param.name, value.strip()

    def _warn_of_unknown_names(self) -> None:
        unknown = [name for name in self.given if name not in self.registry]
        for name in unknown[:MAX_NAMED_UNKNOWNS]:
            secret = self._shown_secret(name)
            if secret is not None:
                shown, hint = f"(the {secret})", f"Send the {secret} as a value, in the parameter {secret}."
            else:
                shown, hint = clipped(name, NAME_LENGTH), self._near_miss(name)
            self.warnings.append(ParamWarning(shown, "Not a parameter of this route; ignored.", hint))
        rest = len(unknown) - MAX_NAMED_UNKNOWNS
        if rest > 0:
            self.warnings.append(
                ParamWarning(None, f"{rest} more unknown parameters were ignored; they are not listed.")
            )

    def _near_miss(self, name: str) -> str:
        plain = re.sub(r"[\s-]+", "_", name[:NAME_LENGTH].strip().lower())
        near = (plain,) if plain in self.registry else get_close_matches(plain, self.registry.names, 1, 0.75)
        return f"Did you mean {near[0]}?" if near else ""


def _missing(param: Param) -> Fault:
    if param.reads == "token":
        hint = "Send it in the body, or in the header Authorization: Bearer."
    else:
        hint = f'In FileMaker: JSONSetElement ( $json ; "{param.name}" ; "{param.example}" ; JSONString ).'
    return Fault(param.name, MISSING_PARAM, "This is required, and was absent, null or blank.", hint)


def _deprecated(param: Param) -> ParamWarning:
    return ParamWarning(
        param.name,
        "This parameter is deprecated: it is still accepted and kept, and will be removed one day.",
        "Leave it out; the server keeps its own stamps.",
    )
