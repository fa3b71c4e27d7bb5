"""Many failures of one cause: one incident that counts them, one issue in Sentry, ended by success or by a person."""

import json
from dataclasses import replace
from typing import Any

import pytest
import sentry_sdk

from models import audit, database
from models.audit import Actor
from models.incidents import MANY, WINDOW_S, Trouble, close_notification
from models.notification_actions import resend, resolve
from models.notification_list import Wanted, list_notifications
from tasks import mail_trouble
from tasks.catalogue import SEND_CONFIRMATION
from tasks.mail_trouble import cause_key, tell
from tasks.send_mail import send_mail
from tests.tasks.mail.wire_server import WireServer, answer
from tests.tasks.planned import Planned, command_row, mail_due
from tests.world import World
from tracing import Trace

KEY_ERROR = {"status": "error", "code": -1, "name": "Invalid_Key", "message": "Invalid API key"}
ME = Actor("Emma", "command-line", "account:emma")


def trouble(number: int, cause: str = "Invalid_Key", kind: str = "send-confirmation") -> Trouble:
    key = f"mail:{number}:{kind}:0:c@example.com"
    return Trouble(
        "mandrill-email-failed", key, cause, "It failed.", "Mend it.", cause_key=cause_key(cause, kind)
    )


def fail(*troubles: Trouble) -> None:
    """Each in a transaction of its own, as workers do."""
    for one in troubles:
        with database.transaction() as connection:
            tell(connection, [one])


