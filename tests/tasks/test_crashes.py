"""A task that crashes tells what happened and where, and none of the words that came with it."""

import json
import pickle

import pytest
import structlog

from tasks.crashes import CommandCrashedError, reported
from tasks.send_mail import TASKS
from tests.tasks.planned import mail_due


def quoting(secret):
    raise ValueError(f"Failing row contains {secret}")


def test_what_celery_sees_is_the_kind_and_the_place_only(capsys):
    with pytest.raises(CommandCrashedError) as crashed, reported("send-confirmation"):
        quoting("SENTINEL")
    task, error, place = crashed.value.args
    assert (task, error) == ("send-confirmation", "ValueError")
    assert place.startswith(f"{__name__}:")
    assert crashed.value.__suppress_context__
    assert "SENTINEL" not in str(crashed.value) + repr(crashed.value) + capsys.readouterr().err


def test_it_survives_the_way_between_processes():
    made = CommandCrashedError("send-confirmation", "ValueError", "tasks.letters:1")
    again = pickle.loads(pickle.dumps(made))
    assert (type(again), again.args, str(again)) == (CommandCrashedError, made.args, str(made))


def test_the_shell_of_a_mail_names_our_own_line(world, provider):
    planned = mail_due(world)
    world.execute("UPDATE appointments SET zone_name = 'Nowhere/Atlantis' WHERE id = :id", id=planned.id)
    with pytest.raises(CommandCrashedError, match=r"ended by ValueError at (tasks|models)\.\S+:\d+"):
        TASKS["send-confirmation"](planned.commands["send-confirmation"])


def test_one_tasks_ids_are_not_on_the_next_ones_lines():
    structlog.contextvars.bind_contextvars(request_id="left over")
    with reported("sweep"):
        assert structlog.contextvars.get_contextvars() == {}
        structlog.contextvars.bind_contextvars(request_id="mine")
    assert json.dumps(structlog.contextvars.get_contextvars()) == "{}"
