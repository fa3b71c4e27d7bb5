"""Law 5: every state has a sentence and every edge a name, on one page of code; nothing moves otherwise."""

import ast
import re

import pytest

from models.command_states import (
    CLAIMABLE,
    DROP_BY_HAND,
    EDGES,
    LEASED,
    OPEN,
    RESEND,
    SHOWN_TO_CALLERS,
    State,
)
from models.commands import Command
from tasks.catalogue import KINDS
from tests.contracts.source import modules, production_modules, texts

PAGE = "models.command_states"
FIRST = (State.WAITING, State.PENDING)
"""The states in which a command is written."""


def sentences() -> dict[str, str]:
    """The docstring under each member of `State`."""
    (states,) = (
        node for node in modules()[PAGE].body if isinstance(node, ast.ClassDef) and node.name == "State"
    )
    told = {}
    for member, following in zip(states.body, states.body[1:], strict=False):
        if isinstance(member, ast.Assign) and isinstance(following, ast.Expr):
            told[ast.unparse(member.targets[0])] = ast.literal_eval(following.value)
    return told


@pytest.mark.parametrize("state", State)
def test_every_state_has_a_sentence_and_a_word_for_callers(state: State):
    assert re.fullmatch(r"[A-Z].{15,}\.", sentences()[state.name], re.S)
    assert SHOWN_TO_CALLERS[state]


def test_every_edge_has_a_name_and_stands_in_the_drawing():
    drawing = ast.get_docstring(modules()[PAGE])
    assert drawing is not None
    for edge in EDGES:
        assert edge.name in drawing
        assert edge.target.value in drawing
    constants = {
        ast.unparse(node.targets[0])
        for node in modules()[PAGE].body
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("Edge(")
    }
    assert len(constants) == len(EDGES)


def test_from_one_state_no_two_edges_share_a_name():
    moves = [(source, edge.name) for edge in EDGES for source in edge.sources]
    assert len(moves) == len(set(moves))


def test_every_state_can_be_reached_and_only_a_person_leads_out_of_an_end():
    reached = set(FIRST)
    for _ in State:
        reached |= {edge.target for edge in EDGES if set(edge.sources) & reached}
    assert reached == set(State)
    left = {source for edge in EDGES if edge not in (RESEND, DROP_BY_HAND) for source in edge.sources}
    assert set(State) - left == {State.DONE, State.FAILED}


def test_the_groups_of_states_follow_from_the_edges():
    claims = {KINDS[name].edge for name in KINDS}
    assert {source for edge in claims for source in edge.sources} == set(CLAIMABLE)
    assert {edge.target for edge in claims} == set(LEASED)
    assert set(OPEN) == set(State) - {State.DONE, State.FAILED}


def test_the_database_knows_the_same_states():
    (check,) = (c for c in Command.__table__.constraints if str(c.name).endswith("state_known"))
    assert set(re.findall(r"'([a-z]+)'", str(check.sqltext))) == {state.value for state in State}


def test_only_these_modules_write_to_commands():
    moving = re.compile(r"UPDATE commands\b", re.I)
    movers = {
        name
        for name, tree in production_modules().items()
        if any(moving.search(said) for said in texts(tree))
    }
    assert movers == {f"models.command_{room}" for room in ("claims", "endings", "ledger", "publishing")}
