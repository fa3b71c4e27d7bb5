"""The life of a command, on one page: every state with its sentence, every edge with its name.

    waiting ──release──▶ pending ──begin──▶ running ──finish──▶ done
                          ▲  │                │ ├──postpone──▶ pending
                          │  │                │ ├──fail──────▶ failed
                          │  │                │ └──expire────▶ pending
                          │  └─begin sending─▶ sending ──finish──▶ done
                          │                     │ ├──postpone──▶ pending     surely not accepted
                          │                     │ ├──fail──────▶ failed      refused for good
                          │                     │ ├──doubt─────▶ unknown     may have been accepted
                          │                     │ ├──expire────▶ unknown     its worker died
                          │                     │ ├──take back─▶ pending     its worker died before it handed it over
                          │                     │ ├──await─────▶ waiting     the times were being computed again
                          │                     │ └──drop──────▶ done        nothing was left to be told
                          └──────── resend ◀── failed, unknown, done         a person decided so
                                    unknown ──begin sending──▶ sending       to ask, then decide
                           pending, unknown ──settle─────────▶ done          the provider told that it has it
                           pending, unknown ──reject─────────▶ failed        the provider told that it will not
                           waiting, pending ──drop───────────▶ done          a change made it superfluous, or a person
                           waiting, pending ──mistrust───────▶ unknown       the database was set back in time
                           unknown, failed  ──drop───────────▶ done          a person gave it up

A command that the outside world sees (a mail) goes through *sending*; one whose whole effect is in our own
database goes through *running*. Only that difference decides what an expired lease means: what happened
inside the database was rolled back, what happened outside it may have happened, unless it surely had not begun.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a command stands. The value is what the database stores."""

    WAITING = "waiting"
    """It must not run yet: a mail waits until its appointment's times agree."""
    PENDING = "pending"
    """It waits for its next attempt; the first worker that is free then does it."""
    RUNNING = "running"
    """A worker does it inside the database, under a lease."""
    SENDING = "sending"
    """A worker talks to the provider about it, under a lease; written before the first byte goes out."""
    UNKNOWN = "unknown"
    """The provider may have accepted it; it is asked before anything is sent again."""
    DONE = "done"
    """It was done; nothing follows unless a person wants it once more."""
    FAILED = "failed"
    """It cannot be done without a person; a notification says why."""


CLAIMABLE = (State.PENDING, State.UNKNOWN)
"""States that the sweep publishes when they are due."""

LEASED = (State.RUNNING, State.SENDING)
"""States in which a worker holds a lease."""

OPEN = (State.WAITING, State.PENDING, State.RUNNING, State.SENDING, State.UNKNOWN)
"""States in which something is still to happen."""


def among(states: Iterable[State]) -> str:
    """For a statement: `state IN {among(OPEN)}`."""
    return "(" + ", ".join(f"'{state}'" for state in states) + ")"


@dataclass(frozen=True, slots=True)
class Edge:
    """A named move. Nothing changes a command's state except along one of these."""

    name: str
    sources: tuple[State, ...]
    target: State


RELEASE = Edge("release", (State.WAITING,), State.PENDING)
BEGIN = Edge("begin", (State.PENDING,), State.RUNNING)
BEGIN_SENDING = Edge("begin sending", (State.PENDING, State.UNKNOWN), State.SENDING)
FINISH = Edge("finish", (State.RUNNING, State.SENDING), State.DONE)
POSTPONE = Edge("postpone", (State.RUNNING, State.SENDING), State.PENDING)
FAIL = Edge("fail", (State.RUNNING, State.SENDING), State.FAILED)
DOUBT = Edge("doubt", (State.SENDING,), State.UNKNOWN)
EXPIRE_RUNNING = Edge("expire", (State.RUNNING,), State.PENDING)
EXPIRE_SENDING = Edge("expire", (State.SENDING,), State.UNKNOWN)
# The mail's row, which is committed before the first byte goes out, is not there, and no earlier try is in doubt.
EXPIRE_UNBEGUN = Edge("take back", (State.SENDING,), State.PENDING)
# Before the first byte of this try goes out, and after the provider has denied any earlier one.
AWAIT = Edge("await", (State.SENDING,), State.WAITING)
DROP_CLAIMED = Edge("drop", (State.SENDING,), State.DONE)
RESEND = Edge("resend", (State.FAILED, State.UNKNOWN, State.DONE), State.PENDING)
# Not from *sending*: there a worker holds the lease, and looks at what was told before it decides.
SETTLE = Edge("settle", (State.PENDING, State.UNKNOWN), State.DONE)
REJECT = Edge("reject", (State.PENDING, State.UNKNOWN), State.FAILED)
# Only what surely has not gone out; `last_error` says that it never did (`command_sql.DROPPED`).
DROP = Edge("drop", (State.WAITING, State.PENDING), State.DONE)
# Only a person: of what is unknown, nobody can say that it never went out (`models/command_actions.py`).
DROP_BY_HAND = Edge("drop", (State.UNKNOWN, State.FAILED), State.DONE)
# Only after a restore: what the database shows as a mail that was not sent yet may have been sent since
# (`models/restored.py`).
MISTRUST = Edge("mistrust", (State.WAITING, State.PENDING), State.UNKNOWN)

EDGES = (
    RELEASE,
    BEGIN,
    BEGIN_SENDING,
    FINISH,
    POSTPONE,
    FAIL,
    DOUBT,
    EXPIRE_RUNNING,
    EXPIRE_SENDING,
    EXPIRE_UNBEGUN,
    AWAIT,
    DROP_CLAIMED,
    RESEND,
    SETTLE,
    REJECT,
    DROP,
    DROP_BY_HAND,
    MISTRUST,
)

SHOWN_TO_CALLERS = {
    State.WAITING: "queued",
    State.PENDING: "queued",
    State.RUNNING: "running",
    State.SENDING: "sending",
    State.UNKNOWN: "unknown",
    State.DONE: "done",
    State.FAILED: "failed",
}
"""The word for a state in an answer. To a caller, waiting for the clocks and for a worker are the same."""
