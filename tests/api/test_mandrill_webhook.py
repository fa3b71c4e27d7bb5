"""`POST /api/v1/webhooks/mandrill`: who is let in, and what follows from it (mail.md sections 1 and 5)."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from models import database
from models.mail_events import PROOFS
from settings import get_settings
from tests.client import ApiClient
from tests.tasks.planned import Planned, command_row, mail_due
from tests.webhooks import KEY, PATH, TS, URL, event, post, signed
from tests.world import World

VECTOR = '[{"event":"reject","ts":1767225600,"_id":"abc","msg":{"_id":"abc","email":"b@x.test"}}]'
VECTOR_SIGNATURE = "q43bozYAeHm/+YTI7DewCKrMKXU="


@pytest.fixture(autouse=True)
def registered(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A webhook with a key, registered at a URL of its own."""
    monkeypatch.setenv("MANDRILL_WEBHOOK_URL", URL)
    monkeypatch.setenv("MANDRILL_WEBHOOK_KEY", KEY)
    get_settings.cache_clear()
    yield
    monkeypatch.undo()
    get_settings.cache_clear()


class Mail:
    """A confirmation that was handed to Mandrill, in whatever state."""

    def __init__(self, world: World, state: str = "done", outcome: str = "accepted", **more: Any) -> None:
        self.world = world
        self.order = world.order(assistants=("as@example.com",))
        self.planned: Planned = mail_due(world, self.order)
        self.id = self.planned.commands["send-confirmation"]
        self.to = self.order.client_email or ""
        world.execute("UPDATE commands SET state = :s, attempts = 1 WHERE id = :id", s=state, id=self.id)
        for name, value in more.items():
            world.execute(f"UPDATE commands SET {name} = {value} WHERE id = :id", id=self.id)
        self.send_id = command_row(self.id)["send_id"]
        world.execute(
            "INSERT INTO emails (send_id, command_id, appointment_id, kind, recipient, outcome, provider_id)"
            " VALUES (:send_id, :command, :appointment, 'send-confirmation', :to, :outcome, 'main')",
            send_id=self.send_id,
            command=self.id,
            appointment=self.planned.id,
            to=self.to,
            outcome=outcome,
        )

    @property
    def state(self) -> str:
        return command_row(self.id)["state"]

    @property
    def email(self) -> dict[str, Any]:
        return self.world.row("SELECT * FROM emails WHERE send_id = :id", id=self.send_id)

    @property
    def told(self) -> list[dict[str, Any]]:
        return self.world.notifications(self.planned.id)


# -- who is let in


def test_the_vector_of_the_specification_is_let_in(api: ApiClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MANDRILL_WEBHOOK_KEY", "sandbox-webhook-key")
    get_settings.cache_clear()
    assert signed(VECTOR, "sandbox-webhook-key") == VECTOR_SIGNATURE
    reply = post(api, VECTOR, signature=VECTOR_SIGNATURE)
    assert (reply.code, reply.body["data"]["new"]) == (200, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"key": "another-key"},
        {"url": URL + "/"},
        {"signature": ""},
        {"signature": "not base64 ü"},
        {"key": "test-webhook"},
    ],
    ids=["key", "url", "none", "garbage", "the key of checks"],
)
def test_a_wrong_signature_is_refused_and_nothing_is_kept(
    api: ApiClient, world: World, wrong: dict[str, str]
) -> None:
    if "signature" in wrong:
        wrong["signature"] = wrong["signature"].encode().decode("latin-1")
    reply = post(api, [event("send", "a@example.com")], **wrong)
    assert (reply.code, reply.status) == (403, "permission-denied")
    assert KEY not in json.dumps(reply.body)
    assert world.rows("SELECT id FROM mail_events") == []


