"""What `celery -A workers.app` loads: the Celery application, its logs and its error reports."""

import os

from celery import Celery
from celery.signals import beat_init, celeryd_init, setup_logging, worker_process_init

import telemetry
from settings import get_settings
from tasks.mail.destination import check_destination

app = Celery("appointments")
app.config_from_object("celeryconfig")


@setup_logging.connect
def _log_as_every_process_does(**_: object) -> None:
    """Connecting to this signal keeps Celery from setting up its own logging."""
    telemetry.set_up(os.environ.get("PROCESS_NAME", "worker"))


@celeryd_init.connect
def _refuse_a_wrong_destination(**_: object) -> None:
    """A worker whose key and URL do not belong together stops before it takes a command."""
    settings = get_settings()
    check_destination(settings.mandrill_url, settings.mandrill_api_key)


@worker_process_init.connect
def _report_errors_from_children(**_: object) -> None:
    telemetry.set_up(os.environ.get("PROCESS_NAME", "worker"))


@beat_init.connect
def _report_errors_from_beat(**_: object) -> None:
    telemetry.set_up(os.environ.get("PROCESS_NAME", "beat"))
