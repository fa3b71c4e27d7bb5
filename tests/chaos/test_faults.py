"""The plan of a run: repeatable by its seed, and with every fault in it sooner or later."""

from itertools import pairwise

from chaos.faults import FAULTS, GAP_S, plan
from chaos.load import Load, bodies

LOAD = Load("http://127.0.0.1", "token", ((1, 2), (3, 4)), rate=12, seconds=5, seed=7)


def test_a_seed_gives_the_same_faults_at_the_same_moments():
    one, two, other = (
        [(each.at_s, each.fault.name, each.rng.random()) for each in plan(seed, 120)] for seed in (7, 7, 8)
    )
    assert one == two != other


def test_a_fault_comes_every_few_seconds_from_the_beginning_to_the_end():
    moments = [0.0, *(each.at_s for each in plan(3, 120))]
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert all(GAP_S[0] <= gap <= GAP_S[1] for gap in gaps)
    assert 120 - moments[-1] <= GAP_S[1]


def test_every_fault_of_the_table_has_its_turn():
    assert {each.fault.name for each in plan(1, 3600)} == {fault.name for fault in FAULTS}


def test_a_seed_gives_the_same_creates_and_no_uuid_twice():
    assert bodies(LOAD) == bodies(LOAD)
    assert len({body["uuid"] for body in bodies(LOAD)}) == 60


def test_the_token_of_a_load_is_not_in_its_repr():
    assert "token" not in repr(LOAD).replace("chaos", "")
