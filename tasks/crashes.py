"""How a crash leaves a task: its kind and its place are told, its text is not.

The text of an error may quote what was sent: PostgreSQL's repeats a row, SQLAlchemy's a statement's parameters.
Celery would write it into the log and put it into an event for Flower. So the shell of every task reports the
error itself, and what Celery gets to see says only what kind of error happened, and where.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import sentry_sdk
import structlog

import measures
from tracing import checked_in, task_scope

log = structlog.get_logger(__name__)


class CommandCrashedError(Exception):
    """A task ended by an error that nobody foresaw. `args`: its name, the kind of error, its place."""

    def __init__(self, task: str, error: str, place: str) -> None:
        super().__init__(task, error, place)

    def __str__(self) -> str:
        return "The task {} was ended by {} at {}.".format(*self.args)


@contextmanager
def reported(task: str, *, every_s: float | None = None) -> Iterator[None]:
    """The body of a task's shell. The log lines of one task carry nothing of the task before it.

    With `every_s`, the task is one that beat starts so often, and its monitor is told how it went.

    Raises `CommandCrashedError` for every error, after it went to the log and to Sentry.
    """
    structlog.contextvars.clear_contextvars()
    began, ended = time.perf_counter(), "well"
    with task_scope():
        try:
            with nullcontext() if every_s is None else checked_in(task, every_s):
                yield
        except Exception as failure:  # noqa: BLE001 - raised again, without its text
            ended = "crashed"
            report(task, failure)
            raise CommandCrashedError(task, type(failure).__name__, place_of(failure)) from None
        finally:
            structlog.contextvars.clear_contextvars()
            measures.TASK_SECONDS.labels(task, ended).observe(time.perf_counter() - began)


def report(task: str, failure: BaseException) -> None:
    """Tell the log and Sentry of an error, without its text."""
    sentry_sdk.capture_exception(failure)
    log.error("crash", task=task, error=type(failure).__name__, place=place_of(failure))


def place_of(failure: BaseException) -> str:
    """The innermost line of this project that the error came through; else the innermost of all."""
    places = []
    step = failure.__traceback__
    while step is not None:
        places.append(f"{step.tb_frame.f_globals.get('__name__', '?')}:{step.tb_lineno}")
        step = step.tb_next
    ours = [
        place
        for place in places
        if place.startswith(("tasks.", "models.", "workers.")) and "tasks.crashes" not in place
    ]
    return (ours or places or ["?"])[-1]
