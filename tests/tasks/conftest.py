"""What tests of the tasks ask for: the product's Celery application on a broker, and a Mandrill by script."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from settings import get_settings
from tests.tasks.mail.wire_server import WireServer, wire_server


@contextmanager
def celery_on(url: str) -> Iterator[None]:
    """Publish to the broker at `url`, with every setting as in production."""
    from celery import Celery, _state

    # Of all threads: the current application is each thread's own, the default one is everybody's.
    before, current = _state.default_app, _state._tls.current_app
    app = Celery("tests", set_as_current=False)
    app.config_from_object("celeryconfig")
    app.conf.broker_url = app.conf.broker_write_url = app.conf.broker_read_url = url
    app.set_default()
    app.set_current()
    try:
        yield
    finally:
        app.close()
        _state.set_default_app(before)
        _state._tls.current_app = current


@pytest.fixture
def broker(configured: None, redis_url: str) -> Iterator[redis.Redis]:
    """An empty Redis that the tasks publish to."""
    with redis.Redis.from_url(redis_url) as client, celery_on(redis_url):
        client.flushdb()
        yield client


@pytest.fixture
def provider(world, monkeypatch: pytest.MonkeyPatch) -> Iterator[WireServer]:
    """A Mandrill that answers by script, for a mail worker with a grace period of a minute."""
    from tasks.send_mail import mandrill

    with wire_server() as server:
        monkeypatch.setenv("MANDRILL_URL", server.url)
        get_settings.cache_clear()
        mandrill.cache_clear()
        yield server
    monkeypatch.undo()
    get_settings.cache_clear()
    mandrill.cache_clear()
