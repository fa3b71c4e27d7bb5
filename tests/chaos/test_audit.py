"""The audit finds a planted loss, a planted duplicate, and every other broken promise; and nothing in a whole run."""

from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest

from chaos.audit import Accepted, Command, Create, Findings, Notification, Row, audit, contradiction

CLIENT, PHOTOGRAPHER = "client@example.com", "photographer@example.com"
CLOCKS = {
    "date_start_utc": date(2027, 1, 4),
    "time_start_utc": time(16, 30),
    "date_start_local": date(2027, 1, 4),
    "time_start_local": time(11, 30),
    "date_start_office": date(2027, 1, 4),
    "time_start_office": time(9, 30),
    "date_stop_utc": date(2027, 1, 4),
    "time_stop_utc": time(18),
    "date_stop_local": date(2027, 1, 4),
    "time_stop_local": time(13),
    "date_stop_office": date(2027, 1, 4),
    "time_stop_office": time(11),
}
CREATE = Create("uuid-1", True, 1, began_at=0.0, answer_s=0.01, whole_s=0.01, attempts=1)
ROW = Row(
    id=1,
    uuid="uuid-1",
    inserted_at=0.0,
    client_email=CLIENT,
    photographer_email=PHOTOGRAPHER,
    reconciled=True,
    starts_at=datetime(2027, 1, 4, 16, 30, tzinfo=UTC),
    stops_at=datetime(2027, 1, 4, 18, tzinfo=UTC),
    zone_name="America/New_York",
    office_zone="America/Denver",
    clocks=CLOCKS,
)
RECONCILE = Command(1, 1, "reconcile-times", "", "done", overdue_s=5)
CONFIRMATION = Command(2, 1, "send-confirmation", CLIENT, "done", overdue_s=5, email_outcome="accepted")
ASSIGNMENT = Command(3, 1, "send-assignment", PHOTOGRAPHER, "done", overdue_s=5, email_outcome="accepted")
COMMANDS = (RECONCILE, CONFIRMATION, ASSIGNMENT)
CONFIRMED = Accepted("m1", 1, "send-confirmation", CLIENT, at=1.0)
ASSIGNED = Accepted("m2", 1, "send-assignment", PHOTOGRAPHER, at=1.0)
UNKNOWN = replace(CONFIRMATION, state="unknown", left_to_people=True, email_outcome="unknown")
MAYBE_SENT = Notification(command_id=2, is_open=True, may_have_been_sent=True)


def found(creates=(CREATE,), rows=(ROW,), commands=COMMANDS, notices=(), accepted=(CONFIRMED, ASSIGNED)):
    return audit(creates, rows, commands, notices, accepted)


def with_confirmation(command):
    return (RECONCILE, command, ASSIGNMENT)


def test_a_run_that_kept_every_promise_has_no_findings():
    assert found() == Findings()
    assert found().faults == {}


def test_a_planted_loss_is_found():
    findings = found(accepted=(ASSIGNED,))
    assert findings.faults == {
        "lost": ("appointment 1: send-confirmation is done, and no mail was accepted",),
    }


def test_a_planted_duplicate_is_found():
    again = replace(CONFIRMED, id="m3", at=9.0)
    findings = found(accepted=(CONFIRMED, ASSIGNED, again))
    assert findings.faults == {
        "duplicates": (f"appointment 1: send-confirmation to {CLIENT} was accepted 2 times",),
    }


def test_two_kinds_of_mail_of_one_appointment_are_no_duplicate_even_to_one_person():
    rows = (replace(ROW, photographer_email=CLIENT),)
    commands = (RECONCILE, CONFIRMATION, replace(ASSIGNMENT, recipient=CLIENT))
    assert (
        found(rows=rows, commands=commands, accepted=(CONFIRMED, replace(ASSIGNED, to=CLIENT))) == Findings()
    )


def test_a_client_without_an_address_needs_no_mail():
    rows = (replace(ROW, client_email=None),)
    assert found(rows=rows, commands=(RECONCILE, ASSIGNMENT), accepted=(ASSIGNED,)) == Findings()


@pytest.mark.parametrize(
    ("rows", "creates"),
    [
        pytest.param((), (CREATE,), id="the row is not there"),
        pytest.param((replace(ROW, id=7),), (CREATE,), id="the uuid belongs to another id"),
    ],
)
def test_an_answered_create_without_its_row_is_missing(rows, creates):
    assert len(found(rows=rows, creates=creates, commands=(), accepted=()).missing) == 1


def test_a_create_that_was_never_answered_may_be_stored_or_not():
    unanswered = replace(CREATE, answered=False, appointment_id=None)
    assert found(creates=(unanswered,)) == Findings()
    assert found(creates=(unanswered,), rows=(), commands=(), accepted=()) == Findings()


