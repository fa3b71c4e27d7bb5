"""Mails and changes that race: whatever happens between planning, claim and handing over, nobody is told nonsense."""

import base64
import re
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from models.mail_facts import MailFacts
from tasks import mail_gate
from tasks.catalogue import KINDS
from tasks.send_mail import send_mail
from tests.api.changing import NINE, cancel, mails, reconcile_all, stamp, update
from tests.tasks.mail.rfc5545 import read_event
from tests.tasks.mail.wire_server import answer, reset

pytestmark = pytest.mark.usefixtures("database")

BUSY = answer({"status": "error", "code": -2, "name": "ServiceUnavailable", "message": "Later"}, 503)
KEY_ERROR = answer({"status": "error", "code": -1, "name": "Invalid_Key", "message": "Invalid API key"}, 401)


def queued(server, sock):
    """What Mandrill answers to every mail with an attachment."""
    entries = [
        {"email": each["email"], "status": "queued", "queued_reason": "attachments", "_id": "id1"}
        for each in server.last_body["message"]["to"]
    ]
    return answer(entries)(server, sock)


@dataclass(frozen=True)
class Mail:
    """One message as the wire saw it. `begins` is its calendar file's."""

    to: str
    copies: tuple[str, ...]
    said: str
    text: str
    method: str
    sequence: int
    begins: str

    @property
    def moved(self):
        """From which hour to which it says that the start has moved; None when it says nothing of it."""
        found = re.search(r"The start has moved from (\S+ [AP]M) to (\S+ [AP]M)\.", self.text)
        return None if found is None else found.groups()


def sent(provider, turned_away=()):
    """All mails that were handed over, but those requests; whatever came of them."""
    found = []
    for number, (path, _, body) in enumerate(provider.requests):
        if "/messages/send" not in path or number in turned_away:
            continue
        message = body["message"]
        (attached,) = message["attachments"]
        calendar, event = read_event(base64.b64decode(attached["content"]))
        addresses = [each["email"] for each in message["to"]]
        found.append(
            Mail(
                to=addresses[0],
                copies=tuple(addresses[1:]),
                said=message["subject"].split(":")[0],
                text=message["text"],
                method=calendar["METHOD"].value,
                sequence=int(event["SEQUENCE"].value),
                begins=event["DTSTART"].value,
            )
        )
    return found


def due(world):
    """The mails that a worker may take, oldest first; all waits are over."""
    world.execute("UPDATE provider_gates SET closed_until = NULL, failures = 0")
    world.execute(
        "UPDATE commands SET available_at = now() - interval '1 s' WHERE kind LIKE 'send-%' AND state = 'pending'"
    )
    return world.rows(
        "SELECT id, kind FROM commands WHERE kind LIKE 'send-%' AND state = 'pending' ORDER BY id"
    )


def send_one(world, number=0):
    """The worker takes one of the mails that are due."""
    commands = due(world)
    if commands:
        command = commands[number % len(commands)]
        send_mail(KINDS[command["kind"]], command["id"])


def send_all(world):
    """The workers do all that there is to do."""
    for _ in range(10):
        reconcile_all(world)
        for command in due(world):
            send_mail(KINDS[command["kind"]], command["id"])
    assert due(world) == []


@pytest.fixture
def after_claim(monkeypatch: pytest.MonkeyPatch):
    """Do these things while a worker has a mail and waits for its turn; the next one each time."""
    works = []

    def take_turn(*_args):
        if works:
            works.pop(0)()
        return True

    monkeypatch.setattr(mail_gate, "take_turn", take_turn)
    return works


def during(work, then=queued):
    """Do this while the mail is on the wire."""

    def act(server, sock):
        work()
        return then(server, sock)

    return act


def make(api, world, **columns):
    order = world.order(address="12 Larimer St, Denver, CO", assistants=("as@example.com",))
    params = {**NINE, "order_id": order.id, "confirmed": True, **columns}
    made = api.create(params, updated_at_mt=stamp(0)).appointment["id"]
    reconcile_all(world)
    return made, order


