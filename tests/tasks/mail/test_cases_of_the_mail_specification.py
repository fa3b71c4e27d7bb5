"""The 25 cases of mail.md section 6: which tests show each of them, and the cases that stand nowhere else.

The index is checked against the files, so that a test which is renamed or removed does not leave a case unshown.
"""

import ast
from pathlib import Path
from typing import Any

import pytest
import sentry_sdk

from tasks import mail_trouble
from tasks.catalogue import MAIL_DELAYS_S, MISS_PAUSES, SEND_CONFIRMATION
from tasks.send_mail import send_mail
from tests.stack import ROOT
from tests.tasks.mail.wire_server import WireServer, answer
from tests.tasks.planned import Planned, command_row, mail_due, make_due
from tests.world import World

HERE = "tests/tasks/mail/test_cases_of_the_mail_specification.py"
SENDING = "tests/tasks/test_send_mail.py"
ANSWERS = "tests/tasks/mail/test_answers.py"
CLIENT = "tests/tasks/mail/test_mandrill.py"
INCIDENTS = "tests/tasks/test_mail_incidents.py"
TOLD = "tests/tasks/test_told_by_events.py"
WEBHOOK = "tests/api/test_mandrill_webhook.py"
NOTIFICATIONS = "tests/api/test_notifications.py"
LOOP = "tests/end_to_end/test_webhooks.py"
FAULTS = "tests/end_to_end/test_faults.py"
CONTENT = "tests/tasks/mail/test_spec_cases.py"

CASES: dict[int, tuple[str, ...]] = {
    1: (
        f"{SENDING}::test_an_accepted_mail_is_done",
        f"{CLIENT}::test_a_mail_with_an_attachment_is_accepted_when_mandrill_only_queues_it",
    ),
    2: (f"{SENDING}::test_an_accepted_mail_is_done",),
    3: (f"{SENDING}::test_a_message_that_comes_twice_at_once_makes_one_mail",),
    4: (f"{SENDING}::test_a_refused_mail_fails_at_once_and_is_shown",),
    5: (
        f"{SENDING}::test_a_refused_mail_fails_at_once_and_is_shown",
        f"{ANSWERS}::test_invalid_is_refused",
    ),
    6: (f"{ANSWERS}::test_rejected_for_good", f"{SENDING}::test_a_refused_mail_fails_at_once_and_is_shown"),
    7: (
        f"{INCIDENTS}::test_a_wrong_key_over_fifty_mails_is_one_incident_and_one_action_sends_them_all",
        f"{SENDING}::test_a_refused_mail_fails_at_once_and_is_shown",
    ),
    8: (f"{ANSWERS}::test_errors_by_name_first_and_status_second",),
    9: (f"{ANSWERS}::test_errors_by_name_first_and_status_second",),
    10: (f"{HERE}::test_case_10_two_general_errors_and_then_success_leave_nothing_open",),
    11: (
        f"{ANSWERS}::test_errors_by_name_first_and_status_second",
        f"{SENDING}::test_without_an_answer_to_believe_the_mail_is_in_doubt",
    ),
    12: (
        f"{ANSWERS}::test_a_success_that_is_not_the_expected_list_leaves_the_outcome_unknown",
        f"{ANSWERS}::test_a_missing_copy_in_the_answer_leaves_the_outcome_unknown",
        f"{SENDING}::test_after_three_attempts_in_doubt_nothing_more_is_sent_without_a_person",
    ),
    13: (
        f"{HERE}::test_case_13_a_wait_that_mandrill_asks_for_is_kept_and_blocks_nobody",
        f"{CLIENT}::test_retry_after_reaches_the_outcome",
    ),
    14: (
        f"{CLIENT}::test_nothing_listening_is_not_accepted",
        f"{CLIENT}::test_an_unknown_name_is_not_accepted",
        f"{SENDING}::test_a_mail_that_nobody_took_for_two_days_fails_and_is_shown",
    ),
    15: (
        f"{SENDING}::test_after_three_attempts_in_doubt_nothing_more_is_sent_without_a_person",
        f"{FAULTS}::test_whatever_mandrill_does_each_mail_is_sent_once_or_shown",
    ),
    16: (
        f"{LOOP}::test_a_mail_whose_answer_was_lost_is_settled_by_its_webhook_before_anybody_searches",
        f"{TOLD}::test_an_event_that_comes_while_mandrill_is_asked_wins_over_its_answer",
    ),
    17: (
        f"{CLIENT}::test_trouble_after_writing_is_unknown_in_time_and_never_sent_twice",
        f"{CLIENT}::test_many_dripping_calls_are_cut_at_once_and_others_are_not_disturbed",
    ),
    18: (f"{HERE}::test_case_18_a_mail_whose_tries_are_used_up_is_one_row_with_its_history",),
    19: (
        f"{SENDING}::test_a_resend_is_a_new_mail_and_its_success_ends_the_notification",
        f"{NOTIFICATIONS}::test_one_notification_is_read_with_everything_that_is_known",
        f"{LOOP}::test_a_late_rejection_becomes_a_notification_and_a_correction_sends_the_mail",
    ),
    20: (f"{CONTENT}::test_case_20_a_name_that_is_markup_is_escaped_and_one_that_is_a_merge_tag_stays_text",),
    21: (f"{CONTENT}::test_case_21_line_breaks_in_a_name_or_a_subject_start_no_header",),
    22: (f"{CONTENT}::test_case_22_both_half_past_ones_in_denver_differ_by_an_hour_and_by_the_zones_name",),
    23: (
        "tests/tasks/test_told_mails.py::test_case_23_create_move_cancel_is_one_entry_with_a_rising_sequence",
    ),
    24: (
        f"{WEBHOOK}::test_the_vector_of_the_specification_is_let_in",
        f"{WEBHOOK}::test_a_wrong_signature_is_refused_and_nothing_is_kept",
        f"{WEBHOOK}::test_doubled_and_replayed_events_have_one_effect",
        f"{WEBHOOK}::test_a_url_that_is_tried_out_answers",
    ),
    25: (
        f"{LOOP}::test_sentry_is_told_the_name_of_the_failure_and_nothing_of_the_mail",
        "tests/end_to_end/test_secrets.py::test_no_secret_reached_sentry",
    ),
}


