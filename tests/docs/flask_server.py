"""`flask` for the documents' commands: one process that has imported everything, and a fork of it for each call.

    python -m tests.docs.flask_server SOCKET

A call sends its arguments, directory and environment with its own standard streams; it gets the exit status.
"""

import gc
import json
import os
import signal
import socket
import sys
import traceback
from importlib import import_module

import flask.cli
from flask import Flask

import api.app
import cli.app
import telemetry
from settings import get_settings

PRELOADED = (api.app, cli.app, telemetry)

CLIENT = """#!{python} -SE
import json, os, socket, sys
door = socket.socket(socket.AF_UNIX)
door.connect({path!r})
call = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]) + chr(10)
socket.send_fds(door, [b"!"], [0, 1, 2])
door.sendall(call.encode())
sys.exit(int(door.recv(8) or b"70"))
"""


def answer(door: socket.socket, application: Flask) -> int:
    """Do one call in this process; its exit status."""
    _, streams, _, _ = socket.recv_fds(door, 1, 3)
    said = b""
    while not said.endswith(b"\n"):
        said += door.recv(65536)
    arguments, directory, environment = json.loads(said)
    for stream, number in zip(streams, (0, 1, 2), strict=True):
        os.dup2(stream, number)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    get_settings.cache_clear()
    sys.argv = ["flask", *arguments]
    try:
        flask.cli.FlaskGroup(name="flask", create_app=lambda: application).main(prog_name="flask")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001 - shown, as the program would
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    """Serve until SIGTERM."""
    for place in cli.app.COMMANDS.values():
        import_module(place.partition(":")[0])
    application = cli.app.create_app()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(sys.argv[1])
        listening.listen()
        while True:
            door, _ = listening.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.setsid()  # no terminal: what asks for a password reads standard input
                status = answer(door, application)
                sys.stdout.flush()
                sys.stderr.flush()
                door.sendall(str(status).encode())
                os._exit(0)
            door.close()


if __name__ == "__main__":
    main()
