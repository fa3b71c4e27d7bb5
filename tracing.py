"""One Sentry trace from the request to the mail, and signs of life of what runs by the clock.

Nothing is passed along: a queued message carries a command's id and nothing else. Every process derives the trace
from the `request_id`, which the request, its commands and its log lines share, and so do the decision whether this
trace is kept (`SENTRY_TRACES_SAMPLE_RATE`) and the span that the others hang on. Without `SENTRY_DSN` all of this
costs a look at a flag.
"""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

import sentry_sdk
from sentry_sdk.crons import capture_checkin
from sentry_sdk.tracing import Span

from settings import get_settings

LONGEST_SILENCE_OF_CHECKINS_S: Final = 60.0
"""What runs every few seconds tells Sentry only so often: its monitors count in minutes."""

_checked_in_at: dict[str, float] = {}


class Trace:
    """The trace of one request id: `trace_id` and the `root` span, as Sentry spells them."""

    __slots__ = ("root", "sampled", "trace_id")

    def __init__(self, request_id: str, sample_rate: float) -> None:
        """Derive it; the same words give the same trace in every process."""
        digest = hashlib.sha256(request_id.encode()).hexdigest()
        self.trace_id = digest[:32]
        self.root = digest[32:48]
        self.sampled = int(digest[48:56], 16) < sample_rate * 2**32


def is_reporting() -> bool:
    """Whether there is a Sentry to report to."""
    return sentry_sdk.get_client().is_active()


def request_trace(
    request_id: str, name: str, describe: Callable[[], Mapping[str, Any]]
) -> AbstractContextManager[Span | None]:
    """The part of a trace that is one request. What `describe` gives is told with every error within it.

    That is method, URL and headers, in Sentry's form; `telemetry` cuts off what could hold a secret.
    """
    return _request_trace(request_id, name, describe()) if is_reporting() else nullcontext()


@contextmanager
def _request_trace(request_id: str, name: str, request: Mapping[str, Any]) -> Iterator[Span]:
    trace = Trace(request_id, get_settings().sentry_traces_sample_rate)

    def with_request(event: Any, _hint: Any) -> Any:
        event.setdefault("request", dict(request))
        return event

    with sentry_sdk.isolation_scope() as scope:
        scope.add_event_processor(with_request)
        with sentry_sdk.start_transaction(
            op="http.server",
            name=name,
            source="route",
            trace_id=trace.trace_id,
            span_id=trace.root,
            sampled=trace.sampled,
        ) as transaction:
            yield transaction


@contextmanager
def task_scope() -> Iterator[None]:
    """What one task reports stays its own; ends the part of a trace that `continue_trace` began in it."""
    if not is_reporting():
        yield
        return
    with sentry_sdk.isolation_scope():
        try:
            yield
        finally:
            transaction = sentry_sdk.get_current_scope().transaction
            if transaction is not None:
                transaction.finish()


def continue_trace(request_id: str | None, name: str) -> None:
    """From here on this task belongs to the trace of `request_id`; for use within `task_scope`."""
    if request_id is None or not is_reporting():
        return
    trace = Trace(request_id, get_settings().sentry_traces_sample_rate)
    transaction = sentry_sdk.start_transaction(
        op="queue.process",
        name=name,
        source="task",
        trace_id=trace.trace_id,
        parent_span_id=trace.root,
        sampled=trace.sampled,
    )
    transaction.set_tag("request_id", request_id)
    sentry_sdk.get_current_scope().span = transaction


def span(op: str, name: str) -> AbstractContextManager[Any]:
    """A step of the present trace. `name` says what is done, never with what."""
    return sentry_sdk.start_span(op=op, name=name) if is_reporting() else nullcontext()


@contextmanager
def checked_in(monitor: str, every_s: float) -> Iterator[None]:
    """Tell Sentry's monitor of this name that what beat starts `every_s` seconds did run, and how it went.

    Raises what the block raises.
    """
    now = time.monotonic()
    if not is_reporting() or now - _checked_in_at.get(monitor, -1e9) < LONGEST_SILENCE_OF_CHECKINS_S:
        yield
        return
    _checked_in_at[monitor] = now
    minutes = max(1, round(every_s / 60))
    capture_at_end: dict[str, Any] = {
        "monitor_slug": monitor,
        "monitor_config": {
            "schedule": {"type": "interval", "value": minutes, "unit": "minute"},
            "checkin_margin": minutes + 2,
            "max_runtime": 5,
            "failure_issue_threshold": 1,
            "recovery_threshold": 1,
        },
    }
    try:
        yield
    except BaseException:
        capture_checkin(status="error", duration=time.monotonic() - now, **capture_at_end)
        raise
    capture_checkin(status="ok", duration=time.monotonic() - now, **capture_at_end)
