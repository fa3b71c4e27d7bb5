"""Every queue has a worker, every command a queue, and every task is where Celery looks for it."""

import shlex

from tasks import catalogue
from tasks.catalogue import KINDS
from tests.contracts.source import ROOT


def procfile() -> dict[str, list[str]]:
    """The words of each process's command."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    entries = [line.partition(":") for line in lines if line.strip() and not line.startswith("#")]
    return {name.strip(): shlex.split(command) for name, _, command in entries}


def consumed() -> set[str]:
    """The queues that the workers of the Procfile consume."""
    queues: set[str] = set()
    for words in procfile().values():
        if "worker" in words:
            queues |= set(words[words.index("--queues") + 1].split(","))
    return queues


def test_every_kinds_queue_is_consumed_and_no_other():
    assert consumed() == {kind.queue for kind in KINDS.values()}


def test_mails_and_clocks_have_workers_of_their_own():
    for words in procfile().values():
        if "worker" in words:
            assert "," not in words[words.index("--queues") + 1]


def test_celery_routes_every_task_to_a_queue_that_is_consumed(configured: None):
    import celeryconfig

    declared = {queue.name for queue in celeryconfig.task_queues}
    assert declared == consumed()
    periodic = {
        getattr(catalogue, name) for name in ("SWEEP", "ARCHIVE", "RECHECK") if hasattr(catalogue, name)
    }
    for task in KINDS.keys() | {task for task in periodic if isinstance(task, str)}:
        assert celeryconfig.task_routes[task]["queue"] in declared, task
    for entry in celeryconfig.beat_schedule.values():
        assert entry["task"] in celeryconfig.task_routes


def test_every_task_is_registered_under_the_name_it_is_sent_by(configured: None):
    from importlib import import_module

    from celery import current_app

    import celeryconfig

    for module in celeryconfig.imports:
        import_module(module)
    registered = current_app.tasks.keys()
    assert celeryconfig.task_routes.keys() <= registered


def test_the_web_process_serves_the_application_factory():
    assert procfile()["web"][0] == "gunicorn"
    assert procfile()["web"][-1] == "api.app:create_app()"