def test_without_a_key_a_webhook_is_refused_with_a_sentence(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MANDRILL_WEBHOOK_KEY")
    get_settings.cache_clear()
    reply = post(api, [event("send", "a@example.com")], key="")
    assert (reply.code, reply.status) == (403, "permission-denied")
    assert "MANDRILL_WEBHOOK_KEY is not set" in reply.body["message"]
    assert post(api, "[]", key="test-webhook").code == 200, "a URL is tried out before there is a key"


def test_a_url_that_is_tried_out_answers(api: ApiClient) -> None:
    code, _, body = api.send("HEAD", PATH, b"", {})
    assert (code, body) == (200, b"")
    assert post(api, "[]", key="test-webhook").code == 200
    assert post(api, "[]").code == 200


def test_the_registered_url_is_the_public_one_unless_it_is_set(
    api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MANDRILL_WEBHOOK_URL")
    monkeypatch.setenv("PUBLIC_URL", "https://book.example.test/")
    get_settings.cache_clear()
    assert post(api, [], url="https://book.example.test" + PATH).code == 200
    assert post(api, [event("send", "a@x.test")], url=URL).code == 403


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "application/json", "invalid-content-type"),
        (b"", "application/x-www-form-urlencoded", "missing-param"),
        (b"other=1", "application/x-www-form-urlencoded", "missing-param"),
        (b"mandrill_events=%ff%fe", "application/x-www-form-urlencoded", "invalid-encoded-params"),
        (b"&".join([b"a=1"] * 200), "application/x-www-form-urlencoded", "invalid-encoded-params"),
    ],
)
def test_what_is_no_webhook_is_refused_in_the_envelope(
    api: ApiClient, body: bytes, content_type: str, status: str
) -> None:
    reply = api.raw(body, path=PATH, Content_Type=content_type)
    assert (reply.status, reply.code) == (status, 400)


@pytest.mark.parametrize("value", ["", "{", "{}", "null", "7", '"x"', "[NaN]", "[" * 5000])
def test_signed_garbage_is_refused_and_no_crash(api: ApiClient, value: str) -> None:
    assert post(api, value).status == "invalid-encoded-params"


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["event", "ts", "_id", "msg", "email", "metadata", "send_id", "reject", "reason", "diag"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@hypothesis_settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.lists(ODD, max_size=4))
def test_odd_events_are_kept_and_harm_nothing(api: ApiClient, events: list[Any]) -> None:
    assert post(api, json.dumps(events)).code == 200


def test_a_retired_webhook_answers_as_every_retired_route(api: ApiClient, retired: Any) -> None:
    retired("routes")
    assert post(api, []).status == "route-not-found"


# -- what follows


@pytest.mark.parametrize("kind", PROOFS)
@pytest.mark.parametrize("state", ["unknown", "pending"])
def test_a_mail_in_doubt_is_settled_by_any_proof_that_mandrill_took_it(
    api: ApiClient, world: World, kind: str, state: str
) -> None:
    mail = Mail(world, state, "unknown", doubts=1)
    reply = post(api, [event(kind, mail.to, mail.send_id, id="m1")])
    assert reply.body["data"]["settled"] == 1
    email = mail.email
    if kind == "hard_bounce":
        assert (mail.state, email["outcome"], email["cause"]) == ("failed", "refused", "hard-bounce")
    else:
        assert (mail.state, email["outcome"], email["provider_id"]) == ("done", "accepted", "m1")
    assert (email["last_event"], email["detail"]) == (kind, f"told: {kind}")
    assert bool(mail.told) == (kind in ("hard_bounce", "spam"))


def test_a_mail_that_was_left_to_people_is_settled_and_its_notification_ends(
    api: ApiClient, world: World
) -> None:
    mail = Mail(world, "unknown", "unknown", doubts=3)
    world.execute(
        "INSERT INTO notifications (status, subject_key, cause, message, appointment_id)"
        " VALUES ('mandrill-email-failed', :key, 'undecided', 'm', :id)",
        key=f"mail:{mail.planned.id}:send-confirmation:0:{mail.to}",
        id=mail.planned.id,
    )
    post(api, [event("delivered", mail.to, mail.send_id)])
    (told,) = mail.told
    assert (told["state"], told["closed_by"]) == ("resolved", "success")


def test_the_copys_event_proves_that_the_mail_was_taken(api: ApiClient, world: World) -> None:
    mail = Mail(world, "unknown", "unknown", doubts=1)
    post(api, [event("send", "as@example.com", mail.send_id)])
    assert (mail.state, mail.email["provider_id"], mail.email["last_event"]) == ("done", "main", None)


