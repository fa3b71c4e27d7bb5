"""The list of appointments with its filters and search, and the page of one with its timeline."""

import json
import re

import pytest
from flask import Flask

from models import appointment_search
from models.database import transaction
from tests.console.appointments import Book, links_to_appointments, statements_of_the_page
from tests.console.conftest import Browser
from tests.world import World

LIST = "/console/appointments"
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


@pytest.fixture
def book(app: Flask, world: World) -> Book:
    return Book(app, world)


def local(day: str, at: str | None = "10:00", **more: object) -> dict:
    times = {"date_start_local": day, **({"time_start_local": at} if at else {})}
    return {**times, "time_duration": "1:00", **more} if at else {**times, **more}


def office(day: str, at: str = "10:00", **more: object) -> dict:
    """On the office's clock, which needs no property."""
    return {"date_start_office": day, "time_start_office": at, "time_duration": "1:00", **more}


@pytest.mark.parametrize("path", [LIST, f"{LIST}/1", f"{LIST}/week", f"{LIST}/day?date=2026-12-04"])
def test_nobody_sees_appointments_without_logging_in(stranger: Browser, path: str) -> None:
    assert stranger.open(path).address.startswith("/console/login")


@pytest.mark.parametrize("number", [999, 2**70])
def test_an_unknown_appointment_is_a_page(emma: Browser, number: int) -> None:
    assert emma.open(f"{LIST}/{number}").response.status_code == 404
    assert "There is no such appointment" in emma.text


# -- the list


def test_the_list_begins_today_and_says_when_where_and_for_whom(
    emma: Browser, book: Book, world: World
) -> None:
    order = world.order(zone="America/New_York", address="89 East 42nd Street")
    pat = world.photographer("Pat Novak")
    coming = book(order_id=order.id, **local("2090-12-04", summary="Floor plan", photographer_user_id=pat.id))
    past = book(**office("2020-12-04"))
    emma.open(LIST)
    assert links_to_appointments(emma) == [coming]
    assert "Mon 4 Dec 2090, 10:00–11:00 EST America/New_York; office 08:00–09:00 MST" in emma.text
    for said in ("Floor plan", "89 East 42nd Street", "Carla Client", "Pat Novak", "requested"):
        assert said in emma.text
    emma.open(f"{LIST}?from=")
    assert links_to_appointments(emma) == [past, coming]


def test_filters_stand_in_the_address_and_narrow_the_list(emma: Browser, book: Book, world: World) -> None:
    pat, order = world.photographer("Pat"), world.order()
    confirmed = book(order_id=order.id, **local("2090-12-04", confirmed=True))
    of_pat = book(**office("2090-12-05", photographer_user_id=pat.id))
    cancelled = book(**office("2090-12-06", cancelled=True))
    undecided = book(**local("2090-12-07", None))
    tentative = book(**office("2090-12-08", optional=True))
    late_in_utc = book(order_id=order.id, **local("2090-12-09", "20:00"))
    everything = {confirmed, of_pat, cancelled, undecided, tentative, late_in_utc}
    for query, expected in (
        ("status=confirmed", {confirmed}),
        ("status=cancelled", {cancelled}),
        ("status=optional", {tentative}),
        ("status=undecided", {undecided}),
        (f"photographer={pat.id}", {of_pat}),
        (f"order={order.id}", {confirmed, late_in_utc}),
        ("from=2090-12-05&to=2090-12-06", {of_pat, cancelled}),
        ("from=2090-12-10&to=2090-12-10", set()),
        ("from=2090-12-10&to=2090-12-10&frame=utc", {late_in_utc}),
        ("changed=2020-01-01T00:00", everything),
        ("changed=2089-01-01T00:00", set()),
        ("from=", everything),
    ):
        emma.open(f"{LIST}?{query}")
        assert set(links_to_appointments(emma)) == expected, query


@pytest.mark.parametrize(
    "query",
    [
        "status=gone",
        "photographer=x",
        "order=0",
        "from=4.12.2026",
        "to=2199-01-01",
        "frame=moon",
        "changed=now",
    ],
)
def test_a_filter_that_is_not_understood_is_left_out_and_told(emma: Browser, book: Book, query: str) -> None:
    coming = book(**office("2090-12-04"))
    emma.open(f"{LIST}?{query}")
    assert f"The filter “{query.partition('=')[0]}” was left out" in emma.text
    assert links_to_appointments(emma) == [coming]