@pytest.mark.parametrize("number", range(1, 26))
def test_each_case_has_tests_and_they_are_there(number: int) -> None:
    for reference in CASES[number]:
        file, _, name = reference.partition("::")
        assert name in functions_in(ROOT / file), reference


def functions_in(file: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)}


# -- the cases that stand nowhere else

GENERAL = {"status": "error", "code": -1, "name": "GeneralError", "message": "Oops"}
TOO_MANY = {"status": "error", "code": 429, "name": "RequestLimitExceeded", "message": "Slow down"}
BUSY = {"status": "error", "code": -2, "name": "ServiceUnavailable", "message": "Later"}
NOTHING_FOUND = (answer([]), answer([{"name": "send_id"}]))


def sent(server: WireServer, sock: Any) -> bool:
    to = [one["email"] for one in server.last_body["message"]["to"]]
    return answer([{"email": each, "status": "sent", "_id": "id"} for each in to])(server, sock)


def run(planned: Planned) -> dict[str, Any]:
    number = planned.commands["send-confirmation"]
    make_due(number)
    send_mail(SEND_CONFIRMATION, number)
    return command_row(number)


def test_case_10_two_general_errors_and_then_success_leave_nothing_open(
    world: World, provider: WireServer
) -> None:
    planned = mail_due(world)
    inquiries = len(MISS_PAUSES) + 1
    provider.script += [answer(GENERAL, 500), *NOTHING_FOUND * inquiries] * 2 + [sent]
    row = run(planned)
    for _ in range(2 * inquiries):
        row = run(planned)
    assert (row["state"], row["attempts"]) == ("done", 3)
    assert world.rows("SELECT id FROM notifications WHERE state <> 'resolved'") == []


def test_case_13_a_wait_that_mandrill_asks_for_is_kept_and_blocks_nobody(
    world: World, provider: WireServer
) -> None:
    planned = mail_due(world)
    provider.script.append(answer(TOO_MANY, 429, {"Retry-After": "3"}))
    row = run(planned)  # it comes back at once
    assert row["state"] == "pending"
    assert 2.5 <= row["due_in_s"] <= 3


def test_case_18_a_mail_whose_tries_are_used_up_is_one_row_with_its_history(
    world: World, provider: WireServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[dict[str, Any]] = []
    monkeypatch.setattr(mail_trouble, "is_reporting", lambda: True)
    monkeypatch.setattr(sentry_sdk, "capture_event", reports.append)
    planned = mail_due(world)
    provider.script.append(answer(BUSY, 503))
    assert run(planned)["state"] == "pending"
    assert reports == [], "only the final failure is reported"
    world.execute("UPDATE emails SET created_at = now() - interval '2 days'")
    world.execute("UPDATE commands SET attempts = :n WHERE kind = 'send-confirmation'", n=len(MAIL_DELAYS_S))
    provider.script.append(answer(BUSY, 503))
    assert run(planned)["state"] == "failed"
    (told,) = world.notifications(planned.id)
    (report,) = reports
    assert (told["attempts"], told["failure_class"]) == (len(MAIL_DELAYS_S) + 1, "not-sent")
    assert (told["last_at"] - told["first_at"]).days == 2
    assert told["sentry_event_id"] == report["event_id"]
