"""How commands move: each move from each state, and what a worker that lost its lease can still do."""

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import text

from models import command_claims as claims
from models import command_endings as endings
from models import command_ledger as ledger
from models import database
from models.command_claims import LeaseLostError
from models.command_states import BEGIN, BEGIN_SENDING, LEASED, State
from tests.models.put import KIND, LEASE_S, NO_LEASE, handed_over, put, settled
from tests.tasks import planned
from tests.tasks.planned import command_row

pytestmark = pytest.mark.usefixtures("database")


def release(connection, held):
    return [due.id for due in planned.release(connection, held.appointment_id, [KIND], 10)] == [held.id]


def drop(connection, held):
    return ledger.drop(connection, [held.id]) == {held.id}


def begin(connection, held):
    return claims.claim(connection, held.id, KIND, BEGIN, LEASE_S) is not None


def begin_sending(connection, held):
    return claims.claim(connection, held.id, KIND, BEGIN_SENDING, LEASE_S) is not None


def finish(connection, held):
    endings.finish(connection, held)
    return True


def postpone(connection, held):
    endings.postpone(connection, held, 30, "busy")
    return True


def fail(connection, held):
    endings.fail(connection, held, "no")
    return True


def doubt(connection, held):
    endings.doubt(connection, held, 30, "silence")
    return True


def stay_in_doubt(connection, held):
    endings.stay_in_doubt(connection, held, 30, "silence", missed=False)
    return True


def put_off(connection, held):
    endings.put_off(connection, held)
    return True


def await_times(connection, held):
    endings.await_times(connection, held)
    return True


def drop_claimed(connection, held):
    endings.drop_claimed(connection, held)
    return True


def drop_by_hand(connection, held):
    return ledger.drop_by_hand(connection, [held.id]) == {held.id}


def mistrust(connection, held):
    return [moved.id for moved in ledger.mistrust(connection, "It was restored.", gap_s=1)] == [held.id]


def finish_with_others(connection, held):
    endings.finish_several(connection, [held], [KIND], 10)
    return True


def begin_with_others(connection, held):
    return [taken.id for taken in claims.claim_several(connection, held.id, KIND, LEASE_S, 1)] == [held.id]


def resend(connection, held):
    return ledger.resend(connection, held.id)


def settle(connection, held):
    # By way of the mail's row, which leads from what the provider tells to the command.
    return bool(ledger.settle(connection, [handed_over(held.id)]))


def reject(connection, held):
    return bool(ledger.reject(connection, [handed_over(held.id)], "It was told so."))


def after_its_lease(connection, held):
    """What the sweep does with it when its worker is silent for longer than its lease."""
    connection.execute(
        text(
            "UPDATE commands SET lease_until = now() - interval '1 s' WHERE id = :id AND lease_until > now()"
        ),
        {"id": held.id},
    )
    return claims.expire_leases(connection, grace_s=30) == 1


def expire_handed_over(connection, held):
    handed_over(held.id)
    return after_its_lease(connection, held)


def expire_in_doubt(connection, held):
    connection.execute(
        text("UPDATE commands SET doubt_since = now() WHERE id = :id AND state = 'sending'"), {"id": held.id}
    )
    return after_its_lease(connection, held)


def take_back(connection, held):
    return after_its_lease(connection, held)


LEGAL = {
    release: {State.WAITING: State.PENDING},
    begin: {State.PENDING: State.RUNNING},
    begin_sending: {State.PENDING: State.SENDING, State.UNKNOWN: State.SENDING},
    finish: {State.RUNNING: State.DONE, State.SENDING: State.DONE},
    postpone: {State.RUNNING: State.PENDING, State.SENDING: State.PENDING},
    fail: {State.RUNNING: State.FAILED, State.SENDING: State.FAILED},
    doubt: {State.SENDING: State.UNKNOWN},
    stay_in_doubt: {State.SENDING: State.UNKNOWN},
    put_off: {State.RUNNING: State.PENDING, State.SENDING: State.PENDING},
    await_times: {State.SENDING: State.WAITING},
    drop_claimed: {State.SENDING: State.DONE},
    begin_with_others: {State.PENDING: State.RUNNING},
    finish_with_others: {State.RUNNING: State.DONE, State.SENDING: State.DONE},
    resend: dict.fromkeys((State.FAILED, State.UNKNOWN, State.DONE), State.PENDING),
    settle: {State.PENDING: State.DONE, State.UNKNOWN: State.DONE},
    reject: {State.PENDING: State.FAILED, State.UNKNOWN: State.FAILED},
    take_back: {State.RUNNING: State.PENDING, State.SENDING: State.PENDING},
    expire_handed_over: {State.RUNNING: State.PENDING, State.SENDING: State.UNKNOWN},
    expire_in_doubt: {State.RUNNING: State.PENDING, State.SENDING: State.UNKNOWN},
    drop: {State.WAITING: State.DONE, State.PENDING: State.DONE},
    drop_by_hand: dict.fromkeys((State.WAITING, State.PENDING, State.UNKNOWN, State.FAILED), State.DONE),
    mistrust: {State.WAITING: State.UNKNOWN, State.PENDING: State.UNKNOWN},
}
WORKER_MOVES = (
    *(finish, finish_with_others, postpone, put_off, await_times, drop_claimed),
    *(fail, doubt, stay_in_doubt),
)


@pytest.mark.parametrize("source", State)
@pytest.mark.parametrize("move", LEGAL, ids=lambda move: move.__name__)
def test_a_move_leads_from_its_sources_to_its_target_and_from_elsewhere_changes_nothing(
    command_id, move, source
):
    held = put(command_id, source)
    before = settled(command_row(command_id))
    with database.transaction() as connection:
        if source in LEGAL[move]:
            assert move(connection, held)
        elif move in WORKER_MOVES:
            with pytest.raises(LeaseLostError):
                move(connection, held)
        else:
            assert not move(connection, held)
    after = command_row(command_id)
    target = LEGAL[move].get(source)
    if target is None:
        assert settled(after) == before
        return
    assert after["state"] == target
    if target in LEASED:
        assert after["lease_token"] is not None
        assert after["lease_for_s"] == pytest.approx(LEASE_S, abs=5)
    else:
        assert {name: after[name] for name in NO_LEASE} == NO_LEASE


@pytest.mark.parametrize("move", [*WORKER_MOVES, claims.begin_again], ids=lambda move: move.__name__)
def test_a_worker_that_lost_its_lease_writes_nothing(command_id, move):
    held = put(command_id, State.SENDING)
    before = settled(command_row(command_id))
    late = replace(held, lease_token=uuid4())
    with database.transaction() as connection, pytest.raises(LeaseLostError, match=f"command {held.id} was"):
        move(connection, late)
    assert settled(command_row(command_id)) == before
