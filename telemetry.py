"""Logs and error reports, set up the same way in every process: `set_up("web")`, `set_up("worker")`, …

A log line is one JSON object on standard error. It carries the `request_id` from the request to the mail,
ids and durations; never a token, an address, a body or a query string. Sentry gets errors with the same ids,
without local variables, request bodies or headers that could hold a secret (libraries.md section 3).

An exception is told by its kind and its places, without its text, because a library's words may quote what
was being handled: PostgreSQL's "Failing row contains" shows all of it.
"""

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

import sentry_sdk
import structlog
from sentry_sdk.integrations.logging import ignore_logger
from sentry_sdk.types import Event, Hint

from models.token_spelling import without_tokens
from settings import Settings, get_settings

KEPT_HEADERS = frozenset({"content-type", "content-length", "user-agent", "accept"})
"""Not X-Request-Id: what a caller sends there may be a token in the wrong place. The tag has the id that was taken."""


def set_up(process: str) -> None:
    """Configure logging and, when `SENTRY_DSN` is set, Sentry. `process` names this kind of process."""
    settings = get_settings()
    _set_up_logging(process)
    _set_up_sentry(settings, process)


def _set_up_logging(process: str) -> None:
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.EventRenamer("message"),
        _name_the_process(process),
    ]
    structlog.configure(
        processors=[*shared, _render_errors, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _render_errors,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)


def _failure_without_texts(exc_info: structlog.types.ExcInfo) -> str:
    """A stack trace that says of each error its kind only; the error that came first stands first."""
    blocks = [
        "".join(traceback.format_tb(failure.__traceback__)) + type(failure).__qualname__
        for failure in _chain(exc_info[1])
    ]
    return "\n".join(reversed(blocks))


_render_errors = structlog.processors.ExceptionRenderer(_failure_without_texts)


def _chain(failure: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from, as far as it does not hide that; ten at most."""
    for _ in range(10):
        if failure is None:
            return
        yield failure
        failure = failure.__cause__ or (None if failure.__suppress_context__ else failure.__context__)


def _name_the_process(process: str) -> structlog.types.Processor:
    def add(_logger: Any, _method: str, event: structlog.types.EventDict) -> Mapping[str, Any]:
        event["process"] = process
        return event

    return add


def _set_up_sentry(settings: Settings, process: str) -> None:
    dsn = settings.sentry_dsn.get_secret_value()
    if not dsn:
        return
    sentry_sdk.init(
        dsn=dsn,
        environment=settings.app_env,
        release=settings.release,
        # Frames hold tokens, keys and mail bodies; so do request bodies, headers and query strings.
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        # `send_default_pii` is off as long as nobody names it, which is deprecated.
        max_breadcrumbs=0,
        # What ended a task was reported by the task's shell; Celery sees only this stand-in for it.
        ignore_errors=["tasks.crashes.CommandCrashedError"],
        before_send=_without_secrets,
        before_send_transaction=_without_secrets,
        # On, so that `tracing` may begin traces; it decides by itself which of them are kept.
        traces_sample_rate=1.0,
        # `tracing` and the shells of the tasks report what is to be reported, and nothing patches anything.
        auto_enabling_integrations=False,
    )
    sentry_sdk.set_tag("process", process)
    # What is logged as an error was already reported as an exception.
    ignore_logger("celery.app.trace")


def _without_secrets(event: Event, hint: Hint) -> Event:
    """Keep of a request only its method, its path and harmless headers, and of an error not its text.

    The event is tagged with the request's id and with PostgreSQL's code for what went wrong.
    """
    request = event.get("request")
    if isinstance(request, dict):
        headers = request.get("headers")
        headers = headers if isinstance(headers, dict) else {}
        event["request"] = {
            "method": request.get("method"),
            "url": without_tokens(str(request.get("url", "")).partition("?")[0]),
            "headers": {
                name: without_tokens(str(value))
                for name, value in headers.items()
                if name.lower() in KEPT_HEADERS
            },
        }
    for failure in (event.get("exception") or {}).get("values") or ():
        failure["value"] = ""
    if isinstance(logged := event.get("logentry"), dict):
        # The sentence as it stands in the code, without what was put into it.
        event["logentry"] = {"message": logged.get("message", "")}
    # A command's arguments (addresses, ids of tokens), and whatever a library adds to a line of its log.
    event.pop("extra", None)
    tags = event.setdefault("tags", {})
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    if request_id:
        # What was said to be of another request stays so: a webhook tells of mails of long ago.
        tags.setdefault("request_id", request_id)
    for cause in _chain((hint.get("exc_info") or (None, None, None))[1]):
        if sqlstate := getattr(cause, "sqlstate", None):
            tags["sqlstate"] = str(sqlstate)
    return event
