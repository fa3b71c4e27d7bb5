"""What `celery -A workers.app` loads: the Celery application, its logs and its error reports."""

import gc

from celery import Celery
from celery.signals import (
    beat_init,
    celeryd_init,
    setup_logging,
    worker_before_create_process,
    worker_process_init,
    worker_shutting_down,
)

import telemetry
from models.clock import load_atlas
from models.production import refuse_demo_data
from settings import get_settings
from tasks.mail.destination import DestinationError, check_destination
from workers.broker_guard import survive_a_lost_broker
from workers.consumer import EventsInGroups
from workers.consumer_watch import ConsumerWatch
from workers.orderly_stop import bound_the_stop, let_children_go, tell_stacks_on_request

survive_a_lost_broker()
let_children_go()

app = Celery("appointments")
app.config_from_object("celeryconfig")
app.steps["consumer"].update((ConsumerWatch, EventsInGroups))


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


@celeryd_init.connect
def _tell_where_it_stands(**_: object) -> None:
    tell_stacks_on_request()


@worker_shutting_down.connect
def _stop_within_bounds(**_: object) -> None:
    bound_the_stop()


@worker_before_create_process.connect
def _share_with_children(**_: object) -> None:
    """Children of a prefork pool share what is in memory before they are made: the atlas, and all modules.

    What is frozen, the garbage collector does not touch any more; it would copy those pages into each child.
    """
    load_atlas()
    gc.freeze()


@worker_process_init.connect
def _report_errors_from_children(**_: object) -> None:
    telemetry.set_up(get_settings().process_name or "worker")


@beat_init.connect
def _report_errors_from_beat(**_: object) -> None:
    telemetry.set_up(get_settings().process_name or "beat")
