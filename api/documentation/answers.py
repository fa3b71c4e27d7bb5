"""What `data` holds, for a page and for `openapi.json`: the shapes of answers as JSON Schema, and as examples. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from api.routes import AnyRoute
from api.shapes.session import REGISTER_PATH, SESSION
from api.shapes.shape import Member, Returned, Shape
from api.statuses import ACTION_SUCCESSFUL, CLIENT_REQUIRED, STALE_UPDATE, STATUS

REQUEST_ID: Final = "c0ffee5eed0123456789abcd"
WITHOUT_ROLE: Final = Returned(
    "This user is neither a client, an employee nor a liaison, and so has no permissions yet.",
    (REGISTER_PATH,),
    CLIENT_REQUIRED,
)
"""What every route with a token answers to a user without a role."""

_TYPES: Final[Mapping[str, Mapping[str, Any]]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer", "format": "int64"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}:[0-9]{2}$"},
    "instant": {"type": "string", "format": "date-time", "pattern": "Z$"},
    "uuid": {"type": "string", "format": "uuid"},
    "object": {"type": "object"},
    "any": {},
}
_SHOWN_TYPES: Final = {"instant": "datetime", "any": "any value"}


def returned(route: AnyRoute, status: str) -> Returned | None:
    """What `data` holds under that status; None when nothing is declared."""
    for one in route.returns:
        if one.status == status:
            return one
    return WITHOUT_ROLE if status == CLIENT_REQUIRED else None


def shapes_of(members: Iterable[Member]) -> list[Shape]:
    """The shapes that these members lead to, each once, outer ones first."""
    found: dict[str, Shape] = {}
    waiting = list(members)
    while waiting:
        member = waiting.pop(0)
        if isinstance(member.type, Shape) and member.type.name not in found:
            found[member.type.name] = member.type
            waiting += member.type.members
    return list(found.values())


def components(routes: Iterable[AnyRoute]) -> dict[str, Any]:
    """Every shape that an answer of these routes can hold, as a schema under its name."""
    members = [member for route in routes for one in route.returns for member in one.members]
    found = {shape.name: shape for shape in [SESSION, *shapes_of(SESSION.members), *shapes_of(members)]}
    return {name: schema_of_shape(found[name]) for name in sorted(found)}


def schema_of_shape(shape: Shape) -> dict[str, Any]:
    """A shape as a schema; other names may come with a later release."""
    return {"description": shape.description, **schema_of_members(shape.members)}


def schema_of_members(members: Iterable[Member]) -> dict[str, Any]:
    """An object with these members."""
    listed = list(members)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {member.name: _schema(member) for member in listed},
    }
    required = [member.name for member in listed if not member.sometimes]
    return {**schema, "required": required} if required else schema


def _schema(member: Member) -> dict[str, Any]:
    one: dict[str, Any]
    if isinstance(member.type, Shape):
        one = {"$ref": f"#/components/schemas/{member.type.name}"}
    else:
        one = dict(_TYPES[member.type])
        if member.choices:
            one["enum"] = list(member.choices)
    if member.many:
        one = {"type": "array", "items": one}
    if member.nullable:
        one = _or_null(one)
    return {**one, "description": member.description}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    if "type" not in schema:
        return schema  # anything, and so null as well
    enum = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return {**schema, "type": [schema["type"], "null"], **enum}


def example_of(members: Iterable[Member], *, is_early: bool = False) -> dict[str, Any]:
    """An object with these members, without those that are not always there.

    `is_early`: of an answer that is given before the clocks have been looked at.
    """
    return {member.name: _example(member, is_early) for member in members if not member.sometimes}


def _example(member: Member, is_early: bool) -> Any:
    if is_early and member.later:
        return [] if member.many and not member.nullable else None
    if member.example is not None and isinstance(member.type, Shape):
        return member.example
    if isinstance(member.type, Shape):
        is_none = member.nullable and member.many
        one = [] if is_none else example_of(member.type.members, is_early=is_early)
        return one if is_none or not member.many else [one]
    if member.many:
        return [] if member.example is None else [member.example]
    return member.example


def answer_of(route: AnyRoute, status: str = ACTION_SUCCESSFUL) -> dict[str, Any]:
    """An answer of the route, whole."""
    one = returned(route, status) or Returned("")
    # What the mails say is known only once the clocks agree, and so is everything that is read later.
    is_early = route.method != "GET" and status in (ACTION_SUCCESSFUL, STALE_UPDATE)
    data = example_of(one.members, is_early=is_early)
    if one.shows:
        data["appointment"] = {**data["appointment"], **one.shows}
    answer: dict[str, Any] = {
        "code": STATUS[status].code,
        "status": status,
        "message": one.message,
        "data": data,
    }
    errors = []
    if status == STALE_UPDATE:
        hint = "Take over what is in data.appointment, and send your change again with a new updated_at_mt."
        errors = [{"param": "updated_at_mt", "status": status, "message": one.message, "hint": hint}]
    return {**answer, "errors": errors, "warnings": [], "request_id": REQUEST_ID}


def shown_type(member: Member) -> str:
    """The type of a member as a page names it."""
    name = member.type.name if isinstance(member.type, Shape) else _SHOWN_TYPES.get(member.type, member.type)
    name = f"list of {name}" if member.many else name
    return f"{name} or null" if member.nullable and member.type != "any" else name
