"""The page of states: every state has a sentence, every edge leads somewhere, nothing leaves an end."""

import ast
import inspect

from models import command_states
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


def test_every_state_has_a_sentence_of_its_own():
    (states,) = (
        node
        for node in ast.parse(inspect.getsource(command_states)).body
        if isinstance(node, ast.ClassDef) and node.name == "State"
    )
    body = states.body[1:]  # after the class's own docstring
    assert [type(node) for node in body] == [ast.Assign, ast.Expr] * len(State)
    sentences = [ast.literal_eval(node.value) for node in body[1::2]]
    assert len(set(sentences)) == len(State)
    assert all(sentence.endswith(".") for sentence in sentences)


def test_a_source_and_a_name_lead_to_one_target_only():
    moves = [(edge.name, source) for edge in EDGES for source in edge.sources]
    assert len(moves) == len(set(moves))


def test_every_state_is_reached_from_where_commands_begin():
    reached = {State.WAITING, State.PENDING}
    for _ in State:
        reached |= {edge.target for edge in EDGES if reached & set(edge.sources)}
    assert reached == set(State)


def test_only_a_person_revives_what_is_done_or_failed_and_gives_up_what_failed():
    for end, by_hand in ((State.DONE, [RESEND]), (State.FAILED, [RESEND, DROP_BY_HAND])):
        assert [edge for edge in EDGES if end in edge.sources] == by_hand


def test_every_open_state_has_a_way_on():
    ways_on = {source for edge in EDGES for source in edge.sources}
    assert set(OPEN) <= ways_on
    assert set(State) - set(OPEN) == {State.DONE, State.FAILED}


def test_what_a_worker_holds_is_never_up_for_grabs():
    assert not set(LEASED) & set(CLAIMABLE)


def test_a_mail_that_may_be_out_is_never_taken_for_pending():
    expired = {source: edge.target for edge in EDGES if edge.name == "expire" for source in edge.sources}
    assert expired == {State.RUNNING: State.PENDING, State.SENDING: State.UNKNOWN}


def test_what_never_began_to_be_sent_is_taken_back_from_sending_only():
    back = {source: edge.target for edge in EDGES if edge.name == "take back" for source in edge.sources}
    assert back == {State.SENDING: State.PENDING}


def test_callers_are_told_a_word_for_every_state():
    assert set(SHOWN_TO_CALLERS) == set(State)