def incidents(world: World) -> list[dict[str, Any]]:
    return world.rows("SELECT * FROM notifications WHERE status = 'mail-incident' ORDER BY id")


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Sentry is told."""
    told: list[dict[str, Any]] = []

    monkeypatch.setattr(mail_trouble, "is_reporting", lambda: True)
    monkeypatch.setattr(sentry_sdk, "capture_event", told.append)
    return told


def test_up_to_the_limit_there_is_no_incident_and_one_more_makes_it(world: World) -> None:
    fail(*(trouble(number) for number in range(MANY)))
    assert incidents(world) == []
    fail(trouble(MANY))
    (incident,) = incidents(world)
    assert (incident["severity"], incident["state"], incident["occurrences"]) == (
        "critical",
        "open",
        MANY + 1,
    )
    hung = world.rows("SELECT id FROM notifications WHERE incident_id = :id", id=incident["id"])
    assert len(hung) == MANY + 1
    fail(trouble(MANY + 1))
    assert incidents(world)[0]["occurrences"] == MANY + 2


def test_a_batch_is_grouped_at_once(world: World) -> None:
    with database.transaction() as connection:
        tell(connection, [trouble(number) for number in range(50)])
    assert incidents(world)[0]["occurrences"] == 50


def test_other_causes_other_mails_and_earlier_failures_are_not_of_it(world: World) -> None:
    fail(*(trouble(number) for number in range(10)))
    world.execute("UPDATE notifications SET last_at = now() - make_interval(secs => :s)", s=WINDOW_S + 1)
    fail(*(trouble(number) for number in range(10, 20)))
    fail(*(trouble(number, "PaymentRequired") for number in range(20, 30)))
    fail(*(trouble(number, kind="send-assignment") for number in range(30, 40)))
    assert incidents(world) == []


def test_the_same_mail_that_fails_again_is_not_counted_again(world: World) -> None:
    fail(*[trouble(1)] * (MANY + 5))
    assert incidents(world) == []
    fail(*(trouble(number) for number in range(MANY + 1)), trouble(0), trouble(0))
    assert incidents(world)[0]["occurrences"] == MANY + 1


def test_the_incident_ends_with_the_last_that_hangs_on_it(world: World) -> None:
    troubles = [trouble(number) for number in range(MANY + 1)]
    fail(*troubles)
    for number, one in enumerate(troubles, start=1):
        assert incidents(world)[0]["state"] == "open", number
        with database.transaction() as connection:
            close_notification(connection, one.subject_key, "success")
    (incident,) = incidents(world)
    assert (incident["state"], incident["closed_by"]) == ("resolved", "success")
    fail(*(trouble(number) for number in range(100, 100 + MANY + 1)))
    (incident,) = incidents(world)
    assert (incident["state"], incident["occurrences"]) == ("open", MANY + 1)


def test_resolving_an_incident_resolves_what_hangs_on_it(world: World) -> None:
    fail(*(trouble(number) for number in range(MANY + 1)))
    with database.transaction() as connection:
        results = resolve(connection, [incidents(world)[0]["id"]], ME)
    assert all(one.is_done for one in results)
    assert world.rows("SELECT id FROM notifications WHERE state <> 'resolved'") == []
    assert world.row("SELECT count(*) AS n FROM audit_entries")["n"] == MANY + 2


def test_a_wrong_key_over_fifty_mails_is_one_incident_and_one_action_sends_them_all(
    world: World, provider: WireServer
) -> None:
    mails: list[Planned] = [mail_due(world) for _ in range(50)]
    for mail in mails:
        provider.script.append(answer(KEY_ERROR, 401))
        send_mail(SEND_CONFIRMATION, mail.commands["send-confirmation"])
    (incident,) = incidents(world)
    assert (incident["severity"], incident["cause"], incident["occurrences"]) == (
        "critical",
        "Invalid_Key",
        50,
    )
    assert "MANDRILL_API_KEY" in incident["hint"]

    with database.transaction() as connection:
        results = resend(connection, [incident["id"]], ME)
    assert [one.is_done for one in results] == [True] * 50

    def sent(server: WireServer, sock: Any) -> bool:
        to = [one["email"] for one in server.last_body["message"]["to"]]
        return answer([{"email": each, "status": "sent"} for each in to])(server, sock)

    for mail in mails:
        provider.script.append(sent)
        send_mail(SEND_CONFIRMATION, mail.commands["send-confirmation"])
    assert {command_row(mail.commands["send-confirmation"])["state"] for mail in mails} == {"done"}
    assert world.rows("SELECT id FROM notifications WHERE state <> 'resolved'") == []


def test_what_was_ignored_stays_so_while_it_is_the_same(world: World) -> None:
    fail(trouble(1))
    world.execute("UPDATE notifications SET state = 'ignored', closed_by = 'Emma'")
    fail(trouble(1))
    assert world.row("SELECT state, closed_by FROM notifications") == {
        "state": "ignored",
        "closed_by": "Emma",
    }
    fail(trouble(1, "PaymentRequired"))
    assert world.row("SELECT state, cause FROM notifications") == {
        "state": "open",
        "cause": "PaymentRequired",
    }


# -- Sentry


def test_sentry_hears_of_each_failure_once_under_its_cause(
    world: World, reports: list[dict[str, Any]]
) -> None:
    fail(trouble(1), trouble(1), trouble(2), trouble(3, "PaymentRequired"))
    assert [report["fingerprint"] for report in reports] == [
        ["Invalid_Key@send-confirmation"],
        ["Invalid_Key@send-confirmation"],
        ["PaymentRequired@send-confirmation"],
    ]
    kept = world.rows("SELECT sentry_event_id FROM notifications ORDER BY id")
    assert [row["sentry_event_id"] for row in kept] == [report["event_id"] for report in reports]


def test_a_report_belongs_to_the_request_that_the_mail_came_from(
    world: World, reports: list[dict[str, Any]]
) -> None:
    fail(replace(trouble(1), request_id="of-the-mail"), trouble(2))
    trace = Trace("of-the-mail", 0)
    assert reports[0]["tags"]["request_id"] == "of-the-mail"
    assert reports[0]["contexts"]["trace"] == {"trace_id": trace.trace_id, "span_id": trace.root}
    assert "request_id" not in reports[1]["tags"] and "contexts" not in reports[1]


def test_an_incident_is_reported_once_and_what_hangs_on_it_points_there(
    world: World, reports: list[dict[str, Any]]
) -> None:
    fail(*(trouble(number) for number in range(MANY + 10)))
    assert [report["level"] for report in reports] == ["error"] * MANY + ["fatal"]
    later = world.rows(
        "SELECT sentry_event_id FROM notifications WHERE status <> 'mail-incident' ORDER BY id"
    )[MANY:]
    assert {row["sentry_event_id"] for row in later} == {reports[-1]["event_id"]}
    assert {tuple(report["fingerprint"]) for report in reports} == {("Invalid_Key@send-confirmation",)}


def test_a_transaction_that_is_repeated_reports_under_the_same_id(
    world: World, reports: list[dict[str, Any]]
) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError), database.transaction() as connection:
            tell(connection, [trouble(1)])
            raise RuntimeError("The database went away.")
    assert reports[0]["event_id"] == reports[1]["event_id"]


def test_no_address_and_no_text_of_the_mail_goes_to_sentry(
    world: World, provider: WireServer, reports: list[dict[str, Any]]
) -> None:
    mail = mail_due(world, description="Front and back", summary="Shoot")
    provider.script.append(answer(KEY_ERROR, 401))
    send_mail(SEND_CONFIRMATION, mail.commands["send-confirmation"])
    said = json.dumps(reports)
    (report,) = reports
    assert report["tags"]["failure_class"] == "permanent"
    for secret in ("@example.com", "Front and back", "Shoot", "sandbox-key", "Invalid API key"):
        assert secret not in said


def test_without_sentry_nothing_is_reported(world: World) -> None:
    fail(trouble(1))
    assert world.row("SELECT sentry_event_id FROM notifications")["sentry_event_id"] is None


def test_an_incident_of_wrong_keys_is_mended_at_once_and_one_of_bad_addresses_one_by_one(
    world: World,
) -> None:
    fail(*(trouble(number) for number in range(MANY + 1)))
    fail(*(trouble(MANY + 1 + number, "hard-bounce") for number in range(MANY + 1)))
    of_the_key, of_addresses = incidents(world)
    assert "send all of them again" in of_the_key["message"]
    assert "one by one" in of_addresses["message"]


def test_a_list_shows_an_incident_in_place_of_what_hangs_on_it_until_that_is_over(world: World) -> None:
    fail(*(trouble(number) for number in range(MANY + 1)), trouble(100, "Unknown_Template"))
    (incident,) = incidents(world)
    with database.transaction() as connection:
        shown = list_notifications(connection, Wanted()).notifications
        members = list_notifications(connection, Wanted(incident_id=incident["id"])).notifications
    assert [row["cause"] for row in shown] == ["Unknown_Template", "Invalid_Key"]
    assert shown[1]["unfinished_members"] == len(members) == MANY + 1

    with database.transaction() as connection:
        resolve(connection, [incident["id"]], ME)
        over = list_notifications(connection, Wanted(states=("resolved",))).notifications
    assert len(over) == MANY + 2


def test_the_audit_of_an_incident_tells_that_all_of_its_mails_were_sent_again(world: World) -> None:
    planned = [mail_due(world) for _ in range(2)]
    world.execute("UPDATE commands SET state = 'failed' WHERE kind = :kind", kind=SEND_CONFIRMATION.name)
    incident = world.insert(
        "INSERT INTO notifications (status, subject_key, cause, message) VALUES ('mail-incident', 'incident:x',"
        " 'x', 'm') RETURNING id"
    )
    for one in planned:
        world.execute(
            "INSERT INTO notifications (status, subject_key, cause, message, command_id, incident_id)"
            " VALUES ('mandrill-email-failed', :key, 'x', 'm', :command, :incident)",
            key=f"mail:{one.id}",
            command=one.commands[SEND_CONFIRMATION.name],
            incident=incident,
        )
    with database.transaction() as connection:
        assert all(done.is_done for done in resend(connection, [incident], ME))
        (entry,) = audit.entries(connection, "notification", incident)
    assert (entry["action"], entry["detail"]) == ("resend", {"mails": 2})
