"""The web server's thread: whether it goes on with a connection or hands it back."""

import io
import socket
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from api import server


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[socket.socket, SimpleNamespace]]:
    """A client's end, and the server's as gunicorn holds it, with nothing read ahead."""
    monkeypatch.setattr(server, "STAY_MS", 5)
    client, served = socket.socketpair()
    unreader = SimpleNamespace(buf=io.BytesIO())
    with client, served:
        yield client, SimpleNamespace(sock=served, parser=SimpleNamespace(unreader=unreader))


def test_a_silent_client_is_handed_back(ends):
    _, conn = ends
    assert not server.speaks_again(conn)


def test_the_next_request_is_served_in_the_same_thread(ends):
    client, conn = ends
    client.send(b"POST ")
    assert server.speaks_again(conn)


def test_a_request_that_was_read_ahead_is_not_waited_for(ends):
    _, conn = ends
    conn.parser.unreader.buf = io.BytesIO(b"POST ")
    assert server.speaks_again(conn)


def test_a_client_that_hangs_up_is_noticed(ends):
    client, conn = ends
    client.close()
    assert server.speaks_again(conn)
