"""The lines of an import file: what each kind may say, and reading them. Pure.

What a line leaves out, or gives as null, stays as it is in an existing record. Only a property is stated
whole: what it leaves out is unknown.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError, from_json

from tasks.mail.addresses import AddressError, Mailbox, checked_mailbox

PHOTOGRAPHER = "photographer"
_ZIP = re.compile(r"[0-9]{5}(?:-?[0-9]{4})?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong on one line (counted from 1), as a sentence."""

    line: int
    message: str


def _fault(message: str) -> PydanticCustomError:
    return PydanticCustomError("import_fault", "{message}", {"message": message})


def _checked_text(value: object) -> object:
    if not isinstance(value, str):
        return value
    value = value.replace("\r\n", "\n").replace("\r", "\n").strip()
    if _CONTROL.search(value):
        raise _fault("holds control characters; only line breaks and tabs may be in a text.")
    return value


@lru_cache(maxsize=65_536)
def _readable_address(value: str) -> str:
    return checked_mailbox(Mailbox(value)).email


def _checked_address(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return _readable_address(value)
    except AddressError as refused:
        message = str(refused)
    raise _fault(message[0].lower() + message[1:])


def _checked_zip(value: object) -> object:
    if not isinstance(value, str) or not _ZIP.fullmatch(value):
        raise _fault('must be a ZIP of 5 or 9 digits in quotes, such as "01234"; a number loses its zeros.')
    return value


def _object(value: object) -> object:
    """`true` is the short form of an object that says nothing more."""
    return {} if value is True else value


# JSON numbers above this are not read alike by every program (RFC 8259 section 6).
Id = Annotated[int, Field(ge=1, le=2**53 - 1)]
Text = Annotated[str, Field(max_length=255), BeforeValidator(_checked_text)]
Address = Annotated[str, Field(max_length=320), BeforeValidator(_checked_address)]
Duty = Annotated[str, Field(min_length=1, max_length=63), BeforeValidator(_checked_text)]


class _Said(BaseModel):
    """Strict: no other keys, no types read as others. Null is the same as left out."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: part for key, part in value.items() if part is not None}
        return value


class ClientSaid(_Said):
    """A client record, as an order or a user names it."""

    id: Id | None = None
    email: Address | None = None
    name: Text | None = None
    assistant_emails: list[Address] | None = None
    additional_emails: list[Address] | None = None


class PropertySaid(_Said):
    """Where an order's property is; latitude and longitude in WGS 84 degrees.

    A name that is no time zone counts as absent (clocks.md section 3); whoever imports it is warned.
    """

    address: Annotated[str, Field(max_length=500), BeforeValidator(_checked_text)] = ""
    iana: Annotated[str, Field(max_length=63)] | None = None
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None
    lng: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None
    zip: Annotated[str, BeforeValidator(_checked_zip)] | None = None

    @model_validator(mode="after")
    def _whole_position(self) -> Self:
        if (self.lat is None) != (self.lng is None):
            raise _fault("needs both lat and lng, or neither.")
        return self


class OrderLine(_Said):
    """A client's order for one property."""

    kind: Literal["order"]
    id: Id
    client: ClientSaid | None = None
    company_id: Id | None = None
    property: PropertySaid | None = None

    @model_validator(mode="after")
    def _identified_client(self) -> Self:
        if self.client is not None and self.client.id is None and self.client.email is None:
            raise _fault("client: needs an id or an email.")
        return self


class EmployeeSaid(_Said):
    """An employee's duties."""

    duties: list[Duty] | None = None


class LiaisonSaid(_Said):
    """The companies that a liaison serves."""

    company_ids: list[Id] | None = None


class UserClientSaid(_Said):
    """A user's own client record; its address and name are the user's when it is new."""

    id: Id | None = None
    assistant_emails: list[Address] | None = None
    additional_emails: list[Address] | None = None


class UserLine(_Said):
    """A person who can log in. A role that is `false` is taken away."""

    kind: Literal["user"]
    id: Id
    email: Address
    name: Text | None = None
    employee: Annotated[EmployeeSaid | Literal[False] | None, BeforeValidator(_object)] = None
    photographer: bool | None = None
    liaison: Annotated[LiaisonSaid | Literal[False] | None, BeforeValidator(_object)] = None
    client: Annotated[UserClientSaid | Literal[False] | None, BeforeValidator(_object)] = None

    @model_validator(mode="before")
    @classmethod
    def _spread_roles(cls, value: Any) -> Any:
        """`roles` is another way to write `true` behind each of them."""
        if not isinstance(value, dict) or value.get("roles") is None:
            return value
        rest = {key: part for key, part in value.items() if key != "roles"}
        roles = value["roles"]
        if not isinstance(roles, list) or not all(isinstance(role, str) and role in ROLES for role in roles):
            raise _fault(f"roles: must be a list of some of {', '.join(ROLES)}.")
        for role in roles:
            if rest.get(role) is False:
                raise _fault(f"roles: names {role}, which the line also takes away.")
            if rest.get(role) is None:
                rest[role] = True
        return rest

    @model_validator(mode="after")
    def _photographers_are_employees(self) -> Self:
        if self.photographer and self.employee is False:
            raise _fault("photographer: is a duty of employees, but the line takes employee away.")
        return self


class CompanyLine(_Said):
    """A customer company."""

    kind: Literal["company"]
    id: Id
    name: Annotated[str, Field(min_length=1, max_length=255), BeforeValidator(_checked_text)]


class RequestLine(_Said):
    """A client's wish for an appointment within an order."""

    kind: Literal["order_request_appt"]
    id: Id
    order_id: Id


ROLES = ("employee", PHOTOGRAPHER, "client", "liaison")
Line = OrderLine | UserLine | CompanyLine | RequestLine
KINDS: dict[str, type[Line]] = {
    "company": CompanyLine,
    "user": UserLine,
    "order": OrderLine,
    "order_request_appt": RequestLine,
}
"""In the order in which they are written."""


@dataclass
class Numbered:
    """The records of one file by kind, each with its line; and what was wrong."""

    companies: dict[int, tuple[int, CompanyLine]] = field(default_factory=dict)
    users: dict[int, tuple[int, UserLine]] = field(default_factory=dict)
    orders: dict[int, tuple[int, OrderLine]] = field(default_factory=dict)
    requests: dict[int, tuple[int, RequestLine]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    named: set[tuple[str, int]] = field(default_factory=set)
    """Kind and id of every record that the file speaks of, even on a line with a fault."""

    def __len__(self) -> int:
        return len(self.companies) + len(self.users) + len(self.orders) + len(self.requests)

    def of_kind(self, kind: str) -> dict[int, Any]:
        """The records of a kind, by id."""
        by_kind: dict[str, dict[int, Any]] = {
            "company": self.companies,
            "user": self.users,
            "order": self.orders,
            "order_request_appt": self.requests,
        }
        return by_kind[kind]


def read(lines: Iterable[bytes], told: Callable[[int], None] = lambda _lines: None) -> Numbered:
    """Read every line; `told` hears of each. Blank lines are skipped. Nothing is raised for a bad line."""
    found = Numbered()
    for number, raw in enumerate(lines, start=1):
        told(1)
        stripped = raw.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else raw.strip()
        if stripped:
            _read_line(found, number, stripped)
    return found


def _read_line(found: Numbered, number: int, raw: bytes) -> None:
    try:
        value = from_json(raw, allow_inf_nan=False)
    except ValueError as unreadable:
        reason = str(unreadable).replace("at line 1 column", "at column")
        found.faults.append(Fault(number, f"This is not JSON: {reason}."))
        return
    if not isinstance(value, dict):
        hint = " Write one object a line, without a list around them." if isinstance(value, list) else ""
        found.faults.append(Fault(number, f"This is not a JSON object.{hint}"))
        return
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        found.faults.append(Fault(number, _unknown_kind(kind)))
        return
    record_id = value.get("id")
    if isinstance(record_id, int):
        found.named.add((kind, record_id))
    try:
        line = KINDS[kind].model_validate(value)
    except ValidationError as invalid:
        errors = invalid.errors(include_url=False, include_input=False)
        # A role is an object or `false`; what is neither is told once, by the object.
        sentences = [_sentence(kind, error) for error in errors if error["type"] != "literal_error"]
        found.faults.append(Fault(number, " ".join(dict.fromkeys(sentences))))
        return
    same_kind = found.of_kind(kind)
    if line.id in same_kind:
        found.faults.append(
            Fault(number, f"id: {kind} {line.id} is already on line {same_kind[line.id][0]}.")
        )
        return
    same_kind[line.id] = (number, line)


def _unknown_kind(kind: object) -> str:
    listed = ", ".join(KINDS)
    if kind is None:
        return f"kind: is required, one of {listed}."
    near = get_close_matches(str(kind), KINDS, n=1)
    return f"kind: must be one of {listed}." + (f" Did you mean {near[0]}?" if near else "")


_SYNONYMS = {
    "latitude": "lat",
    "longitude": "lng",
    "lon": "lng",
    "long": "lng",
    "time_zone": "iana",
    "timezone": "iana",
    "tz": "iana",
    "postal_code": "zip",
    "zip_code": "zip",
    "company": "company_id",
    "order": "order_id",
}
_PARTS: dict[tuple[str, ...], type[BaseModel]] = {
    ("order", "client"): ClientSaid,
    ("order", "property"): PropertySaid,
    ("user", "employee"): EmployeeSaid,
    ("user", "liaison"): LiaisonSaid,
    ("user", "client"): UserClientSaid,
    **{(kind,): model for kind, model in KINDS.items()},
}
_MUST_BE = {
    "missing": "is required.",
    "int_type": "must be a whole number, without quotes.",
    "int_from_float": "must be a whole number, without quotes.",
    "float_type": "must be a number, without quotes.",
    "string_type": "must be text in quotes.",
    "bool_type": "must be true or false.",
    "list_type": "must be a list.",
    "model_type": "must be an object.",
    "model_attributes_type": "must be an object.",
}


def _sentence(kind: str, error: ErrorDetails) -> str:
    # Members of a union put the name of their model, or of the literal, into the location.
    place = [str(part) for part in error["loc"] if not _names_a_type(part)]
    if error["type"] == "extra_forbidden":
        return _unknown_key(kind, place)
    message = _MUST_BE.get(error["type"], error["msg"][0].lower() + error["msg"][1:])
    if place and kind == "user" and place[0] in ROLES and message == _MUST_BE["model_type"]:
        message = "must be true, false or an object."
    if not message.endswith((".", "?")):
        message += "."
    return f"{'.'.join(place)}: {message}" if place else message


def _names_a_type(part: str | int) -> bool:
    return isinstance(part, str) and (part.endswith("Said") or part.startswith(("literal", "function-")))


def _unknown_key(kind: str, place: list[str]) -> str:
    model = _PARTS.get((kind, *place[:-1]))
    keys = [*model.model_fields, *(("roles",) if model is UserLine else ())] if model else []
    wrong = place[-1]
    near = [key for key in [_SYNONYMS.get(wrong.lower())] if key in keys] or get_close_matches(
        wrong.lower(), keys, n=1
    )
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(keys)}."
    return f"{'.'.join(place)}: is not a key here; {hint}"
