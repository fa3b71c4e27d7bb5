"""The process: one event loop that serves API, inbox and administration over HTTP/1.1 with keep-alive.

One thread is the point: a silence costs no thread, hundreds of connections cost little, and the store needs
no lock.
"""

import asyncio
import contextlib
import signal
import sqlite3
import time

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from sandbox.mandrill import administration, client_page, inbox, records, webhook_pages
from sandbox.mandrill.account import Account
from sandbox.mandrill.api import ApiHandler
from sandbox.mandrill.conduct import Silence
from sandbox.mandrill.courier import Courier
from sandbox.mandrill.database import open_database
from sandbox.mandrill.event_log import EventLog
from sandbox.mandrill.events import EVENTS
from sandbox.mandrill.faults import FaultBook
from sandbox.mandrill.options import Options
from sandbox.mandrill.pages import Watch
from sandbox.mandrill.parts import Conduct, Parts
from sandbox.mandrill.receiver import check_url
from sandbox.mandrill.search_cap import SearchCap
from sandbox.mandrill.store import Store
from sandbox.mandrill.wire import MEGABYTE


class CannotListenError(Exception):
    """The address is taken or not ours; the text is a sentence."""


def routes(parts: Parts, watch: Watch) -> Application:
    shared = {"parts": parts, "watch": watch}
    identifier = "([0-9a-f]{28,32})"
    return Application(
        [
            (r"/api/1\.\d+/([a-z0-9-]+/[a-z0-9-]+)(?:\.json)?/?", ApiHandler, {"parts": parts}),
            (r"/", inbox.ListPage, shared),
            (r"/inbox\.json", records.InboxJson, shared),
            (r"/attempts\.json", records.AttemptsJson, shared),
            (r"/events\.json", records.EventsJson, shared),
            (r"/events", webhook_pages.EventsPage, shared),
            (r"/webhooks\.json", webhook_pages.WebhooksJson, shared),
            (r"/webhooks", webhook_pages.WebhooksPage, shared),
            (r"/inbox\.css", inbox.Style, shared),
            (rf"/appointments/{client_page.UUID}", client_page.AppointmentPage, shared),
            (r"/healthz", administration.Health, shared),
            (rf"/messages/{identifier}", inbox.MailPage, shared),
            (rf"/messages/{identifier}/html", inbox.MailHtml, shared),
            (rf"/messages/{identifier}/raw\.json", inbox.MailRaw, shared),
            (rf"/messages/{identifier}/attachments/(\d{{1,4}})", inbox.Attachment, shared),
            (r"/admin/clear", administration.Clear, shared),
            (r"/admin/faults", administration.Faults, shared),
            (r"/admin/behaviour", administration.BehaviourJson, shared),
            (r"/admin/webhooks", webhook_pages.NewWebhook, shared),
            (r"/admin/webhooks/(\d{1,9})", webhook_pages.OneWebhook, shared),
            (r"/admin/events", webhook_pages.NewEvent, shared),
            (r"/admin/events/replay", webhook_pages.Replay, shared),
        ],
        default_handler_class=administration.Missing,
        default_handler_args=shared,
        # One line for every request would be the slowest thing here; /attempts.json is the log.
        log_function=lambda _: None,
    )


def put_together(options: Options, database: sqlite3.Connection, watch: Watch) -> Parts:
    """All pieces on one database. Raises `WebhookRefusedError` for a webhook's URL that is none."""
    store, account, log = Store(database), Account(database), EventLog(database)
    conduct = Conduct(options.behaviour)
    url = options.webhook_url and check_url(options.webhook_url)
    account.register_at_start(url, options.webhook_key, events=EVENTS, at=time.time())
    return Parts(
        options=options,
        store=store,
        account=account,
        log=log,
        courier=Courier(store, account, log, behaviour=lambda: conduct.now, changed=watch.changed),
        faults=FaultBook(),
        conduct=conduct,
        search_cap=SearchCap(),
        silence=Silence(options.silence_s),
        changed=watch.changed,
    )


async def serve(options: Options) -> None:
    """Serves until SIGTERM or SIGINT, then stops at once.

    Raises `CannotListenError`, `WebhookRefusedError`, OSError and sqlite3.Error.
    """
    host = options.host
    try:
        sockets = bind_sockets(options.port, host, backlog=1024)
    except OSError as error:
        raise CannotListenError(
            f"The Mandrill sandbox cannot listen on {host}:{options.port}: {error.strerror}."
            " Set SANDBOX_PORT to a free port."
        ) from error
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    with contextlib.closing(open_database(options.store)) as database:
        watch = Watch()
        parts = put_together(options, database, watch)
        # Above 25 MB the API refuses in Mandrill's words; this bound only protects the memory.
        server = HTTPServer(routes(parts, watch), max_body_size=64 * MEGABYTE, max_buffer_size=64 * MEGABYTE)
        server.add_sockets(sockets)
        parts.courier.start()
        actual = sockets[0].getsockname()[1]
        print(
            f"Mandrill sandbox: inbox http://{host}:{actual}/, API root http://{host}:{actual}/api/1.0",
            flush=True,
        )
        await stop.wait()
        server.stop()
        parts.silence.end()
        await parts.courier.stop()
        await server.close_all_connections()
