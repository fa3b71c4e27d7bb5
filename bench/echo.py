"""The first yardstick: a bare Flask application that reads the same JSON and answers with it.

It runs under gunicorn's own thread worker, 2 processes of 8 threads, whatever the product runs under: it stands
still while the product changes, so that ratios of different days can be compared.
"""

from typing import Any

from flask import Flask, request

PATH = "/echo"


def create_app() -> Flask:
    """JSON in, JSON out, and nothing else."""
    app = Flask("echo", static_folder=None)

    @app.post(PATH)
    def echo() -> Any:
        return request.get_json()

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app
