"""Under which circumstances a worker does its present task: for whoever has to find out why it failed."""

import platform
from dataclasses import dataclass
from urllib.parse import urlsplit

from celery import current_task

from settings import get_settings


@dataclass(frozen=True, slots=True)
class Circumstances:
    """`worker` is the process and its host, `endpoint_host` where mails are handed to."""

    worker: str
    task_id: str | None
    release: str
    endpoint_host: str | None


def circumstances() -> Circumstances:
    """Those of this process, now. Without a task, as in a test, there is no `task_id`."""
    settings = get_settings()
    task_id = current_task.request.id if current_task else None
    return Circumstances(
        worker=f"{settings.process_name or 'worker'}@{platform.node()}",
        task_id=None if task_id is None else str(task_id)[:64],
        release=settings.release,
        endpoint_host=urlsplit(settings.mandrill_url).hostname,
    )
