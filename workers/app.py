"""What `celery -A workers.app` loads: the Celery application, its logs and its error reports."""

from celery import Celery
from celery.signals import beat_init, celeryd_init, setup_logging, worker_process_init

import telemetry
from models.production import refuse_demo_data
from settings import get_settings
from tasks.mail.destination import DestinationError, check_destination
from workers.broker_guard import survive_a_lost_broker
from workers.consumer_watch import ConsumerWatch

survive_a_lost_broker()

app = Celery("appointments")
app.config_from_object("celeryconfig")
app.steps["consumer"].add(ConsumerWatch)


@setup_logging.connect
def _log_as_every_process_does(**_: object) -> None:
    """Connecting to this signal keeps Celery from setting up its own logging."""
    telemetry.set_up(get_settings().process_name or "worker")


@celeryd_init.connect
def _refuse_a_wrong_destination(**_: object) -> None:
    """A worker whose key and URL do not belong together stops before it takes a command."""
    settings = get_settings()
    refuse_demo_data()
    try:
        check_destination(settings.mandrill_url, settings.mandrill_api_key)
    except DestinationError as fault:
        raise SystemExit(str(fault)) from None  # Celery swallows every other exception of a signal


@worker_process_init.connect
def _report_errors_from_children(**_: object) -> None:
    telemetry.set_up(get_settings().process_name or "worker")


@beat_init.connect
def _report_errors_from_beat(**_: object) -> None:
    telemetry.set_up(get_settings().process_name or "beat")
