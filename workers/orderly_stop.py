"""An orderly stop (SIGTERM) that ends, and that says where it stands if it does not.

A child of the prefork pool ends when all its results were read, or half a minute later (billiard 4.3). Celery 5.7
reads results, once it has been asked to stop, only as long as it remembers a task; and closing its consumer makes
it forget every task that a child was handed and has not confirmed yet. So a SIGTERM that arrives in between, which
under load is about one in ten, made the stop last half a minute. Here results are read until the last child has
ended. The forgotten task is done and its message comes again, which the command's claim makes harmless.
"""

import faulthandler
import signal
from typing import Any

from billiard.pool import TERMINATE, WorkersJoined
from celery.concurrency.asynpool import ResultHandler, _select

STOP_WITHIN_S = 55
"""Above the longest task (`task_time_limit`, 45 s), below what a supervisor gives (60 s)."""

_LOOK_EVERY_S = 0.1


def let_children_go() -> None:
    """Have every prefork pool of this process read to the end when it stops. A second call changes nothing."""
    read_for_known_tasks: Any = ResultHandler.on_stop_not_started
    if getattr(read_for_known_tasks, "to_the_end", False):
        return

    def read_to_the_end(handler: Any) -> None:
        read_for_known_tasks(handler)
        _read_until_all_have_ended(handler)

    read_to_the_end.to_the_end = True  # type: ignore[attr-defined]
    ResultHandler.on_stop_not_started = read_to_the_end


def _read_until_all_have_ended(handler: Any) -> None:
    broken: set[int] = set()
    while handler._state != TERMINATE and (pipes := set(handler.fileno_to_outq) - broken):
        readable, _, _ = _select(pipes, timeout=_LOOK_EVERY_S)
        for pipe in readable:
            handler._flush_outqueue(pipe, broken.add, handler.fileno_to_outq, handler.on_state_change)
        try:
            handler.join_exited_workers(shutdown=True)
        except WorkersJoined:
            return


def bound_the_stop() -> None:
    """From now on this process has `STOP_WITHIN_S`; then the stacks of its threads go to the log, and it ends.

    A C thread keeps the time, so that it holds even where Python itself stands still. Children end with it.
    """
    faulthandler.dump_traceback_later(STOP_WITHIN_S, exit=True)


def tell_stacks_on_request() -> None:
    """SIGUSR2 writes the stacks of all threads to the log, of this process and of children that it forks."""
    faulthandler.register(signal.SIGUSR2)
