"""An appointment as an answer shows it: every column of the record, in the spellings of contract.md section 5."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from typing import Any, Final
from uuid import UUID

from models.appointment_clocks import explanation
from models.appointment_intake import COLUMNS, StoredCommand
from models.clock.spellings import spell_date, spell_instant, spell_time
from models.command_states import SHOWN_TO_CALLERS, State

_INSIDE: Final = frozenset(
    {
        "supplied",
        "adopted",
        "busy_from",
        "busy_until",
        "fingerprint",
        "idempotency_scope",
        "idempotency_key",
        "caller_kind",
        "caller_role",
        "caller_user_id",
        "caller_application_id",
        "request_id",
    }
)
"""Columns about the request rather than the appointment; they are for the console, not for callers."""

_SPELLED: Final[Mapping[type, Callable[[Any], str]]] = {
    datetime: spell_instant,
    date: spell_date,
    time: spell_time,
    UUID: str,
}
"""How the values that JSON does not know are spelled."""

SHOWN: Final = ("id", *(name for name in COLUMNS if name not in _INSIDE), "sequence", "inserted_at")


def appointment_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """The record as JSON, with the reason for each of its times once they are reconciled.

    `row` maps column names to values; absent ones are null.
    """
    shown: dict[str, Any] = {
        name: value if (spell := _SPELLED.get(type(value := row.get(name)))) is None else spell(value)
        for name in SHOWN
    }
    shown["explanation"] = explanation(row)
    return shown


def command_json(command: StoredCommand) -> dict[str, str]:
    """A command as callers see it."""
    return {"id": str(command.id), "kind": command.kind, "state": SHOWN_TO_CALLERS[State(command.state)]}


def commands_json(commands: Iterable[StoredCommand]) -> list[dict[str, str]]:
    """The commands of an appointment, in the order in which they were written."""
    return [command_json(command) for command in commands]
