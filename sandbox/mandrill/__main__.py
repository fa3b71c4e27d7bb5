"""``python -m sandbox.mandrill --port N --store PATH``; ``--help`` lists the rest."""

import argparse
import asyncio
import os
import sqlite3
from pathlib import Path

from sandbox.mandrill.options import DEFAULT_RETRY_S, Behaviour, Options
from sandbox.mandrill.receiver import WebhookRefusedError
from sandbox.mandrill.server import CannotListenError, serve


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 86_400:  # also refuses nan
        raise ValueError(text)
    return value


def read_options() -> Options:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.mandrill",
        description="A Mandrill on this machine: keeps mails instead of sending them.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    option = parser.add_argument
    option("--host", default="127.0.0.1", help="address to listen on")
    option("--port", type=int, required=True, help="port; 0 takes a free one and prints it")
    option("--store", type=Path, required=True, help="SQLite file that keeps the mails")
    option("--silence", type=_seconds, default=60.0, help="longest silence of a fault, in seconds")
    option("--search-cap", action="store_true", help="answer 429 above 20 searches a minute")
    option("--search-lag-s", type=_seconds, default=0.0, help="seconds until a search finds a mail")
    option("--legacy-status", action="store_true", help="answer errors with 500, as before 2023")
    option(
        "--webhook-retry-s",
        type=_seconds,
        default=DEFAULT_RETRY_S,
        help="seconds until a webhook that failed is posted again, a quarter more or less",
    )
    option(
        "--webhook",
        default=os.environ.get("SANDBOX_WEBHOOK_URL", ""),
        help="register this URL for all events, unchecked (or SANDBOX_WEBHOOK_URL)",
    )
    # The product verifies with MANDRILL_WEBHOOK_KEY: where both see the same environment, it is enough. No
    # default text, because --help would show the key.
    option(
        "--webhook-key",
        help="its key (or SANDBOX_WEBHOOK_KEY, or MANDRILL_WEBHOOK_KEY; without any, one is made)",
    )
    option(
        "--product-url",
        default=os.environ.get("PUBLIC_URL") or Options.product_url,
        help="of the API, for the page behind the button of a client's mail (or PUBLIC_URL)",
    )
    given = parser.parse_args()
    key = given.webhook_key
    if key is None:
        key = os.environ.get("SANDBOX_WEBHOOK_KEY") or os.environ.get("MANDRILL_WEBHOOK_KEY") or ""
    return Options(
        store=given.store,
        host=given.host,
        port=given.port,
        silence_s=given.silence,
        webhook_url=given.webhook,
        webhook_key=key,
        product_url=given.product_url.rstrip("/"),
        behaviour=Behaviour(
            search_cap=given.search_cap,
            search_lag_s=given.search_lag_s,
            legacy_status=given.legacy_status,
            webhook_retry_s=given.webhook_retry_s,
        ),
    )


def main() -> None:
    options = read_options()
    try:
        asyncio.run(serve(options))
    except (CannotListenError, WebhookRefusedError) as error:
        raise SystemExit(str(error)) from None
    except (OSError, sqlite3.Error) as error:
        raise SystemExit(f"The store {options.store} cannot be used: {error}.") from None


if __name__ == "__main__":
    main()