def test_a_correct_create_that_was_refused_is_a_fault():
    refused = replace(
        CREATE, answered=False, appointment_id=None, refusal="422 invalid-param: Invalid: uuid."
    )
    assert set(found(creates=(refused,)).faults) == {"refused"}


@pytest.mark.parametrize(
    "commands",
    [
        pytest.param((CONFIRMATION, ASSIGNMENT), id="no command to reconcile"),
        pytest.param(
            (replace(RECONCILE, state="pending"), CONFIRMATION, ASSIGNMENT), id="reconciled too early"
        ),
        pytest.param(
            with_confirmation(replace(CONFIRMATION, state="waiting", email_outcome=None)), id="never released"
        ),
        pytest.param(with_confirmation(replace(CONFIRMATION, email_outcome="sending")), id="done, mail open"),
        pytest.param(with_confirmation(replace(CONFIRMATION, state="pending")), id="accepted, not done"),
    ],
)
def test_parts_of_a_transaction_without_the_others_are_half_written(commands):
    assert found(commands=commands).half_written


def test_a_row_without_any_command_is_found_for_each_thing_that_should_follow_from_it():
    findings = found(commands=(), accepted=())
    assert (len(findings.half_written), len(findings.lost)) == (1, 2)


def test_a_row_that_was_never_reconciled_is_found():
    rows = (replace(ROW, reconciled=False, starts_at=None),)
    commands = (replace(RECONCILE, state="failed"), CONFIRMATION, ASSIGNMENT)
    assert found(rows=rows, commands=commands).unreconciled == ("appointment 1 was not reconciled",)


@pytest.mark.parametrize("name", CLOCKS)
def test_a_frame_that_contradicts_the_instant_is_found(name):
    other = date(2027, 1, 5) if name.startswith("date") else time(3)
    row = replace(ROW, clocks={**CLOCKS, name: other})
    assert name.split("_")[2] in contradiction(row)
    assert found(rows=(row,)).unreconciled


@pytest.mark.parametrize("change", [{"zone_name": None}, {"office_zone": None}, {"stops_at": None}], ids=str)
def test_times_without_a_zone_or_an_instant_do_not_agree(change):
    assert contradiction(replace(ROW, **change))


def test_an_undecided_mail_that_is_shown_to_people_is_no_fault():
    findings = found(commands=with_confirmation(UNKNOWN), notices=(MAYBE_SENT,), accepted=(ASSIGNED,))
    assert findings.faults == {}
    assert len(findings.undecided) == 1


@pytest.mark.parametrize(
    "notices",
    [
        pytest.param((), id="no notification"),
        pytest.param((replace(MAYBE_SENT, is_open=False),), id="closed"),
        pytest.param(
            (replace(MAYBE_SENT, may_have_been_sent=False),), id="not told that it may have been sent"
        ),
        pytest.param((replace(MAYBE_SENT, command_id=3),), id="of another command"),
    ],
)
def test_an_undecided_mail_that_nobody_is_told_of_is_a_fault(notices):
    findings = found(commands=with_confirmation(UNKNOWN), notices=notices, accepted=(ASSIGNED,))
    assert set(findings.faults) == {"untold"}


def test_a_command_that_failed_for_sure_needs_any_open_notification():
    failed = with_confirmation(replace(CONFIRMATION, state="failed", email_outcome="refused"))
    told = (replace(MAYBE_SENT, may_have_been_sent=False),)
    assert found(commands=failed, notices=told, accepted=(ASSIGNED,)).faults == {}
    assert set(found(commands=failed, accepted=(ASSIGNED,)).faults) == {"untold"}


@pytest.mark.parametrize("state", ["waiting", "pending", "running", "sending", "unknown"])
def test_a_command_that_is_due_for_long_is_stuck_and_one_that_waits_is_postponed(state):
    command = replace(ASSIGNMENT, state=state, email_outcome=None, overdue_s=60)
    late = found(commands=(RECONCILE, CONFIRMATION, command), accepted=(CONFIRMED,))
    soon = found(commands=(RECONCILE, CONFIRMATION, replace(command, overdue_s=-60)), accepted=(CONFIRMED,))
    assert "stuck" in late.faults
    assert "stuck" not in soon.faults
    assert len(soon.postponed) == 1


def test_a_mail_that_no_appointment_asked_for_is_stray():
    findings = found(accepted=(CONFIRMED, ASSIGNED, replace(CONFIRMED, id="m9", to="somebody@example.com")))
    assert set(findings.faults) == {"stray"}