@pytest.fixture
def told(api, world, provider):
    """An appointment at nine that its client was told of, and that client's order."""
    provider.script += [queued] * 60
    made, order = make(api, world)
    send_all(world)
    assert [mail.said for mail in sent(provider)] == ["Confirmed"]
    return made, order


def sayings(provider, to=None):
    return [(mail.said, mail.method, mail.sequence) for mail in sent(provider) if to is None or mail.to == to]


def test_an_order_that_moves_after_the_claim_shows_nobody_anothers_facts(
    api, world, provider, told, after_claim
):
    made, order = told
    secret = world.order(address="1 Secret Lane, Boulder, CO", assistants=("spy@example.com",))
    update(api, made, location="Lobby")
    after_claim.append(lambda: update(api, made, 2, order_id=secret.id))
    send_all(world)
    assert sayings(provider, order.client_email) == [
        ("Confirmed", "REQUEST", 0),
        ("No longer yours", "CANCEL", 2),
    ]
    assert sayings(provider, secret.client_email) == [("Confirmed", "REQUEST", 2)]
    for mail in sent(provider):
        if mail.to == order.client_email:
            assert "Secret" not in mail.text
            assert "spy@example.com" not in mail.copies


def test_a_confirmation_claimed_before_the_order_moved_leaves_the_first_client_in_peace(
    api, world, provider, after_claim
):
    provider.script += [queued] * 9
    made, order = make(api, world)
    other = world.order(address="1 Secret Lane, Boulder, CO")
    after_claim.append(lambda: update(api, made, order_id=other.id))
    send_all(world)
    assert sayings(provider) == [("Confirmed", "REQUEST", 1)]
    assert sent(provider)[0].to == other.client_email
    assert {state for _, to, state in mails(world, made) if to == order.client_email} == {"dropped"}


def test_an_order_that_moves_while_a_cancellation_waits_leaves_the_first_client_their_own_facts(
    api, world, provider, told
):
    made, order = told
    other = world.order(address="1 Secret Lane, Boulder, CO", assistants=("spy@example.com",))
    cancel(api, made)
    update(api, made, 2, order_id=other.id)
    send_all(world)
    last = sent(provider)[-1]
    assert (last.to, last.copies, last.said, last.method) == (
        order.client_email,
        (),
        "No longer yours",
        "CANCEL",
    )
    assert "Secret" not in last.text
    assert "12 Larimer St" in last.text


def test_a_photographer_who_was_replaced_after_the_claim_reads_nothing_of_it(
    api, world, provider, after_claim
):
    first, second = world.photographer("Sasha Shutter"), world.photographer("Robin Lens")
    provider.script += [queued] * 9
    made, _ = make(api, world, photographer_user_id=first.id)
    after_claim += [lambda: None, lambda: update(api, made, photographer_user_id=second.id)]
    send_all(world)
    assert sayings(provider, first.email) == []
    assert sayings(provider, second.email) == [("Assignment", "REQUEST", 1)]


def test_a_mail_claimed_before_the_first_change_gives_way_and_the_reader_gets_one_confirmation(
    api, world, provider, after_claim
):
    provider.script += [queued] * 9
    made, order = make(api, world)
    after_claim.append(lambda: update(api, made, time_start_local="14:00"))
    send_all(world)
    assert sayings(provider) == [("Confirmed", "REQUEST", 1)]
    assert sent(provider)[0].begins.endswith("T210000Z")
    assert mails(world, made) == [
        ("send-confirmation", order.client_email, "dropped"),
        ("send-change", order.client_email, "done"),
    ]


