"""The runner with a stand-in for the product: `python -m tests.sandbox.stand_in PROCFILE`.

The schema step does nothing and the demo step prints a fixed object, so that the runner's tests need none of
the product's code. The functions below are the stand-ins of its processes:
`python -m tests.sandbox.stand_in web|worker|deaf|broken`.
"""

import http.server
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

DEMO = '{"application_tokens": {"planoauth": "application_demo_token"}, "order_ids": {"denver": 1}}'


def serve(port: int) -> None:
    """Answer every GET with 200."""

    class Always200(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    http.server.ThreadingHTTPServer(("127.0.0.1", port), Always200).serve_forever()


def work() -> None:
    """Say what a Celery worker says, and have a child like its pool's."""
    child = subprocess.Popen(["sleep", "1000"])
    sys.stdout.write(f"child {child.pid}\nworker@here ready.\n")
    sys.stdout.flush()
    child.wait()


def be_deaf() -> None:
    """Ignore the polite signals."""
    for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sign, signal.SIG_IGN)
    while True:
        time.sleep(100)


def break_down() -> None:
    """End at once with a word."""
    sys.exit("the reason is here")


def main(what: str) -> None:
    """Be one of the processes, or the runner of a Procfile."""
    match what:
        case "web":
            serve(int(os.environ["PORT"]))
        case "mandrill":
            serve(int(os.environ["SANDBOX_PORT"]))
        case "worker":
            work()
        case "deaf":
            be_deaf()
        case "broken":
            break_down()
        case procfile:
            # The processes above start faster without these.
            from sandbox.machine import Plan
            from sandbox.run import run

            nothing, demo = (sys.executable, "-c", ""), (sys.executable, "-c", f"print({DEMO!r})")
            sys.exit(run(Plan(procfile=Path(procfile), migrate=nothing, demo=demo)))


if __name__ == "__main__":
    main(sys.argv[1])
