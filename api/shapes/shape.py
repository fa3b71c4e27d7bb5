"""A declaration of what an answer holds: members with a type, a sentence and an example; a record is a shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from sqlalchemy import ARRAY, Boolean, Column, Date, DateTime, Integer, Time, TypeDecorator, Uuid
from sqlalchemy.sql.elements import KeyedColumnElement

from api.statuses import ACTION_SUCCESSFUL, STATUS

TYPES: Final = frozenset({"string", "integer", "boolean", "date", "time", "instant", "uuid", "object", "any"})
"""*instant*: ISO 8601 in UTC with `Z`; *time*: HH:MM:SS; *object*: one that is not described further."""


@dataclass(frozen=True, slots=True)
class Member:
    """One name in an object of an answer.

    `many`: a list of such values. `nullable`: null where there is nothing. `sometimes`: it may be absent, and the
    description says when. `later`: null in the example of an answer that is given before the clocks were
    reconciled. `choices` are all the values that there are.
    """

    name: str
    type: str | Shape
    description: str
    example: object = None
    many: bool = False
    nullable: bool = False
    sometimes: bool = False
    later: bool = False
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.type, str) and self.type not in TYPES:
            raise ValueError(f"The member {self.name} has a type that does not exist.")


@dataclass(frozen=True, slots=True)
class Shape:
    """A record in answers, under a name of its own. ValueError, at import time, if two members share a name."""

    name: str
    description: str
    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        if len({member.name for member in self.members}) != len(self.members):
            raise ValueError(f"Two members of {self.name} have the same name.")


@dataclass(frozen=True, slots=True)
class Returned:
    """What `data` holds under one status of a route.

    `message` is that of the example; `shows` are values of its appointment that are not those of the shape.
    """

    message: str
    members: tuple[Member, ...] = ()
    status: str = ACTION_SUCCESSFUL
    shows: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.status not in STATUS:
            raise ValueError(f"{self.status} is not in the table of statuses.")


def of_column(
    of_table: KeyedColumnElement[Any], description: str, example: object = None, *, later: bool = False
) -> Member:
    """The member that shows a column of a table; its type and whether it can be null follow from that."""
    column = cast("Column[Any]", of_table)
    kind = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    is_list = isinstance(kind, ARRAY)
    type_ = next((name for types, name in _OF_COLUMNS if isinstance(kind, types)), "string")
    return Member(
        column.name,
        type_,
        description,
        example,
        many=is_list,
        nullable=bool(column.nullable),
        later=later,
    )


_OF_COLUMNS: Final = (
    (Boolean, "boolean"),
    (DateTime, "instant"),
    (Date, "date"),
    (Time, "time"),
    (Integer, "integer"),
    (Uuid, "uuid"),
)
