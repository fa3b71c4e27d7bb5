"""Deciding an appointment's times by today's rules and storing them: what the task, the recheck and a rehearsal share.

Apart from Celery, so that a web process can rehearse with the same functions.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import NoResultFound

from models.appointment_clocks import (
    Clocks,
    Decision,
    decide,
    needs_atlas,
    read_all_clocks,
    read_clocks,
    write_all_clocks,
)
from models.clock import load_atlas
from models.moment import now
from models.photographer_conflicts import hold_photographers_of
from settings import get_settings
from tasks import clock_notices, conflict_notices
from tasks.clock_news import with_news

_TRIES: Final = 5
T = TypeVar("T")


class PhotographerChangedError(Exception):
    """Somebody gave the appointment to another photographer before its row could be locked: begin again."""

    def __init__(self, appointment_id: int) -> None:
        super().__init__(appointment_id)

    def __str__(self) -> str:
        return f"The photographer of appointment {self.args[0]} changes all the time."


class AtlasNotLoadedError(Exception):
    """The property's zone has to be looked up, and the atlas is not in memory: begin again when it is."""

    def __init__(self, appointment_id: int) -> None:
        super().__init__(appointment_id)

    def __str__(self) -> str:
        return f"The atlas for the times of appointment {self.args[0]} is not loaded."


def decide_today(clocks: Clocks) -> Decision:
    """Decide by today's rules and settings; the atlas is loaded only for a property that needs it.

    Loading it takes long: whoever holds rows that others wait for calls `decide_locked`.
    """
    atlas = load_atlas() if needs_atlas(clocks.place) else None
    return decide(clocks, atlas, get_settings().office_time_zone, now())


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose command and request it is that a notification comes from."""

    command_id: int
    request_id: str


def write(connection: Connection, appointment_id: int, decision: Decision) -> None:
    """Store the outcome and make the notifications about it true. Its photographer has to be held."""
    write_all(connection, {appointment_id: decision}, {})


def write_all(
    connection: Connection, decisions: Mapping[int, Decision], origins: Mapping[int, Origin]
) -> set[int]:
    """Store the outcomes, by the appointments' ids, and make the notifications about them true.

    Their photographers have to be held. The ids of those about which something is told, or was and may be over.
    """
    write_all_clocks(connection, decisions)
    told = {id_ for id_, decision in decisions.items() if decision.outcome.notices}
    told |= with_news(connection, decisions)
    for id_ in sorted(told):
        origin = origins.get(id_)
        from_: dict[str, Any] = {} if origin is None else asdict(origin)
        clock_notices.tell(connection, id_, decisions[id_].outcome.notices, **from_)
        conflict_notices.tell(connection, id_, **from_)
    return told


def hold(connection: Connection, appointment_ids: Sequence[int]) -> frozenset[int]:
    """Hold the photographers of these appointments, in the order of `models/photographer_conflicts.py`."""
    return hold_photographers_of(connection, appointment_ids)


def decide_all(connection: Connection, appointment_ids: Sequence[int]) -> dict[int, Decision]:
    """Hold the photographers of these appointments, read and lock their rows, and decide, by their ids.

    Raises `PhotographerChangedError` as `read_held`, `AtlasNotLoadedError` as `decide_locked`, and
    `sqlalchemy.exc.NoResultFound` when one of them is no more.
    """
    held = hold(connection, appointment_ids)
    found = read_all_clocks(connection, appointment_ids)
    if missing := set(appointment_ids) - set(found):
        raise NoResultFound(f"There is no appointment {min(missing)}.")
    return {id_: decide_locked(id_, _of_held(id_, clocks, held)) for id_, clocks in found.items()}


def read_held(connection: Connection, appointment_id: int, held: frozenset[int]) -> Clocks:
    """Read and lock the row. Raises `PhotographerChangedError` when it has a photographer who is not held."""
    return _of_held(appointment_id, read_clocks(connection, appointment_id), held)


def _of_held(appointment_id: int, clocks: Clocks, held: frozenset[int]) -> Clocks:
    if clocks.photographer_user_id is not None and clocks.photographer_user_id not in held:
        raise PhotographerChangedError(appointment_id)
    return clocks


def decide_locked(appointment_id: int, clocks: Clocks) -> Decision:
    """Decide about a row that is locked. Raises `AtlasNotLoadedError` rather than load the atlas under the locks."""
    if needs_atlas(clocks.place) and not load_atlas.cache_info().currsize:
        raise AtlasNotLoadedError(appointment_id)
    return decide_today(clocks)


def once_settled(work: Callable[[], T]) -> T:
    """Do `work`, a whole transaction, again while the photographer changes under its hands.

    Also when it turns out to need the atlas, which is loaded in between, while nothing is locked.
    """
    for _ in range(_TRIES - 1):
        try:
            return work()
        except PhotographerChangedError:
            continue
        except AtlasNotLoadedError:
            load_atlas()
    return work()
