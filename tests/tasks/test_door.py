"""The door: which commands follow from a create, and how light it is."""

import subprocess
import sys

import pytest

from models.command_states import State
from models.commands import NewCommand
from tasks.door import plan_create

TIMES = NewCommand("reconcile-times", State.PENDING)
CONFIRMATION = NewCommand("send-confirmation", State.WAITING, "c@example.com")
ASSIGNMENT = NewCommand("send-assignment", State.WAITING, "p@example.com")
CLIENT, PHOTOGRAPHER = {"client_email": "c@example.com"}, {"photographer_email": "p@example.com"}
NOBODY = {"cancelled": False, "has_order": True, "client_email": None, "photographer_email": None}


@pytest.mark.parametrize(
    ("asked", "commands", "unreachable"),
    [
        ({**CLIENT}, [TIMES, CONFIRMATION], ()),
        ({**CLIENT, **PHOTOGRAPHER}, [TIMES, CONFIRMATION, ASSIGNMENT], ()),
        ({**PHOTOGRAPHER}, [TIMES, ASSIGNMENT], ("no e-mail address",)),
        ({}, [TIMES], ("no e-mail address",)),
        ({"client_email": ""}, [TIMES], ("no e-mail address",)),
        ({"has_order": False}, [TIMES], ("no order",)),
        ({"has_order": False, **PHOTOGRAPHER}, [TIMES, ASSIGNMENT], ("no order",)),
        ({"cancelled": True, **CLIENT, **PHOTOGRAPHER}, [TIMES], ()),
        ({"cancelled": True, "has_order": False}, [TIMES], ()),
    ],
)
def test_the_times_always_and_the_mails_to_whom_there_is(asked, commands, unreachable):
    plan = plan_create(**{**NOBODY, **asked})
    assert list(plan.commands) == commands
    assert len(plan.unreachable) == len(unreachable)
    assert all(words in said for words, said in zip(unreachable, plan.unreachable, strict=True))


def test_a_photographer_without_an_address_is_said_to_be_out_of_reach():
    plan = plan_create(**{**NOBODY, **CLIENT, "photographer_email": ""})
    assert list(plan.commands) == [TIMES, CONFIRMATION]


def test_whoever_comes_through_the_door_loads_neither_mail_nor_clocks_nor_celery():
    script = "import sys, tasks.door; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    heavy = {
        "celery",
        "kombu",
        "redis",
        "urllib3",
        "jinja2",
        "flask",
        "timezonefinder",
        "zipcodes",
        "tasks.mail",
    }
    assert not heavy & set(loaded.split())
