"""The loop closed: Mandrill's sandbox tells by webhook what became of mails, and a Sentry hears of failures.

One stack of its own, whose workers wait long before they would ask about a mail in doubt: what is settled here is
settled by webhooks.
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import urllib3

from tests.client import ApiClient, Reply
from tests.overheard import EnvelopeSink, envelope_sink
from tests.servers import running_redis
from tests.stack import Stack, running_stack
from tests.waiting import eventually
from tests.webhooks import KEY, PATH

pytestmark = pytest.mark.timeout(120)
TIMES = {"date_start_local": "2027-01-04", "time_start_local": "9:00", "time_duration_s": 3600}
WAIT = {"Prefer": "wait=10"}


@dataclass
class Told:
    """A stack that is told by webhook, and the Sentry that it tells."""

    stack: Stack
    sink: EnvelopeSink

    def create(self, email: str, headers: dict[str, str] | None = None, **more: Any) -> Reply:
        order = self.stack.world.order(client_email=email)
        return self.stack.client(timeout_s=15).create({"order_id": order.id, **TIMES, **more}, headers)

    def mail(self, appointment_id: int) -> dict[str, Any]:
        return self.stack.world.commands(appointment_id)["send-confirmation"]


@pytest.fixture(scope="module")
def told(configured: None, postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    key = f"sandbox-{secrets.token_hex(12)}"
    settings = {"MANDRILL_WEBHOOK_KEY": KEY, "UNKNOWN_GRACE_S": "60", "MANDRILL_API_KEY": key}
    with (
        envelope_sink() as (sink, dsn),
        running_redis() as broker,
        running_stack(
            postgres_url, broker, tmp_path_factory.mktemp("webhooks"), SENTRY_DSN=dsn, **settings
        ) as stack,
    ):
        registered = urllib3.request(
            "POST",
            f"{stack.mandrill_url}/admin/webhooks",
            json={"url": stack.url + PATH, "key": KEY, "check": True},
            timeout=10,
            retries=False,
        )
        assert registered.status < 400, registered.data
        yield Told(stack, sink)


def test_a_mail_whose_answer_was_lost_is_settled_by_its_webhook_before_anybody_searches(told: Told) -> None:
    email = "fault+timeout-after*1.told@example.com"
    made = told.create(email).appointment["id"]
    told.stack.wait_for_commands(made, within_s=15)
    assert told.stack.inbox(to=email)["count"] == 1
    assert told.stack.attempts(to=email)["count"] == 1
    assert told.mail(made)["attempts"] == 1
    row = told.stack.world.row("SELECT outcome, detail FROM emails WHERE appointment_id = :id", id=made)
    assert row["outcome"] == "accepted"
    assert row["detail"].startswith("told: ")
    assert '"inquiry"' not in told.stack.log("worker-mail")
    assert told.stack.world.notifications(made) == []


def test_a_late_rejection_becomes_a_notification_and_a_correction_sends_the_mail(told: Told) -> None:
    email = "fault+late-reject=unsub.told@example.com"
    made = told.create(email, WAIT)
    assert (made.code, made.status) == (200, "action-successful")
    number = made.appointment["id"]
    (notice,) = eventually(lambda: told.stack.world.notifications(number), what="a notification")
    assert (notice["status"], notice["cause"], notice["state"]) == ("mandrill-email-failed", "unsub", "open")
    assert told.mail(number)["state"] == "done"

    employee = told.stack.world.employee(name="Emma Employee")
    client = told.stack.client(told.stack.world.session_token(employee.id))
    corrected = f"corrected-{secrets.token_hex(4)}@example.com"
    reply = client.post(
        {"token": client.token, "id": notice["id"], "email": corrected}, path="/api/v1/notifications/correct"
    )
    assert reply.code == 200, reply.body
    assert told.stack.inbox(to=corrected, wait_for=1, timeout=10)["count"] == 1
    eventually(
        lambda: told.stack.world.notifications(number)[0]["state"] == "resolved", what="success resolves it"
    )
    shown = client.raw(
        b"",
        method="GET",
        path=f"/api/v1/notifications/read?id={notice['id']}",
        Authorization=f"Bearer {client.token}",
    ).body["data"]["notification"]
    eventually(lambda: told.stack.world.rows(DELIVERED, to=corrected), what="its delivery is told")
    assert (shown["closed_by"], shown["audit"][0]["actor"]) == ("success", "Emma Employee")


DELIVERED = "SELECT id FROM emails WHERE recipient = :to AND last_event = 'delivered'"


def test_a_confirmation_sent_again_answers_as_a_create_does(told: Told) -> None:
    email = f"again-{secrets.token_hex(4)}@example.com"
    made = told.create(email, WAIT).appointment["id"]
    client = told.stack.client(timeout_s=15)

    def resend(**headers: str) -> Reply:
        path = "/api/v1/appointments/resend_confirmation"
        return client.post({"token": client.token, "id": made}, path=path, Prefer="wait=10", **headers)

    reply = resend(Idempotency_Key="once")
    assert (reply.code, reply.status) == (200, "action-successful")
    assert told.stack.inbox(to=email)["count"] == 2
    assert resend(Idempotency_Key="once").body["data"]["replayed"] is True
    assert told.stack.inbox(to=email)["count"] == 2
    told.stack.order_fault("rejected=hard-bounce", to=email)
    refused = resend(Idempotency_Key="twice")
    assert (refused.code, refused.status) == (500, "mandrill-email-failed")
    (notice,) = refused.body["data"]["notifications"]
    assert (notice["cause"], notice["recipient"]) == ("hard-bounce", "a***@example.com")


def test_sentry_is_told_the_name_of_the_failure_and_nothing_of_the_mail(told: Told) -> None:
    request_id = "failed-" + secrets.token_hex(6)
    gate_code, name = "gate" + secrets.token_hex(6), "carla" + secrets.token_hex(6)
    order = told.stack.world.order(client_email=f"fault+422.{name}@example.com")
    client: ApiClient = told.stack.client()
    made = client.create(
        {"order_id": order.id, "description": f"Code {gate_code}", **TIMES}, {"X_Request_Id": request_id}
    ).appointment["id"]
    event = told.sink.event_of(request_id)
    (notice,) = told.stack.world.notifications(made)
    assert event["fingerprint"] == ["ValidationError@send-confirmation"]
    assert (event["event_id"], notice["cause"]) == (notice["sentry_event_id"], "ValidationError")
    assert event["tags"]["failure_class"] == "permanent"
    assert notice["task_id"], "the Celery task that did it"
    everywhere = [json.dumps(event), told.stack.log("worker-mail")]
    for secret in (gate_code, name, told.stack.environment["MANDRILL_API_KEY"], KEY):
        assert not [where for where in everywhere if secret in where]
