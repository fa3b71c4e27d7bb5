"""`Prefer: wait=N` as RFC 7240 spells it."""

import pytest

from api.preferences import preferred_wait_s
from tests.client import ApiClient
from tests.world import World


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("wait=5", 5),
        ("Wait = 5", 5),
        ('wait="7"', 7),
        ("respond-async, wait=3", 3),
        ("return=minimal;foo=bar, wait=2", 2),
        ("wait=3600", 10),
        ("wait=99999999999", 0),
        ("wait=-1", 0),
        ("wait=soon", 0),
        ("await=5", 0),
        ("wait=2.5", 0),
    ],
)
def test_the_wait_is_read_or_ignored(header: str | None, seconds: int) -> None:
    assert preferred_wait_s(header) == seconds


def test_without_workers_the_answer_comes_after_the_wait_and_says_queued(
    api: ApiClient, world: World
) -> None:
    reply = api.create({"order_id": world.order().id}, headers={"Prefer": "wait=1"})
    assert reply.status == "action-successful"
    assert reply.headers["preference-applied"] == "wait=1"
    assert {command["state"] for command in reply.body["data"]["commands"]} == {"queued"}


def test_without_the_header_nobody_waits(api: ApiClient, world: World) -> None:
    reply = api.create({"order_id": world.order().id})
    assert "preference-applied" not in reply.headers
