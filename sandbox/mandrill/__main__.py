"""``python -m sandbox.mandrill --port N [--host 127.0.0.1] --store PATH [--silence 60]``"""

import argparse
import asyncio
import sqlite3
from pathlib import Path

from sandbox.mandrill.server import CannotListenError, serve


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.mandrill",
        description="A Mandrill on this machine: keeps mails instead of sending them.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, required=True, help="port; 0 takes a free one and prints it")
    parser.add_argument("--store", type=Path, required=True, help="SQLite file that keeps the mails")
    parser.add_argument(
        "--silence",
        type=float,
        default=60.0,
        help="longest silence of a fault, in seconds (default: %(default)s)",
    )
    options = parser.parse_args()
    try:
        asyncio.run(serve(options.host, options.port, options.store, silence_s=options.silence))
    except CannotListenError as error:
        raise SystemExit(str(error)) from None
    except (OSError, sqlite3.Error) as error:
        raise SystemExit(f"The store {options.store} cannot be used: {error}.") from None


if __name__ == "__main__":
    main()
