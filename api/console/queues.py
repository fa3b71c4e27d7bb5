"""The queues tab: commands by kind and state, gates, the broker, processes; the list of commands, and one of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, Response, request, url_for

from api.console.guard import local_path
from api.console.queues_broker import read_broker
from api.console.render import fragment, page, problem
from api.params import MAX_ID
from models import database
from models.command_actions import may_drop, may_retry
from models.command_board import (
    ORDERS,
    SoughtCommands,
    list_commands,
    read_one_command,
    sentences,
)
from models.command_counts import OVERDUE_AFTER_S, Counts, KindCount, count_commands
from models.command_states import LEASED, OPEN, State
from models.cursors import CursorError
from models.heartbeats import SILENT_AFTER_S, read_processes
from models.notification_board import read_sends
from models.patience import SearchTooWideError
from models.provider_gate import read_gates
from settings import get_settings
from tasks.door import KINDS

TAB: Final = "queues"
UNFINISHED: Final = "unfinished"
ANY: Final = "any"
STATE_CHOICES: Final = ((UNFINISHED, "All but done"), *((str(one), str(one)) for one in State), (ANY, "All"))
KIND_CHOICES: Final = (("", "Any"), *((name, name) for name in KINDS))
ORDER_CHOICES: Final = (
    ("due", "Next due"),
    ("newest", "Newest"),
    ("oldest", "Oldest"),
    ("attempts", "Most attempts"),
)


def add_to(blueprint: Blueprint) -> None:
    """The board, the list and the page of one."""
    blueprint.add_url_rule("/queues", "queues", board)
    blueprint.add_url_rule("/queues/commands", "commands", listed)
    blueprint.add_url_rule("/queues/commands/<int:command_id>", "command", shown)


def board() -> Response:
    """How everything stands; asked by htmx, only the part that refreshes itself."""
    settings = get_settings()
    try:
        with database.transaction() as connection:
            counts = count_commands(connection)
            names: dict[str, Any] = {
                "rows": _rows(counts),
                "is_whole": counts.is_whole,
                "gates": read_gates(connection),
                "processes": read_processes(connection),
            }
    except SearchTooWideError:
        return _too_slow()
    names |= {
        "states": tuple(State),
        "meanings": sentences(),
        "broker": read_broker(settings.broker_url),
        "rate_per_s": settings.mail_rate_per_s,
        "flower_url": settings.flower_url or f"http://127.0.0.1:{settings.flower_port}",
        "silent_after_s": SILENT_AFTER_S,
        "overdue_after_s": OVERDUE_AFTER_S,
        "release": settings.release,
    }
    if "HX-Request" in request.headers:
        return fragment("queues_parts.html", **names)
    return page("queues.html", tab=TAB, title="Queues", **names)


def _rows(counts: Counts) -> list[tuple[KindCount, str]]:
    """Every kind with its meaning, in the order of the catalogue; those of an older release at the end."""
    known = {one.kind: one for one in counts.kinds}
    none = {name: KindCount(name, {}, None, 0, 0, None, None, 0, 0) for name in KINDS}
    rows = [(known.pop(name, none[name]), kind.meaning) for name, kind in KINDS.items()]
    return rows + [(one, "This release does not know it.") for one in known.values()]


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list's address asks for; what was not understood is left out and told in `problems`."""

    kind: str = ""
    state: str = UNFINISHED
    order: str = "due"
    appointment: str = ""
    cursor: str = ""
    problems: tuple[str, ...] = ()

    def query(self, cursor: str = "") -> str:
        """The query string of this list, from its top or from `cursor` on."""
        given = {
            "kind": self.kind,
            "state": "" if self.state == UNFINISHED else self.state,
            "order": "" if self.order == "due" else self.order,
            "appointment": self.appointment,
            "cursor": cursor,
        }
        return urlencode({name: value for name, value in given.items() if value})

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the order and the place in the list is asked for."""
        return bool(self.kind or self.appointment or self.state != UNFINISHED)

    def sought(self) -> SoughtCommands:
        """As the models search for it."""
        several = {UNFINISHED: (*OPEN, State.FAILED), ANY: None}
        states = several[self.state] if self.state in several else (State(self.state),)
        return SoughtCommands(
            self.kind or None, states, int(self.appointment) if self.appointment else None, self.order
        )


def read_filters(args: Mapping[str, str]) -> Filters:
    """The filters of a query string."""
    choices = {
        "kind": {*KINDS, ""},
        "state": {value for value, _ in STATE_CHOICES},
        "order": set(ORDERS),
    }
    given: dict[str, str] = {}
    problems: list[str] = []
    for name in ("kind", "state", "order", "appointment", "cursor"):
        value = args.get(name, "").strip()
        is_id = value.isascii() and value.isdigit() and len(value) < 20 and 0 < int(value) <= MAX_ID
        if not value:
            continue
        if name in choices and value not in choices[name]:
            problems.append(f"The filter “{name}” was left out: it has no such choice.")
        elif name == "appointment" and not is_id:
            problems.append("The filter “appointment” was left out: an id is a whole number above 0.")
        else:
            given[name] = value
    return Filters(**given, problems=tuple(problems))


def listed() -> Response:
    """The list; asked by htmx, only the part of it that refreshes itself."""
    filters = read_filters(request.args)
    try:
        with database.transaction() as connection:
            found = list_commands(connection, filters.sought(), filters.cursor or None)
    except CursorError:
        return problem(
            "This place in the list is gone",
            "The address does not name a place that the list gave out.",
            "Start again from the top of the list.",
            status=400,
        )
    except SearchTooWideError:
        return _too_slow()
    query = filters.query(filters.cursor)
    names: dict[str, Any] = {
        "filters": filters,
        "found": [{**one, **_allowed(one)} for one in found.commands],
        "next_cursor": found.next_cursor,
        "meanings": sentences(),
        "here": f"{url_for('console.commands')}?{query}".rstrip("?"),
    }
    if "HX-Request" in request.headers:
        return fragment("command_rows.html", **names)
    return page(
        "commands.html",
        tab=TAB,
        title="Commands",
        choices={"kind": KIND_CHOICES, "state": STATE_CHOICES, "order": ORDER_CHOICES},
        **names,
    )


def shown(command_id: int) -> Response:
    """Everything about one; asked by htmx, only what changes while it is under way."""
    with database.transaction() as connection:
        found = read_one_command(connection, command_id) if command_id <= MAX_ID else None
        if found is None:
            return problem(
                "There is no such command",
                f"Number {command_id} does not exist.",
                "It may have been deleted with its appointment.",
                status=404,
            )
        sends = read_sends(connection, command_id)
    back = local_path(request.args.get("back"))
    kind = KINDS.get(found["kind"])
    names: dict[str, Any] = {
        "one": {**found, **_allowed(found)},
        "sends": sends,
        "meaning": kind.meaning if kind else "This release does not know this kind of command.",
        "state_meaning": sentences()[found["state"]],
        "is_moving": found["state"] in OPEN
        and found["state"] != State.WAITING
        and not found["is_left_to_people"],
        "is_leased": found["state"] in LEASED,
        "back": back or url_for("console.commands"),
        "here": url_for("console.command", command_id=command_id, back=back),
    }
    if "HX-Request" in request.headers:
        return fragment("command_state.html", **names)
    return page("command.html", tab=TAB, title=f"Command {command_id}: {found['kind']}", **names)


def _allowed(one: Mapping[str, Any]) -> dict[str, bool]:
    """Which of the buttons would do something."""
    if one.get("is_archived"):
        return {"may_retry": False, "may_drop": False}
    return {
        "may_retry": may_retry(
            one["state"], is_due=one["is_due"], was_dropped_by_hand=one["was_dropped_by_hand"]
        ),
        "may_drop": may_drop(one["state"], is_mail=one["is_mail"]),
    }


def _too_slow() -> Response:
    return problem(
        "This took too long",
        "The table of commands could not be read within two seconds.",
        "Try again in a moment, or narrow the list by kind, state or appointment.",
        status=503,
    )