def test_a_mail_waits_for_times_that_are_being_computed_and_counts_no_attempt(
    api, world, provider, told, after_claim
):
    made, _ = told
    update(api, made, location="Lobby")
    # As a correction of the property does: nobody is told of it, and the times may be others soon.
    queue = (
        "INSERT INTO commands (appointment_id, kind, sequence, state, request_id)"
        " VALUES (:id, 'reconcile-times', 9, 'pending', 'r')"
    )
    after_claim.append(lambda: world.execute(queue, id=made))
    send_one(world)
    row = world.row("SELECT * FROM commands WHERE kind = 'send-change'")
    assert (row["state"], row["attempts"], row["lease_token"]) == ("waiting", 0, None)
    assert sayings(provider) == [("Confirmed", "REQUEST", 0)]
    reconcile_all(world)
    send_all(world)
    assert sayings(provider)[1:] == [("Changed", "REQUEST", 1)]
    assert world.row("SELECT attempts FROM commands WHERE kind = 'send-change'")["attempts"] == 1


def test_a_cancellation_after_the_claim_of_a_change_is_the_only_one(api, world, provider, told, after_claim):
    made, _ = told
    update(api, made, location="Lobby")
    after_claim.append(lambda: cancel(api, made, 2))
    send_all(world)
    assert sayings(provider)[1:] == [("Cancelled", "CANCEL", 2)]


def test_who_never_heard_of_it_hears_nothing_when_it_is_called_off_after_the_claim(
    api, world, provider, after_claim
):
    provider.script += [queued] * 9
    made, _ = make(api, world)
    after_claim.append(lambda: cancel(api, made))
    send_all(world)
    assert sent(provider) == []
    assert {state for _, _, state in mails(world, made)} == {"dropped"}


def test_there_and_back_before_the_first_mail_went_out_tells_nothing(api, world, provider, told):
    made, _ = told
    update(api, made, time_start_local="14:00", location="Lobby")
    update(api, made, 2, time_start_local="09:00", clear="location")
    send_all(world)
    assert len(sent(provider)) == 1
    assert {state for _, _, state in mails(world, made)[1:]} == {"dropped"}


def test_there_and_back_after_the_first_mail_went_out_tells_both(api, world, provider, told):
    made, _ = told
    update(api, made, time_start_local="14:00")
    send_all(world)
    update(api, made, 2, time_start_local="09:00")
    send_all(world)
    assert [mail.moved for mail in sent(provider)] == [None, ("9:00 AM", "2:00 PM"), ("2:00 PM", "9:00 AM")]


def test_two_changes_of_which_the_second_comes_while_the_first_is_on_the_wire(api, world, provider, told):
    made, _ = told
    update(api, made, time_start_local="14:00")
    reconcile_all(world)

    def change_and_try():
        update(api, made, 2, time_start_local="16:00")
        reconcile_all(world)
        send_one(world)

    provider.script.insert(0, during(change_and_try))
    send_one(world)
    assert len(sent(provider)) == 2
    waits = world.row("SELECT state, attempts FROM commands WHERE sequence = 2 AND kind = 'send-change'")
    assert (waits["state"], waits["attempts"]) == ("pending", 0)
    send_all(world)
    assert [mail.moved for mail in sent(provider)][1:] == [("9:00 AM", "2:00 PM"), ("2:00 PM", "4:00 PM")]


@pytest.mark.parametrize("fate", [BUSY, KEY_ERROR], ids=["not accepted", "refused"])
def test_a_mail_that_did_not_arrive_told_nothing(api, world, provider, told, fate):
    made, _ = told
    update(api, made, time_start_local="14:00")
    reconcile_all(world)
    provider.script.insert(0, during(lambda: update(api, made, 2, time_start_local="16:00"), fate))
    send_one(world)
    send_all(world)
    assert [mail.moved for mail in sent(provider)][2:] == [("9:00 AM", "4:00 PM")]


def test_after_a_mail_in_doubt_the_next_says_how_it_is_and_not_how_it_was(api, world, provider, told):
    made, _ = told
    update(api, made, time_start_local="14:00")
    reconcile_all(world)
    provider.script.insert(0, reset)
    send_one(world)
    update(api, made, 2, time_start_local="09:00")
    send_all(world)
    last = sent(provider)[-1]
    assert (last.said, last.sequence, last.moved) == ("Changed", 2, None)
    assert last.begins.endswith("T160000Z")
    assert "2:00 PM" not in last.text


