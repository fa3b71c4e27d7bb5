"""The yardstick: a bare Flask application that reads the same JSON and answers with it.

It runs as `gunicorn --config deploy/gunicorn.conf.py "bench.echo:create_app()"`, so that server, threads and
processes are those of the product and only what the product does makes the difference.
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
