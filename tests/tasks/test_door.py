"""The door: which commands follow from a create, and how light it is."""

import subprocess
import sys
from dataclasses import replace
from uuid import UUID

import pytest

from models.command_states import State
from models.commands import NewCommand
from models.mail_facts import MailFacts, Told
from tasks.door import TIMES, Alteration, MailSoFar, People, plan_cancel, plan_create, plan_update
from tasks.mails_so_far import Telling

CLOCKS = NewCommand("reconcile-times", State.PENDING)
CONFIRMATION = NewCommand("send-confirmation", State.WAITING, "c@example.com")
ASSIGNMENT = NewCommand("send-assignment", State.WAITING, "p@example.com")
OF_THE_CONTRACT = {
    *("reconcile-times", "send-confirmation", "send-assignment", "send-change", "send-cancellation"),
}
"""What else follows one day has tests of its own."""
CLIENT, PHOTOGRAPHER = {"client_email": "c@example.com"}, {"photographer_email": "p@example.com"}
NOBODY = {"cancelled": False, "has_order": True, "client_email": None, "photographer_email": None}


@pytest.mark.parametrize(
    ("asked", "commands", "unreachable"),
    [
        ({**CLIENT}, [CLOCKS, CONFIRMATION], ()),
        ({**CLIENT, **PHOTOGRAPHER}, [CLOCKS, CONFIRMATION, ASSIGNMENT], ()),
        ({**PHOTOGRAPHER}, [CLOCKS, ASSIGNMENT], ("no e-mail address",)),
        ({}, [CLOCKS], ("no e-mail address",)),
        ({"client_email": ""}, [CLOCKS], ("no e-mail address",)),
        ({"has_order": False}, [CLOCKS], ("no order",)),
        ({"has_order": False, **PHOTOGRAPHER}, [CLOCKS, ASSIGNMENT], ("no order",)),
        ({"cancelled": True, **CLIENT, **PHOTOGRAPHER}, [CLOCKS], ()),
        ({"cancelled": True, "has_order": False}, [CLOCKS], ()),
    ],
)
def test_the_times_always_and_the_mails_to_whom_there_is(asked, commands, unreachable):
    plan = plan_create(**{**NOBODY, **asked})
    assert [command for command in plan.commands if command.kind in OF_THE_CONTRACT] == commands
    assert len(plan.unreachable) == len(unreachable)
    assert all(words in said for words, said in zip(unreachable, plan.unreachable, strict=True))


def test_a_photographer_without_an_address_is_said_to_be_out_of_reach():
    plan = plan_create(**{**NOBODY, **CLIENT, "photographer_email": ""})
    assert list(plan.commands) == [CLOCKS, CONFIRMATION]


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


# --- changes ---

EVERYBODY = People("c@example.com", "p@example.com", client_id=1, photographer_user_id=2, has_order=True)
OTHER_PHOTOGRAPHER = replace(EVERYBODY, photographer="q@example.com", photographer_user_id=3)
STANDS = {
    "before": EVERYBODY,
    "after": EVERYBODY,
    "was_cancelled": False,
    "is_cancelled": False,
    "is_confirmed": True,
    "visible": frozenset({TIMES}),
}
CONFIRMED, REQUESTED = Told(confirmed=True), Told()


def mail(number, kind, recipient, *, unsent=False, **facts):
    return MailSoFar(number, kind, recipient, MailFacts(**facts), unsent, not unsent)


TOLD_BOTH = (mail(1, "send-confirmation", "c@example.com"), mail(2, "send-assignment", "p@example.com"))
TOLD_NOBODY = tuple(replace(sent, is_unsent=True, may_have_arrived=False) for sent in TOLD_BOTH)
OFF = mail(3, "send-cancellation", "c@example.com")
TAKEN_OFF = mail(4, "send-cancellation", "x@example.com", unsent=True, role="photographer", withdrawn=True)

CHANGE, ANEW, OFF_KIND = "send-change", "send-confirmation", "send-cancellation"
MOVED_HOUSE = replace(EVERYBODY, client="n@example.com")
"""The same client, whose record has another address since they were told."""
MAYBE_ENTERED = replace(TOLD_BOTH[0], tellings=(Telling(UUID(int=1), is_sure=True, is_in_the_air=False),))
"""What it showed was not written down, so it may have left an entry in a calendar."""
BOUNCED = replace(mail(1, "send-confirmation", "n@example.com"), corrected=("c@example.com",))
"""It did not arrive at the record's address, and a person sent it to another one."""


