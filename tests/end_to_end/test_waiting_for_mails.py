"""A caller who prefers to wait is told what became of the mails, and gets the reconciled times."""

import pytest

from tests.stack import Stack

pytestmark = pytest.mark.timeout(120)
WAIT = {"Prefer": "wait=10"}
TIMES = {"date_start_local": "2027-03-01", "time_start_local": "9:00", "time_duration": "1h30m"}


def test_accepted_mails_answer_200_with_reconciled_times_and_their_reasons(stack: Stack) -> None:
    order = stack.world.order(zone="America/Phoenix")
    reply = stack.client(timeout_s=15).create({"order_id": order.id, **TIMES}, headers=WAIT)
    assert (reply.code, reply.status) == (200, "action-successful")
    assert {c["kind"]: (c["state"], c.get("outcome")) for c in reply.body["data"]["commands"]} == {
        "reconcile-times": ("done", None),
        "send-confirmation": ("done", "accepted"),
    }
    assert reply.appointment["time_start_utc"] == "16:00:00"
    assert reply.appointment["time_stop_local"] == "10:30:00"
    assert any("1 h 30 m" in sentence for sentence in reply.appointment["explanation"])


def test_a_refused_mail_answers_mandrill_email_failed_with_the_appointment(stack: Stack) -> None:
    order = stack.world.order(client_email="fault+rejected=hard-bounce.waiting@example.com")
    client = stack.client(timeout_s=15)
    params = {"order_id": order.id, **TIMES, "uuid": "5f0b5a3c-8f0e-4d0e-9d07-3f3ad8b3a001"}
    reply = client.create(params, headers=WAIT)
    assert (reply.code, reply.status) == (500, "mandrill-email-failed")
    made = reply.appointment["id"]
    assert "hard-bounce" in reply.body["message"]
    (error,) = reply.body["errors"]
    assert (error["param"], error["status"]) == ("send-confirmation", "mandrill-email-failed")
    assert "correct the address" in error["hint"]
    (told,) = stack.world.notifications(made)
    assert (told["status"], told["cause"], told["attempts"]) == ("mandrill-email-failed", "hard-bounce", 1)

    again = client.create(params)
    assert (again.code, again.appointment["id"], again.body["data"]["replayed"]) == (200, made, True)
    assert stack.attempts(to=order.client_email)["count"] == 1
