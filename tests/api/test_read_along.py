"""What a request names is read with its token: as two statements would, and nothing for a token that is not valid."""

import pytest

from api.appointments import references
from models import database
from models.tokens import Holder, find_holder, mint
from tests.world import World

NOBODY = 10**9


def along(token: str, values: dict[str, object]) -> tuple[Holder | None, references.References]:
    with database.transaction() as connection:
        holder, row = references.ALONG.find(connection, token, values)
    return holder, references.References(*row) if row else references.NOTHING


def apart(token: str, values: dict[str, object]) -> tuple[Holder | None, references.References]:
    with database.transaction() as connection:
        return find_holder(connection, token), references.look_up(connection, values)


def test_it_finds_what_two_statements_find(world: World):
    order, photographer = world.order(), world.photographer()
    every = dict(
        zip(
            references.PARAMS,
            (order.id, world.order_request_appt(order.id), photographer.id),
            strict=True,
        )
    )
    tokens = (
        world.application_token(),
        world.session_token(world.user().id),
        world.session_token(photographer.id),
    )
    for token in tokens:
        for names in ((), *((name,) for name in every), tuple(every)):
            named = {name: every[name] for name in names}
            assert along(token, named) == apart(token, named)
        unknown = dict.fromkeys(every, NOBODY)
        assert along(token, unknown) == apart(token, unknown)


@pytest.mark.parametrize("what", ["unknown", "malformed", "another secret", "another kind", "revoked"])
def test_nothing_is_told_to_a_token_that_is_not_valid(world: World, what: str):
    order, valid, minted = world.order(), world.application_token(), mint("application")
    kind, public_id, secret = valid.split("_", 2)
    token = {
        "unknown": minted.text,
        "malformed": valid[:-1],
        "another secret": f"{kind}_{public_id}_{minted.text.split('_', 2)[2]}",
        "another kind": f"session_{public_id}_{secret}",
        "revoked": valid,
    }[what]
    if what == "revoked":
        world.execute("UPDATE tokens SET revoked_at = now()")
    assert along(token, {"order_id": order.id})[0] is None