@pytest.mark.parametrize(
    ("altered", "told", "so_far", "queued", "dropped"),
    [
        ({}, CONFIRMED, TOLD_BOTH, [(CHANGE, "c"), (CHANGE, "p")], []),
        ({}, REQUESTED, TOLD_BOTH, [(ANEW, "c"), (CHANGE, "p")], []),
        ({}, CONFIRMED, TOLD_NOBODY, [(ANEW, "c"), ("send-assignment", "p")], [1, 2]),
        ({"visible": frozenset()}, CONFIRMED, TOLD_NOBODY, [], []),
        ({"visible": frozenset({"photographer_name"})}, CONFIRMED, TOLD_BOTH, [(CHANGE, "c")], []),
        ({"is_confirmed": False}, CONFIRMED, TOLD_BOTH, [(CHANGE, "c"), (CHANGE, "p")], []),
        (
            {"after": OTHER_PHOTOGRAPHER, "visible": frozenset({"photographer_user_id"})},
            CONFIRMED,
            TOLD_BOTH,
            [(CHANGE, "c"), ("send-assignment", "q"), ("send-cancellation", "p")],
            [],
        ),
        (
            {"after": OTHER_PHOTOGRAPHER},
            CONFIRMED,
            TOLD_NOBODY,
            [(ANEW, "c"), ("send-assignment", "q")],
            [1, 2],
        ),
        (
            {"is_cancelled": True, "visible": frozenset()},
            CONFIRMED,
            TOLD_BOTH,
            [("send-cancellation", "c"), ("send-cancellation", "p")],
            [],
        ),
        ({"is_cancelled": True}, CONFIRMED, TOLD_NOBODY, [], [1, 2]),
        ({"is_cancelled": True}, CONFIRMED, (*TOLD_BOTH, OFF, TAKEN_OFF), [("send-cancellation", "p")], []),
        ({"was_cancelled": True, "is_cancelled": True}, CONFIRMED, TOLD_BOTH, [], []),
        (
            {"was_cancelled": True, "visible": frozenset()},
            CONFIRMED,
            (*TOLD_BOTH, OFF),
            [(ANEW, "c"), (CHANGE, "p")],
            [],
        ),
        (
            {"after": replace(EVERYBODY, client=None)},
            CONFIRMED,
            TOLD_BOTH,
            [(CHANGE, "c"), (CHANGE, "p")],
            [],
        ),
        ({"after": replace(EVERYBODY, client=None)}, CONFIRMED, TOLD_BOTH[1:], [(CHANGE, "p")], []),
        ({"after": MOVED_HOUSE}, CONFIRMED, TOLD_BOTH, [(CHANGE, "n"), (CHANGE, "p")], []),
        (
            {"after": MOVED_HOUSE},
            CONFIRMED,
            (MAYBE_ENTERED, TOLD_BOTH[1]),
            [(CHANGE, "n"), (OFF_KIND, "c"), (CHANGE, "p")],
            [],
        ),
        (
            {"before": MOVED_HOUSE, "after": MOVED_HOUSE, "is_cancelled": True},
            CONFIRMED,
            TOLD_BOTH,
            [(OFF_KIND, "c"), (OFF_KIND, "n"), (OFF_KIND, "p")],
            [],
        ),
        ({"is_cancelled": True}, CONFIRMED, (BOUNCED, TOLD_BOTH[1]), [(OFF_KIND, "n"), (OFF_KIND, "p")], []),
        ({}, CONFIRMED, (BOUNCED, TOLD_BOTH[1]), [(CHANGE, "n"), (CHANGE, "p")], []),
        ({"after": replace(EVERYBODY, photographer="C@example.com")}, CONFIRMED, TOLD_BOTH, None, []),
    ],
)
def test_who_reads_what_of_a_change(altered, told, so_far, queued, dropped):
    plan = plan_update(Alteration(**{**STANDS, **altered}), told, so_far)
    assert list(plan.drop) == dropped
    if queued is not None:
        assert [(new.kind, new.recipient[0]) for new in plan.commands] == queued
    assert len({(new.kind, new.recipient.casefold()) for new in plan.commands}) == len(plan.commands)


def test_what_an_unsent_change_remembered_is_taken_over():
    first = Told(confirmed=True, time_duration_s=3600)
    unsent = mail(3, CHANGE, "c@example.com", unsent=True, previous=first, changed=("location",))
    altered = Alteration(**{**STANDS, "visible": frozenset({"summary"})})
    plan = plan_update(altered, Told(confirmed=True, time_duration_s=7200), (*TOLD_BOTH, unsent))
    facts = MailFacts.from_json(plan.commands[0].facts)
    assert (facts.previous, facts.changed) == (first, ("location", "summary"))


def test_cancelling_tells_those_who_know_and_drops_what_is_unsent():
    altered = Alteration(**{**STANDS, "is_cancelled": True})
    half = (TOLD_BOTH[0], TOLD_NOBODY[1])
    plan = plan_cancel(altered, CONFIRMED, half)
    assert ([new.recipient for new in plan.commands], list(plan.drop)) == (["c@example.com"], [2])
