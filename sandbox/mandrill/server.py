"""The process: one event loop that serves API, inbox and administration over HTTP/1.1 with keep-alive.

One thread is the point: a silence costs no thread, hundreds of connections cost little, and the store needs
no lock.
"""

import asyncio
import contextlib
import signal
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from sandbox.mandrill import inbox
from sandbox.mandrill.api import ApiHandler, Parts
from sandbox.mandrill.conduct import Silence
from sandbox.mandrill.faults import FaultBook
from sandbox.mandrill.store import Store
from sandbox.mandrill.wire import MEGABYTE


class CannotListenError(Exception):
    """The address is taken or not ours; the text is a sentence."""


def routes(parts: Parts, watch: inbox.Watch) -> Application:
    shared = {"parts": parts, "watch": watch}
    identifier = "([0-9a-f]{28,32})"
    return Application(
        [
            (r"/api/1\.\d+/([a-z0-9-]+/[a-z0-9-]+)(?:\.json)?/?", ApiHandler, {"parts": parts}),
            (r"/", inbox.ListPage, shared),
            (r"/inbox\.json", inbox.InboxJson, shared),
            (r"/attempts\.json", inbox.AttemptsJson, shared),
            (r"/inbox\.css", inbox.Style, shared),
            (r"/healthz", inbox.Health, shared),
            (rf"/messages/{identifier}", inbox.MailPage, shared),
            (rf"/messages/{identifier}/html", inbox.MailHtml, shared),
            (rf"/messages/{identifier}/raw\.json", inbox.MailRaw, shared),
            (rf"/messages/{identifier}/attachments/(\d{{1,4}})", inbox.Attachment, shared),
            (r"/admin/clear", inbox.Clear, shared),
            (r"/admin/faults", inbox.Faults, shared),
        ],
        default_handler_class=inbox.Missing,
        default_handler_args=shared,
        # One line for every request would be the slowest thing here; /attempts.json is the log.
        log_function=lambda _: None,
    )


async def serve(host: str, port: int, store_path: Path, *, silence_s: float) -> None:
    """Serves until SIGTERM or SIGINT, then stops at once.

    Raises `CannotListenError`, OSError and sqlite3.Error.
    """
    try:
        sockets = bind_sockets(port, host, backlog=1024)
    except OSError as error:
        raise CannotListenError(
            f"The Mandrill sandbox cannot listen on {host}:{port}: {error.strerror}."
            " Set SANDBOX_PORT to a free port."
        ) from error
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    with contextlib.closing(Store(store_path)) as store:
        watch, silence = inbox.Watch(), Silence(silence_s)
        parts = Parts(store=store, faults=FaultBook(), silence=silence, changed=watch.changed)
        # Above 25 MB the API refuses in Mandrill's words; this bound only protects the memory.
        server = HTTPServer(routes(parts, watch), max_body_size=64 * MEGABYTE, max_buffer_size=64 * MEGABYTE)
        server.add_sockets(sockets)
        actual = sockets[0].getsockname()[1]
        print(
            f"Mandrill sandbox: inbox http://{host}:{actual}/, API root http://{host}:{actual}/api/1.0",
            flush=True,
        )
        await stop.wait()
        server.stop()
        silence.end()
        await server.close_all_connections()