def test_what_a_person_asks_for_is_sent_although_the_reader_knows_it_all(api, world, provider, told):
    made, order = told
    body = f'{{"token": "{api.token}", "id": {made}}}'.encode()
    path = "/api/v1/appointments/resend_confirmation"
    api.raw(body, path=path, Content_Type="application/json")
    send_all(world)
    assert sayings(provider, order.client_email) == [("Confirmed", "REQUEST", 0)] * 2


def test_what_was_shown_is_remembered_in_ids_and_times_alone(api, world, provider, told):
    _, order = told
    row = world.row("SELECT facts, send_id FROM commands WHERE kind = 'send-confirmation'")
    shown = MailFacts.from_json(row["facts"]).shown[str(row["send_id"])]
    assert (shown.order_id, shown.sequence, shown.cancelled) == (order.id, 0, False)
    assert "Larimer" not in str(row["facts"])


TIMES = ("09:00", "14:00", "16:00")
HOURS = {"16": "9:00 AM", "21": "2:00 PM", "23": "4:00 PM"}
"""By the hour in UTC."""
CHANGE = st.one_of(
    st.tuples(st.just("time"), st.sampled_from(TIMES)),
    st.tuples(st.just("time"), st.sampled_from(TIMES)),
    st.tuples(st.just("location"), st.sampled_from(["Lobby", "Gate"])),
    st.tuples(st.just("order"), st.integers(0, 1)),
    st.tuples(st.just("off"), st.booleans()),
)
STEP = st.tuples(
    CHANGE, st.sampled_from(["nothing", "clocks", "send", "claimed", "wire", "busy"]), st.integers(0, 3)
)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
    phases=(Phase.generate,),  # an example takes a second, so that shrinking it would take minutes
)
@given(steps=st.lists(STEP, min_size=2, max_size=6))
def test_whatever_races_each_reader_gets_one_story_that_ends_true(api, world, provider, after_claim, steps):
    del provider.requests[:], after_claim[:]
    provider.script[:] = [queued] * 50
    orders = [world.order(address="1 First Street, Denver"), world.order(address="2 Second Street, Denver")]
    params = {**NINE, "order_id": orders[0].id, "confirmed": True}
    made = api.create(params, updated_at_mt=stamp(0)).appointment["id"]
    turned_away = set()

    def busy(server, sock):
        turned_away.add(len(server.requests) - 1)
        return BUSY(server, sock)

    for number, (change, when, which) in enumerate(steps, 1):

        def alter(change=change, number=number):
            what, value = change
            asked = {
                "time": {"time_start_local": value},
                "location": {"location": value},
                "order": {"order_id": orders[value if what == "order" else 0].id},
                "off": {"cancelled": value},
            }[what]
            assert update(api, made, number, **asked).code == 200

        if when == "claimed":
            after_claim.append(alter)
        elif when == "wire":
            provider.script.insert(0, during(alter))
        else:
            alter()
        if when != "nothing":
            reconcile_all(world)
        if when == "busy":
            provider.script.insert(0, busy)
        if when in ("send", "claimed", "wire", "busy"):
            send_one(world, which)
        # What found no mail to race with is left out.
        after_claim.clear()
        provider.script[:] = [queued] * 50
    send_all(world)
    row = world.appointment(made)
    for mine, others in (orders, orders[::-1]):
        read = [mail for mail in sent(provider, turned_away) if mail.to == mine.client_email]
        numbers = [mail.sequence for mail in read]
        assert numbers == sorted(set(numbers))
        assert all(others.client_email not in (*mail.copies, mail.to) for mail in read)
        shown = None
        for mail in read:
            assert ("Second" if mine is orders[0] else "First") not in mail.text
            hour = HOURS[mail.begins[9:11]]
            if mail.said == "Changed":
                assert mail.moved == (None if hour == shown else (shown, hour)), mail.text
            shown = hour
        if row["order_id"] == mine.id and not row["cancelled"]:
            assert read[-1].method == "REQUEST"
            assert read[-1].begins == f"{row['starts_at']:%Y%m%dT%H%M%SZ}"
        elif read:
            assert read[-1].method == "CANCEL"