def test_a_command_in_a_workers_hands_is_left_to_the_worker(api: ApiClient, world: World) -> None:
    mail = Mail(world, "pending", "unknown", doubts=1)
    world.execute(
        "UPDATE commands SET state = 'sending', lease_token = gen_random_uuid(), lease_until = now() + interval '1 min'"
        " WHERE id = :id",
        id=mail.id,
    )
    assert post(api, [event("send", mail.to, mail.send_id)]).body["data"]["settled"] == 0
    assert (mail.state, mail.email["outcome"]) == ("sending", "unknown")


LATE = [
    pytest.param("reject", {"reason": "hard-bounce"}, "hard-bounce", False, id="reject"),
    pytest.param("reject", {"reason": "new-in-2027"}, "new-in-2027", False, id="reject of a new reason"),
    pytest.param("hard_bounce", {"diag": "550 <c@x.test> unknown"}, "hard-bounce", False, id="hard_bounce"),
    pytest.param("spam", {}, "spam", True, id="spam"),
]


@pytest.mark.parametrize(("kind", "more", "cause", "arrived"), LATE)
@pytest.mark.parametrize("whose", ["to", "copy"])
def test_a_late_failure_is_shown_although_the_mail_is_done(
    api: ApiClient, world: World, kind: str, more: dict[str, str], cause: str, arrived: bool, whose: str
) -> None:
    mail = Mail(world)
    email = mail.to if whose == "to" else "as@example.com"
    post(api, [event("send", email, mail.send_id), event(kind, email, mail.send_id, **more)])
    assert mail.state == "done"
    (told,) = mail.told
    assert (told["status"], told["state"], told["cause"]) == ("mandrill-email-failed", "open", cause)
    assert (told["recipient"], told["may_have_been_sent"], told["failure_class"]) == (
        email,
        arrived,
        "permanent",
    )
    assert (told["send_id"], told["mail_kind"], told["command_id"]) == (
        mail.send_id,
        "send-confirmation",
        mail.id,
    )
    group = "spam" if kind == "spam" else f"rejected/{cause}"
    assert told["cause_key"] == f"{group}@send-confirmation", "a late bounce is mended as one at once"
    assert told["hint"]
    assert "@" not in told["message"]


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("soft_bounce", {}),
        ("deferral", {}),
        ("open", {}),
        ("unsub", {}),
        ("reject", {"reason": "soft-bounce"}),
    ],
)
def test_what_passes_or_only_informs_is_kept_and_shown_to_nobody(
    api: ApiClient, world: World, kind: str, more: dict[str, str]
) -> None:
    mail = Mail(world)
    post(api, [event(kind, mail.to, mail.send_id, **more)])
    assert mail.told == []
    assert mail.email["last_event"] == kind


def test_a_soft_bounce_that_is_tried_again_is_not_taken_for_the_end(api: ApiClient, world: World) -> None:
    mail = Mail(world, "pending", "not-accepted")
    post(api, [event("reject", mail.to, mail.send_id, reason="soft-bounce")])
    assert (mail.state, mail.told) == ("pending", [])


def test_events_of_unknown_kinds_and_mails_are_kept_and_ignored(api: ApiClient, world: World) -> None:
    told = [
        event("teleported", "a@example.com"),
        event("send", "b@example.com", "6e0a8a3e-0000-4000-8000-000000000000"),
        {
            "type": "blacklist",
            "action": "add",
            "reject": {"email": "c@example.com", "reason": "hard-bounce"},
            "ts": TS,
        },
        "not even an object",
    ]
    assert post(api, told).body["data"] == {"received": 4, "new": 4, "settled": 0, "failures": 0}
    kept = world.rows("SELECT event FROM mail_events")
    assert {row["event"] for row in kept} == {"teleported", "send", "blacklist", "unknown"}


def test_an_event_without_our_send_id_is_traced_by_mandrills_own(api: ApiClient, world: World) -> None:
    mail = Mail(world)
    post(api, [event("hard_bounce", mail.to, id="main")])
    assert len(mail.told) == 1