def test_pages_go_on_where_the_last_one_ended_and_keep_the_filters(
    emma: Browser, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.console.appointments.PAGE", 2)
    made = [book(**office(f"2090-12-{day:02d}", "09:00")) for day in range(1, 6)]
    emma.open(f"{LIST}?status=requested&direction=desc")
    seen = links_to_appointments(emma)
    while "More" in [said for _, said in emma.page.links]:
        emma.follow("More")
        assert "status=requested" in emma.address
        seen += links_to_appointments(emma)
    assert seen == made[::-1]
    assert emma.open(f"{LIST}?cursor=nonsense").response.status_code == 400


def test_trouble_with_mails_and_conflicts_are_told_in_words(emma: Browser, book: Book, world: World) -> None:
    pat = world.photographer()
    first = book(**office("2090-12-04", "10:00", photographer_user_id=pat.id))
    second = book(**office("2090-12-04", "10:30", photographer_user_id=pat.id))
    tentative = book(**office("2090-12-04", "10:30", photographer_user_id=pat.id, optional=True))
    world.execute(
        "INSERT INTO notifications (status, subject_key, cause, message, appointment_id, mail_kind)"
        " VALUES ('mandrill-email-failed', 'k', 'hard-bounce', 'It failed.', :id, 'send-confirmation')",
        id=first,
    )
    rows = dict(re.findall(r'<tr id="a-(\d+)".*?>(.*?)</tr>', emma.open(LIST).html, re.S))
    assert "1 mail problem" in rows[str(first)]
    assert f'/console/appointments/{second}">{second}</a>' in rows[str(first)]
    assert f'/console/appointments/{first}">{first}</a>' in rows[str(second)]
    assert "Conflict" not in rows[str(tentative)]
    assert "mail problem" not in rows[str(second)]


# -- the search


def test_everything_that_somebody_may_have_at_hand_finds_it(emma: Browser, book: Book, world: World) -> None:
    book(**office("2090-12-03"))
    order = world.order(
        address="1701 Wynkoop Street",
        client_id=world.client(name="Casey Moreno", email="casey@example.com"),
    )
    wanted = book(
        order_id=order.id,
        uuid="4f0c0f5e-9a55-4a53-8a6c-0d1f2e3a4b5c",
        **local("2090-12-04", summary="Floor plan 100%", location="Rear entrance"),
    )
    request_id = world.appointment(wanted)["request_id"]
    for words in (
        str(wanted),
        str(order.id),
        "4F0C0F5E-9A55-4A53-8A6C-0D1F2E3A4B5C",
        "4f0c0f5e9a554a538a6c0d1f2e3a4b5c",
        request_id,
        "floor PLAN",
        "100%",
        "rear",
        "wynkoop",
        "casey moreno",
        "moreno wynkoop floor",
        "casey@example.com",
    ):
        emma.open(LIST)
        emma.press("Search", q=words)
        assert wanted in links_to_appointments(emma), words
        assert len(links_to_appointments(emma)) == 1 or words in (str(wanted), str(order.id)), words
    command = world.commands(wanted)["reconcile-times"]["id"]
    for words in (f"order {order.id}", f"Appointment {wanted}", f"#{wanted}", f"command {command}"):
        assert links_to_appointments(emma.open(f"{LIST}?q={words.replace('#', '%23')}")) == [wanted], words
    for words in ("moreno larimer", "%", "_", "999999", "x" * 24):
        emma.open(f"{LIST}?q={words.replace('%', '%25')}")
        assert links_to_appointments(emma) == ([wanted] if words == "%" else []), words


def test_words_are_looked_for_within_the_other_filters(emma: Browser, book: Book) -> None:
    first = book(**office("2090-12-04", summary="Floor plan"))
    second = book(**office("2090-12-05", summary="Floor plan", confirmed=True))
    undecided = book(**local("2090-12-05", None, summary="Floor plan"))
    past = book(**office("2019-12-05", summary="Floor plan"))
    for query, expected in (
        ("q=floor", [first, second, undecided, past]),
        ("q=floor&status=confirmed", [second]),
        ("q=floor&status=undecided", [undecided]),
        ("q=floor&from=2090-12-05&to=2090-12-05", [second, undecided]),
        ("q=floor&to=2020-01-01", [past]),
    ):
        assert links_to_appointments(emma.open(f"{LIST}?{query}")) == expected, query


def test_a_search_that_takes_too_long_is_cut_short_and_says_so(
    emma: Browser, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = book(**office("2090-12-04", summary="Floor plan"))
    monkeypatch.setattr(appointment_search, "PATIENCE_S", 0.0)
    assert "took too long and was given up" in emma.open(f"{LIST}?q=floor").text
    monkeypatch.setattr(appointment_search, "PATIENCE_S", 2.0)
    patiently, asked = appointment_search._patiently, []

    def impatient(*given: object) -> object:
        asked.append(given)
        return patiently(*given) if len(asked) < 4 else None  # type: ignore[arg-type]

    monkeypatch.setattr(appointment_search, "_patiently", impatient)
    emma.open(f"{LIST}?q=floor")
    assert "The search was cut short: what begins before" in emma.text
    assert links_to_appointments(emma) == [wanted]


def test_a_list_asks_the_same_number_of_statements_however_long_it_is(
    emma: Browser, book: Book, world: World
) -> None:
    pat, order = world.photographer(), world.order()
    counts = []
    for _ in range(2):
        for minute in range(4):
            book(order_id=order.id, **office("2090-12-04", f"10:{minute:02d}", photographer_user_id=pat.id))
        with statements_of_the_page() as asked:
            emma.open(LIST)
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 12


def test_conflicts_are_looked_up_through_the_index_on_who_is_taken(world: World) -> None:
    from models.appointment_context import _CONFLICTS

    with transaction() as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {_CONFLICTS}", {"ids": [1, 2]}).scalars())
    assert "ix_appointments_busy_span" in plan and "Seq Scan" not in plan, plan


# -- the page of one


@pytest.fixture
def story(book: Book, world: World) -> int:
    """An appointment with a sent mail, events, a change, and trouble."""
    order = world.order(client_email="carla@example.com", address="12 Larimer St")
    pat = world.photographer("Pat Novak")
    number = book(
        order_id=order.id,
        **local("2090-12-04", summary="Floor plan", photographer_user_id=pat.id, notes="Gate code 4711"),
    )
    command = world.commands(number)["send-confirmation"]
    world.execute(
        "UPDATE commands SET state = 'done', finished_at = now() WHERE appointment_id = :id", id=number
    )
    tries = [
        {"at": "2026-11-22T14:00:00Z", "outcome": "not-accepted", "cause": "http-502", "http_status": 502},
        {"at": "2026-11-22T14:00:30Z", "outcome": "accepted", "cause": None, "http_status": 200},
    ]
    tries = [{**one, "detail": None} for one in tries]
    world.execute(
        "INSERT INTO emails (send_id, command_id, appointment_id, kind, recipient, outcome, attempts)"
        " VALUES (:send, :command, :id, 'send-confirmation', 'carla@example.com', 'accepted',"
        " CAST(:tries AS jsonb))",
        send=command["send_id"],
        command=command["id"],
        id=number,
        tries=json.dumps(tries),
    )
    world.execute(
        "INSERT INTO mail_events (provider_id, event, at, send_id, recipient)"
        " VALUES ('p', 'delivered', now() + interval '1 s', :send, 'carla@example.com')",
        send=command["send_id"],
    )
    book.change(number, summary="Roof", notes="Key under the mat")
    world.execute("UPDATE commands SET state = 'done' WHERE appointment_id = :id", id=number)
    return number


def steps(browser: Browser) -> list[str]:
    """The anchors of the timeline, without their numbers."""
    return [anchor.split("-")[0] for anchor in re.findall(r'<li id="([a-z0-9-]+)" class="step', browser.html)]


def test_one_timeline_tells_what_happened_in_its_order(emma: Browser, story: int, world: World) -> None:
    emma.open(f"{LIST}/{story}")
    seen = steps(emma)
    assert seen[0] == "request" and seen[-1] == "event"
    assert seen.index("clocks") < seen.index("mail") < seen.index("change") < seen.index("event")
    for said in (
        "PlanoAuth (application)",
        world.appointment(story)["request_id"],
        "token never stored",
        "without a complete UTC time, the property's clock counts before the office's",
        "http-502, HTTP 502",
        "Mandrill: delivered",
        "Key under the mat",
        "By the rules of tzdata",
    ):
        assert said in emma.text, said
    assert re.search(r"notes\s+Gate code 4711\s+Key under the mat", emma.text)
    assert re.search(r"summary\s+Floor plan\s+Roof", emma.text)
    assert "hx-get" not in emma.html.partition('id="state"')[2][:300], "nothing is under way"


def test_the_parameters_are_those_of_the_request_not_of_now(emma: Browser, story: int) -> None:
    emma.open(f"{LIST}/{story}")
    given = emma.html[emma.html.index('id="parameters"') :].partition("</details>")[0]
    assert "Floor plan" in given and "Gate code 4711" in given and "time_start_local" in given
    assert "Roof" not in given and "time_start_utc" not in given


def test_the_three_clocks_stand_in_a_table_with_their_zones(emma: Browser, book: Book, world: World) -> None:
    number = book(order_id=world.order(zone="America/New_York").id, **local("2026-12-04"))
    emma.open(f"{LIST}/{number}")
    for said in (
        "Property America/New_York Fri 4 Dec 2026, 10:00 EST Fri 4 Dec 2026, 11:00 EST",
        "Office America/Denver Fri 4 Dec 2026, 08:00 MST Fri 4 Dec 2026, 09:00 MST",
        "UTC UTC Fri 4 Dec 2026, 15:00 UTC Fri 4 Dec 2026, 16:00 UTC",
    ):
        assert said in emma.text


def test_a_contradiction_shows_what_was_sent(emma: Browser, book: Book, world: World) -> None:
    number = book(
        order_id=world.order().id, **local("2026-12-04", date_start_utc="2026-12-04", time_start_utc="20:00")
    )
    emma.open(f"{LIST}/{number}")
    assert "start sent as Fri 4 Dec 2026, 10:00" in emma.text
    assert "1 contradiction" in emma.text and "frame mismatch" in emma.text


def test_the_page_follows_commands_until_they_are_decided(emma: Browser, book: Book, world: World) -> None:
    number = book(order_id=world.order().id, reconciled=False, **local("2090-12-04"))
    emma.open(f"{LIST}/{number}")
    assert 'hx-trigger="every 2s, console:refresh"' in emma.html
    assert "times being worked out" in emma.text
    part = emma.open(f"{LIST}/{number}", HX_Request="true").html
    assert part.lstrip().startswith('<div id="state"') and "<html" not in part
    world.execute("UPDATE commands SET state = 'done'")
    assert "hx-trigger" not in emma.open(f"{LIST}/{number}", HX_Request="true").html


def test_a_conflict_is_told_on_both(emma: Browser, book: Book, world: World) -> None:
    pat = world.photographer()
    both = [book(**office("2090-12-04", at, photographer_user_id=pat.id)) for at in ("10:00", "10:30")]
    for one, other in (both, both[::-1]):
        emma.open(f"{LIST}/{one}")
        assert "The photographer is taken twice." in emma.text
        assert (f"{LIST}/{other}", f"Appointment {other}") in emma.page.links


def test_the_confirmation_is_sent_again_and_written_down(emma: Browser, story: int, world: World) -> None:
    emma.open(f"{LIST}/{story}").press("Send the confirmation again")
    assert "The confirmation to carla@example.com is queued." in emma.text
    assert "Resend confirmation" in emma.text and "Emma Employee" in emma.text
    states = [
        row["state"] for row in world.rows("SELECT state FROM commands WHERE kind = 'send-confirmation'")
    ]
    assert "pending" in states
    (entry,) = world.rows("SELECT actor, via, action, subject_id FROM audit_entries")
    assert entry == {
        "actor": "Emma Employee",
        "via": "console",
        "action": "resend-confirmation",
        "subject_id": story,
    }
    emma.press("Send the confirmation again")
    assert "less than a minute ago" in emma.text
    assert len(world.rows("SELECT id FROM audit_entries")) == 1


def test_what_went_to_a_corrected_address_does_not_go_there_again_without_a_word(
    emma: Browser, story: int, world: World
) -> None:
    assert "The last confirmation went to" not in emma.open(f"{LIST}/{story}").text
    world.execute("UPDATE commands SET recipient = 'carla.m@example.com' WHERE kind = 'send-confirmation'")
    emma.open(f"{LIST}/{story}")
    assert "to carla@example.com, the address of the client’s record" in emma.text
    assert "The last confirmation went to carla.m@example.com." in emma.text


def test_nobody_is_written_to_about_a_cancelled_appointment(emma: Browser, story: int, world: World) -> None:
    emma.open(f"{LIST}/{story}")
    world.execute("UPDATE appointments SET cancelled = true")
    emma.press("Send the confirmation again")
    assert "Nothing was sent." in emma.text and "is cancelled" in emma.text
    assert "Send the confirmation again" not in [
        text for one in emma.page.forms for _, _, text in one.buttons
    ]
    assert emma.client.post(f"{LIST}/{story}/confirm").status_code == 400


def test_hostile_texts_are_only_text_everywhere(emma: Browser, book: Book, world: World) -> None:
    order = world.order(address=HOSTILE, client_id=world.client(name=HOSTILE))
    pat = world.photographer(HOSTILE)
    given = {"summary": HOSTILE[:200], "location": HOSTILE, "notes": HOSTILE, "description": HOSTILE}
    number = book(order_id=order.id, **local("2026-12-04", photographer_user_id=pat.id, **given))
    for path in (
        f"{LIST}?from=",
        f"{LIST}?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
        f"{LIST}?from=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&status=%3Cscript%3Ealert",
        f"{LIST}/{number}",
        f"{LIST}/day?date=2026-12-04&frame=%3Cscript%3Ealert",
        f"{LIST}/week?week=2026-W49",
        f"{LIST}/week?week=2026-W49&photographer={pat.id}",
        f"{LIST}/week?week=%3Cscript%3Ealert(1)%3C/script%3E",
    ):
        html = emma.open(path).html
        assert emma.response.status_code == 200, path
        assert "<script>alert" not in html and "<img src=x" not in html, path
