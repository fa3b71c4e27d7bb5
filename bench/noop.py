"""Celery with nothing to do: what a queue gives at best, with the product's own settings."""

from celery import Celery

TASK = "noop"

app = Celery("noop")
app.config_from_object("celeryconfig")
app.conf.imports = ()
app.conf.beat_schedule = {}


@app.task(name=TASK, ignore_result=True)
def noop(_number: int) -> None:
    """Nothing."""