def test_doubled_and_replayed_events_have_one_effect(api: ApiClient, world: World) -> None:
    mail = Mail(world, "unknown", "unknown", doubts=1)
    told = [event("send", mail.to, mail.send_id), event("spam", mail.to, mail.send_id)]
    first = post(api, told * 2).body["data"]
    assert (first["received"], first["new"], first["settled"], first["failures"]) == (4, 2, 1, 1)
    world.execute("UPDATE notifications SET state = 'resolved'")
    assert post(api, told).body["data"]["new"] == 0
    assert [row["state"] for row in mail.told] == ["resolved"], "a person's decision stands"


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_order_in_which_events_come_changes_nothing(
    api: ApiClient, world: World, order: tuple[int, ...]
) -> None:
    mail = Mail(world, "unknown", "unknown", doubts=1)
    told = [
        event("send", mail.to, mail.send_id, ts=TS),
        event("deferral", mail.to, mail.send_id, ts=TS),
        event("hard_bounce", mail.to, mail.send_id, ts=TS + 5),
    ]
    post(api, [told[number] for number in order])
    assert (mail.state, mail.email["outcome"], mail.email["last_event"]) == (
        "failed",
        "refused",
        "hard_bounce",
    )
    (notice,) = mail.told
    assert notice["state"] == "open"


def test_a_bounce_that_comes_after_the_send_settled_the_mail_still_shows_it(
    api: ApiClient, world: World
) -> None:
    mail = Mail(world, "unknown", "unknown", doubts=1)
    post(api, [event("send", mail.to, mail.send_id)])
    assert mail.state == "done"
    post(api, [event("hard_bounce", mail.to, mail.send_id, ts=TS + 9)])
    assert (mail.email["outcome"], mail.email["cause"], len(mail.told)) == ("refused", "hard-bounce", 1)


def test_what_a_resend_overtook_is_not_shown(api: ApiClient, world: World) -> None:
    mail = Mail(world)
    world.execute(
        "UPDATE commands SET send_id = gen_random_uuid(), state = 'pending' WHERE id = :id", id=mail.id
    )
    post(api, [event("hard_bounce", mail.to, mail.send_id)])
    assert (mail.state, mail.told) == ("pending", [])


def test_a_rejection_that_the_send_itself_told_is_not_told_again(api: ApiClient, world: World) -> None:
    mail = Mail(world, "failed", "refused")
    world.execute(
        "INSERT INTO notifications (status, state, subject_key, cause, message, appointment_id, send_id)"
        " VALUES ('mandrill-email-failed', 'resolved', :key, 'unsub', 'm', :id, :send_id)",
        key=f"mail:{mail.planned.id}:send-confirmation:0:{mail.to}",
        id=mail.planned.id,
        send_id=mail.send_id,
    )
    assert post(api, [event("reject", mail.to, mail.send_id, reason="unsub")]).body["data"]["failures"] == 0
    assert mail.told[0]["state"] == "resolved"


def test_a_held_mail_that_goes_out_ends_the_alert(api: ApiClient, world: World) -> None:
    mail = Mail(world, "done", "held")
    world.execute("UPDATE emails SET detail = 'sending-paused'")
    world.execute(
        "INSERT INTO notifications (status, subject_key, cause, message)"
        " VALUES ('mandrill-email-held', 'held:sending-paused', 'sending-paused', 'm')"
    )
    post(api, [event("send", mail.to, mail.send_id)])
    assert mail.email["outcome"] == "accepted"
    assert world.row("SELECT state FROM notifications")["state"] == "resolved"


def test_a_thousand_events_take_less_than_a_second_of_work_and_few_statements(
    api: ApiClient, world: World
) -> None:
    from sqlalchemy import event as listening

    mails = [Mail(world, "unknown", "unknown", doubts=1) for _ in range(20)]
    kinds = ("send", "delivered", "open", "hard_bounce", "spam")
    told = [
        event(kinds[number % 5], mails[number % 20].to, mails[number % 20].send_id, ts=TS + number)
        for number in range(1000)
    ]
    statements: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    engine = database.engine()
    listening.listen(engine, "before_cursor_execute", count)
    try:
        began = time.thread_time()  # a machine that is busy elsewhere does not count
        reply = post(api, told)
        took_s = time.thread_time() - began
    finally:
        listening.remove(engine, "before_cursor_execute", count)
    assert (reply.code, reply.body["data"]["new"]) == (200, 1000)
    assert took_s < 1
    assert len(statements) < 40
    assert {mail.state for mail in mails} <= {"done", "failed"}
