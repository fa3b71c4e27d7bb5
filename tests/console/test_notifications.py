"""The notifications tab: what is listed and found, what one page tells, and what its buttons do."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from models import notification_board, patience
from models.moment import now
from settings import get_settings
from tests.console.conftest import Browser, Seen, Trouble, listed
from tests.world import World

LIST = "/console/notifications"
MakeTrouble = Callable[..., Trouble]


def incident(world: World, *members: Trouble) -> int:
    number = world.insert(
        "INSERT INTO notifications (status, severity, subject_key, cause, cause_key, message, hint, mail_kind,"
        " occurrences) VALUES ('mail-incident', 'critical', 'incident:unsigned', 'unsigned', 'unsigned/x',"
        " 'Many failed.', 'Set up DKIM.', 'send-confirmation', :number) RETURNING id",
        number=len(members),
    )
    world.execute(
        "UPDATE notifications SET incident_id = :incident WHERE id = ANY(:ids)",
        incident=number,
        ids=[member.id for member in members],
    )
    return number


def audits(world: World) -> list[tuple[str, str, str, int]]:
    rows = world.rows("SELECT actor, via, action, subject_id FROM audit_entries ORDER BY id")
    return [(row["actor"], row["via"], row["action"], row["subject_id"]) for row in rows]


def states(world: World) -> dict[int, str]:
    return {row["id"]: row["state"] for row in world.rows("SELECT id, state FROM notifications")}


# -- the list


def test_an_empty_list_says_what_that_means(emma: Browser, trouble: MakeTrouble) -> None:
    assert "Nothing needs you" in emma.open(LIST).text
    trouble()
    assert "Nothing fits these filters" in emma.open(LIST + "?severity=low").text


def test_causes_are_grouped_with_their_counts_and_worst_comes_first(
    emma: Browser, world: World, trouble: MakeTrouble
) -> None:
    old = trouble(cause="unsub", age_s=600)
    soft = [trouble(cause="soft-bounce", state="retrying").id for _ in range(2)]
    hard = [trouble(cause="hard-bounce", age_s=60).id for _ in range(3)]
    critical = trouble(cause="Invalid_Key", severity="critical", age_s=6_000)
    trouble(state="resolved"), trouble(state="ignored")
    emma.open(LIST)
    assert listed(emma) == [critical.id, *sorted(hard, reverse=True), old.id, *sorted(soft, reverse=True)]
    assert "The mailbox does not exist · Confirmation · hard-bounce" in emma.text
    assert "● 3 open" in emma.text and "↻ 2 retrying" in emma.text
    assert "carla@" not in emma.html and "c***@example.com" in emma.text


def test_members_are_listed_under_their_incident_and_not_beside_it(
    emma: Browser, world: World, trouble: MakeTrouble
) -> None:
    members = [trouble(cause="unsigned") for _ in range(7)]
    single = trouble(cause="unsub")
    number = incident(world, *members)
    emma.open(LIST)
    shown = sorted((one.id for one in members), reverse=True)[: notification_board.FEW]
    assert listed(emma) == [*shown, single.id]
    assert f"Incident {number}" in emma.text and "● 7 open" in emma.text
    emma.follow("Show all 7 of this incident")
    assert listed(emma) == sorted((one.id for one in members), reverse=True)
    for query in ("severity=critical", "status=mail-incident"):
        assert len(listed(emma.open(f"{LIST}?{query}"))) == len(members), "with all that hangs on it"
    assert "Incident" in emma.open(f"{LIST}?appointment={members[0].appointment_id}").text
    assert listed(emma) == [members[0].id]


def test_the_url_holds_every_filter(emma: Browser, world: World, trouble: MakeTrouble) -> None:
    one = trouble(
        email="carla@example.com",
        cause="unsub",
        request_id="request-7777",
        message="The words of one.",
        age_s=7_200,
    )
    other = trouble(
        email="dan@example.org", name="Dan Doe", cause="hard-bounce", severity="critical", state="retrying"
    )
    over = trouble(email="over@example.com", state="resolved")
    world.execute("UPDATE notifications SET mail_kind = 'send-assignment' WHERE id = :id", id=other.id)
    for query, expected in (
        ("state=open", [one]),
        ("state=retrying", [other]),
        ("state=resolved", [over]),
        ("state=any", [one, over, other]),
        ("severity=critical", [other]),
        ("status=command-failed", []),
        ("cause=unsub", [one]),
        ("kind=send-assignment", [other]),
        ("age=1h", [other]),
        (f"appointment={one.appointment_id}", [one]),
        (f"order={other.order_id}", [other]),
        (f"q={one.appointment_id}", [one]),
        (f"q={over.order_id}&state=any", [over]),
        ("q=carla@example.com", [one]),
        ("q=CARLA@", [one]),
        ("q=carl", [one]),
        ("q=arla@", []),
        ("q=request-7777", [one]),
        ("q=request-777", []),
        ("q=the+words", [one]),
        (f"q=order+{one.order_id}", [one]),
        (f"q=Appointment+%23{other.appointment_id}", [other]),
        (f"q=command+{one.command_id}", [one]),
        (f"q=notification+{other.id}", [other]),
        (f"q=%23{one.appointment_id}", [one]),
        ("q=dan+DOE", [other]),
        ("q=%25", []),
        ("q=nothing", []),
    ):
        found = set(listed(emma.open(f"{LIST}?{query}")))
        # An id may be one thing's and another's: what was looked for is among them.
        wanted = {each.id for each in expected}
        assert wanted <= found if re.match(r"q=(%23)?\d", query) else wanted == found, query


def test_filters_are_set_by_the_form_and_stay_set(emma: Browser, trouble: MakeTrouble) -> None:
    trouble()
    emma.open(LIST).press("Show", q="carla@example.com", state="open")
    assert 'value="carla@example.com"' in emma.html
    assert re.search(r'value="open"\s+selected', emma.html)
    (refresh,) = (given["hx-get"] for _, given in emma.page.tags if given.get("id") == "rows")
    assert {("q", "carla@example.com"), ("state", "open")} <= set(parse_qsl(urlsplit(refresh).query))


@pytest.mark.parametrize(
    "query",
    [
        "state=lost",
        "age=forever",
        "appointment=x",
        "order=-1",
        "q=" + "x" * 400,
        "q=%00",
        "kind=%F0%9F%98%80",
    ],
)
def test_a_filter_that_is_not_understood_is_left_out_and_told(
    emma: Browser, trouble: MakeTrouble, query: str
) -> None:
    failed = trouble()
    emma.open(f"{LIST}?{query}")
    assert (emma.response.status_code, listed(emma)) == (200, [failed.id])
    assert "was left out" in emma.text


def test_a_long_cause_has_pages_without_gap_or_repetition(
    emma: Browser, world: World, trouble: MakeTrouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notification_board, "ROWS_OF_A_PAGE", 2)
    made = [trouble().id for _ in range(5)]
    world.execute("UPDATE notifications SET last_at = now()")
    seen = listed(emma.open(LIST))
    for _ in range(2):
        seen += listed(emma.follow("More"))
    assert seen == made[::-1]
    assert "More" not in [said for _, said in emma.page.links]
    assert listed(emma.follow("Back to the top")) == made[:2:-1]


def test_many_causes_have_pages_too(
    emma: Browser, world: World, trouble: MakeTrouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notification_board, "GROUPS_OF_A_PAGE", 2)
    made = [trouble(cause=f"cause-{n}").id for n in range(5)]
    world.execute("UPDATE notifications SET last_at = now()")
    seen = listed(emma.open(LIST))
    seen += listed(emma.follow("More")) + listed(emma.follow("More"))
    assert seen == made[::-1]


@pytest.mark.parametrize(
    "cursor", ["x", "%25", "e30", "bnVsbA", "eyJvcGVuIjogMSwgImF0IjogIjIwMjYtMTEtMjIifQ"]
)
def test_a_cursor_of_ones_own_making_is_a_page_that_says_so(emma: Browser, cursor: str) -> None:
    assert emma.open(f"{LIST}?cursor={cursor}").response.status_code == 400
    assert "Start again from the top" in emma.text


def test_the_filter_by_status_has_words_for_each(emma: Browser) -> None:
    shown = re.findall(
        r'<option value="[^"]+" title="([^"]+)">([^<]+)', emma.open(LIST).html.partition('name="status"')[2]
    )
    assert ("mail-incident", "Many mails failed alike") in shown
    assert not {slug for slug, word in shown} & {word for slug, word in shown}


def test_a_search_that_takes_too_long_is_given_up(
    emma: Browser, trouble: MakeTrouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble()
    monkeypatch.setattr(patience, "PATIENCE_MS", 1)
    monkeypatch.setattr(notification_board, "_GROUPS", notification_board.text("SELECT pg_sleep(1)"))
    assert emma.open(f"{LIST}?q=x").response.status_code == 503
    assert "Narrow it" in emma.text


def test_a_refresh_is_the_list_alone_and_tells_what_is_new(emma: Browser, trouble: MakeTrouble) -> None:
    trouble(age_s=600)
    since = (now() - timedelta(seconds=60)).isoformat(timespec="seconds")
    part = emma.open(f"{LIST}?since={since.replace('+', '%2B')}", HX_Request="true")
    assert "<html" not in part.html and part.page.tags[0][1]["id"] == "rows"
    assert "new notification" not in part.text
    fresh = trouble()
    emma.open(f"{LIST}?since={since.replace('+', '%2B')}", HX_Request="true")
    assert "1 new notification since you loaded this page" in emma.text
    assert listed(emma)[0] == fresh.id


# -- one of them


def test_the_page_of_one_tells_everything(emma: Browser, world: World, trouble: MakeTrouble) -> None:
    failed = trouble(doubt=True, request_id="request-7777", time_duration="1:30")
    world.execute(
        "INSERT INTO emails (send_id, command_id, appointment_id, kind, recipient, outcome, cause, detail, http_status,"
        " decided_at, attempts) SELECT send_id, id, appointment_id, kind, recipient, 'refused', 'hard-bounce',"
        " 'No such box.', 200, now(), jsonb_build_array(jsonb_build_object('at', now(), 'outcome', 'refused',"
        " 'cause', 'hard-bounce', 'http_status', 200, 'detail', 'No such box.')) FROM commands WHERE id = :id",
        id=failed.command_id,
    )
    world.execute(
        "INSERT INTO mail_events (provider_id, event, at, send_id, recipient, reason) SELECT 'p', 'hard_bounce', now(),"
        " send_id, recipient, 'bad_mailbox' FROM commands WHERE id = :id",
        id=failed.command_id,
    )
    emma.open(f"{LIST}/{failed.id}")
    for said in (
        *("carla@example.com", "hard-bounce", "Correct the address.", "request-7777", "12 Larimer St"),
        *("This mail may have been sent.", "✕ refused", "No such box.", "HTTP 200", "bad_mailbox"),
        *("Confirmed:", "Carla Client", "The command send-confirmation", "none with this mail"),
    ):
        assert said in emma.text, said


def test_every_try_of_every_mail_is_shown_with_its_outcome(
    emma: Browser, world: World, trouble: MakeTrouble
) -> None:
    failed = trouble()
    tries = [
        {"at": f"2026-11-22T10:0{minute}:00+00:00", "outcome": outcome, "cause": cause, "http_status": code,
         "detail": detail}
        for minute, (outcome, cause, code, detail) in enumerate(
            [
                ("not-accepted", "ServiceUnavailable", 503, "Try later."),
                ("unknown", "read-timeout", None, None),
                ("refused", "hard-bounce", 200, "No such <b>box</b>."),
            ]
        )
    ]  # fmt: skip
    add = (
        "INSERT INTO emails (send_id, command_id, appointment_id, kind, recipient, outcome, attempts)"
        " VALUES ({send_id}, :id, :appointment, 'send-confirmation', :to, :outcome, CAST(:tries AS jsonb))"
    )
    given = {"id": failed.command_id, "appointment": failed.appointment_id}
    of_command = f"(SELECT send_id FROM commands WHERE id = {failed.command_id})"
    world.execute(
        add.format(send_id="gen_random_uuid()"),
        **given, to="old@example.com", outcome="refused", tries=json.dumps(tries),
    )  # fmt: skip
    world.execute(
        add.format(send_id=of_command), **given, to="new@example.com", outcome="sending", tries="[]"
    )
    said = emma.open(f"{LIST}/{failed.id}").text
    assert "To new@example.com ↻ sending" in said and "No try has ended yet." in said
    earlier = said[said.index("To old@example.com ✕ refused before it was sent again") :]
    places = [
        earlier.index(words)
        for words in (
            *("✕ not-accepted ServiceUnavailable HTTP 503", "03:00:00 MST", "Try later."),
            *(
                "? unknown read-timeout",
                "03:01:00 MST",
                "✕ refused hard-bounce HTTP 200",
                "No such <b>box</b>.",
            ),
        )
    ]
    assert places == sorted(places), "oldest first"

    world.execute(
        "UPDATE emails SET attempts = CAST(:tries AS jsonb) WHERE recipient = 'old@example.com'",
        tries=json.dumps([tries[0]] * 12),
    )
    assert "7 earlier tries" in emma.open(f"{LIST}/{failed.id}").text


def test_times_are_told_on_the_clocks_of_property_office_and_utc(
    emma: Browser, world: World, trouble: MakeTrouble
) -> None:
    failed = trouble()
    world.execute(
        "UPDATE appointments SET starts_at = '2026-12-04 15:00:00+00', zone_name = 'America/New_York',"
        " office_zone = 'America/Denver', date_start_local = '2026-12-04', time_start_local = '10:00',"
        " date_start_office = '2026-12-04', time_start_office = '08:00'"
    )
    emma.open(f"{LIST}/{failed.id}")
    assert (
        "Property Fri 4 Dec 2026, 10:00 EST Office Fri 4 Dec 2026, 08:00 MST UTC Fri 4 Dec 2026, 15:00 UTC"
        in emma.text
    )


def test_a_report_is_linked_when_sentry_is_known(
    emma: Browser, world: World, trouble: MakeTrouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = trouble()
    world.execute("UPDATE notifications SET sentry_event_id = 'e7e7'")
    assert "e7e7" in emma.open(f"{LIST}/{failed.id}").text
    assert [href for href, _ in emma.page.links if "e7e7" in href] == []
    monkeypatch.setenv("SENTRY_URL", "https://acme.sentry.example/")
    get_settings.cache_clear()
    emma.open(f"{LIST}/{failed.id}")
    assert ("https://acme.sentry.example/issues/?query=e7e7", "e7e7") in emma.page.links
    monkeypatch.undo()
    get_settings.cache_clear()


def test_it_follows_the_mail_until_it_is_decided(emma: Browser, world: World, trouble: MakeTrouble) -> None:
    failed = trouble()

    def refreshes(**headers: str) -> bool:
        emma.open(f"{LIST}/{failed.id}", **headers)
        return any("hx-trigger" in given and given.get("id") == "follow" for _, given in emma.page.tags)

    assert not refreshes()
    emma.press("Resend")
    assert refreshes() and refreshes(HX_Request="true")
    assert "It is being done again" in emma.text
    world.execute(
        "UPDATE commands SET state = 'done', finished_at = now() WHERE id = :id", id=failed.command_id
    )
    world.execute("UPDATE notifications SET state = 'resolved', closed_at = now(), closed_by = 'success'")
    assert not refreshes(HX_Request="true")
    assert "The mail has been sent" in emma.text


def test_the_page_goes_back_to_the_list_as_it_was(emma: Browser, trouble: MakeTrouble) -> None:
    trouble()
    emma.open(f"{LIST}?state=open&severity=high")
    emma.follow("Confirmation to c***@example.com").follow("Back to the list")
    assert emma.address == f"{LIST}?state=open&severity=high"
    emma.open(f"{LIST}/1?back=https://evil.example")
    assert "evil" not in emma.html


# -- what the buttons do


def test_from_the_list_to_a_resent_mail_in_three_clicks(
    emma: Browser, world: World, trouble: MakeTrouble
) -> None:
    failed = trouble()
    before = world.row("SELECT send_id FROM commands WHERE id = :id", id=failed.command_id)
    emma.open(LIST)
    emma.clicks = 0
    emma.follow("Confirmation to c***@example.com").press("Resend")
    assert emma.clicks <= 3
    assert f"Notification {failed.id}: send-confirmation is queued again." in emma.text
    assert "Watch" not in emma.text, "it is watched by this page itself"
    command = world.row("SELECT state, send_id FROM commands WHERE id = :id", id=failed.command_id)
    assert command["state"] == "pending" and command["send_id"] != before["send_id"]
    assert audits(world) == [("Emma Employee", "console", "resend", failed.id)]
    assert "resend by Emma Employee, via console" in emma.text


@pytest.mark.parametrize(("button", "state"), [("Resolve", "resolved"), ("Ignore", "ignored")])
def test_one_is_ended_with_who_and_why(
    emma: Browser, world: World, trouble: MakeTrouble, button: str, state: str
) -> None:
    failed = trouble()
    emma.open(f"{LIST}/{failed.id}").press(button, reason="spoke to her")
    assert f"Notification {failed.id} is {state}." in emma.text
    assert "“spoke to her”" in emma.text
    row = world.row("SELECT state, closed_by FROM notifications")
    assert (row["state"], row["closed_by"]) == (state, "Emma Employee")
    assert audits(world) == [("Emma Employee", "console", button.lower(), failed.id)]


@pytest.mark.parametrize(
    ("button", "state"),
    [("Resend selected", "retrying"), ("Resolve selected", "resolved"), ("Ignore selected", "ignored")],
)
def test_the_chosen_ones_of_a_list_are_dealt_with_at_once(
    emma: Browser, world: World, trouble: MakeTrouble, button: str, state: str
) -> None:
    chosen, left = [trouble().id, trouble(cause="unsub").id], trouble().id
    emma.open(f"{LIST}?state=any").press(button, chosen=(*chosen,))
    assert "2 notifications were" in emma.text
    assert emma.address == f"{LIST}?state=any"
    assert states(world) == {chosen[0]: state, chosen[1]: state, left: "open"}
    action = button.split(maxsplit=1)[0].lower()
    assert audits(world) == [("Emma Employee", "console", action, number) for number in chosen]
    assert "were" not in emma.open(f"{LIST}?state=any").text, "a notice is shown once"


def test_an_incident_stands_for_all_that_hangs_on_it(
    emma: Browser, world: World, trouble: MakeTrouble
) -> None:
    members = [trouble(cause="unsigned") for _ in range(3)]
    number = incident(world, *members)
    assert "3 notifications hang on it: 3 open, 0 retrying, 0 over." in emma.open(f"{LIST}/{number}").text
    emma.press("Resend everything that hangs on it")
    assert "3 notifications hang on it: 0 open, 3 retrying, 0 over." in emma.text
    assert any("hx-trigger" in given for _, given in emma.page.tags), "it follows them"
    assert "3 notifications were queued again" in emma.text
    assert {states(world)[member.id] for member in members} == {"retrying"}


@pytest.mark.parametrize("where", ["list", "page"])
def test_what_may_have_been_sent_is_sent_only_after_a_second_question(
    emma: Browser, world: World, trouble: MakeTrouble, where: str
) -> None:
    sure, doubtful = trouble(cause="unsub"), trouble(doubt=True)
    if where == "list":
        emma.open(LIST).press("Resend selected", chosen=(sure.id, doubtful.id))
        assert "1 notification was queued again" in emma.text or f"Notification {sure.id}: " in emma.text
        assert states(world)[sure.id] == "retrying"
    else:
        emma.open(f"{LIST}/{doubtful.id}").press("Resend")
    assert "may have been sent" in emma.text and emma.address.startswith(f"{LIST}/again")
    assert states(world)[doubtful.id] == "open"
    emma.press("Send again, although it may arrive twice", chosen=())
    assert states(world)[doubtful.id] == "retrying"
    assert f"Notification {doubtful.id}: send-confirmation is queued again." in emma.text


def test_a_corrected_address_gets_the_mail(emma: Browser, world: World, trouble: MakeTrouble) -> None:
    failed = trouble()
    emma.open(f"{LIST}/{failed.id}").press("Correct and resend", email="carla.moreno@example.com")
    assert "queued again, to c***@example.com" in emma.text
    assert "Only this mail goes to the new address" in emma.text
    row = world.row("SELECT recipient, state FROM commands WHERE id = :id", id=failed.command_id)
    assert (row["recipient"], row["state"]) == ("carla.moreno@example.com", "pending")
    assert audits(world) == [("Emma Employee", "console", "correct", failed.id)]


@pytest.mark.parametrize(
    "email", ["nobody", "", "two@example.com, three@example.com", "Carla <c@example.com>"]
)
def test_an_address_that_cannot_be_used_changes_nothing(
    emma: Browser, world: World, trouble: MakeTrouble, email: str
) -> None:
    failed = trouble()
    emma.open(f"{LIST}/{failed.id}").press("Correct and resend", email=email)
    assert "The address was not changed." in emma.text
    assert states(world) == {failed.id: "open"} and audits(world) == []


@pytest.mark.parametrize("email", ["carla@example.com", " Carla@Example.com "])
def test_the_same_address_is_no_correction(
    emma: Browser, world: World, trouble: MakeTrouble, email: str
) -> None:
    failed = trouble(email="carla@example.com")
    emma.open(f"{LIST}/{failed.id}").press("Correct and resend", email=email)
    assert "This is the address that the mail went to. To send it there once more, press Resend." in emma.text
    assert "goes to the new address" not in emma.text
    assert states(world) == {failed.id: "open"} and audits(world) == []
    assert emma.page.form("Resend")


def test_what_cannot_be_done_is_told_for_each(emma: Browser, world: World, trouble: MakeTrouble) -> None:
    fine, under_way = trouble(), trouble(command_state="pending")
    emma.open(LIST).press("Resend selected", chosen=(fine.id, under_way.id))
    assert "1 notification was queued again." in emma.text
    assert f"Notification {under_way.id} has a command that is pending; wait for its outcome." in emma.text


def test_nothing_chosen_is_nothing_done(emma: Browser, world: World, trouble: MakeTrouble) -> None:
    trouble()
    emma.open(LIST).press("Resolve selected")
    assert "Nothing was chosen, so nothing was done." in emma.text
    assert audits(world) == []


@pytest.mark.parametrize(
    "data",
    [
        {"action": "explode", "ids": "1"},
        {"ids": "1"},
        {"action": "resolve", "ids": ["x", "0", "-1", "9" * 30]},
    ],
)
def test_a_form_of_ones_own_making_does_nothing(
    emma: Browser, world: World, trouble: MakeTrouble, data: dict
) -> None:
    trouble()
    token = dict(emma.open(LIST).page.form("Log out").fields)["csrf_token"]
    reply = emma.client.post(f"{LIST}/actions", data={**data, "csrf_token": token})
    assert reply.status_code in (303, 400)
    assert audits(world) == []


# -- what is no mail, and what became of one


def told_of_times(world: World, one: Trouble, status: str, cause: str, key: str) -> int:
    """A notification that the computation of the times opened."""
    return world.insert(
        "INSERT INTO notifications (status, severity, subject_key, cause, message, appointment_id, command_id)"
        " SELECT :status, 'high', :key, :cause, 'It is odd.', :id, id FROM commands"
        " WHERE appointment_id = :id AND kind = 'reconcile-times' RETURNING id",
        status=status,
        key=key,
        cause=cause,
        id=one.appointment_id,
    )


def times_done(world: World) -> None:
    world.execute("UPDATE commands SET state = 'done', finished_at = now() WHERE kind = 'reconcile-times'")


def test_a_double_booking_offers_no_resend_and_leads_to_both_appointments(
    emma: Browser, world: World, trouble: MakeTrouble
) -> None:
    one, other = trouble(), trouble()
    times_done(world)
    pair = (one.appointment_id, other.appointment_id)
    key = f"double-booked:{pair[0]}:{pair[1]}"
    number = told_of_times(world, other, "photographer-double-booked", "overlap", key)
    emma.open(f"{LIST}/{number}")
    assert "A photographer is booked twice" in emma.text and "double-booked: overlap" not in emma.text
    assert "resend" not in {value for form in emma.page.forms for _, value, _ in form.buttons}
    assert "mail ✓ done" not in emma.text
    assert {f"/console/appointments/{each}" for each in pair} <= set(dict(emma.page.links))
    assert "The two: Appointment" in emma.text


def test_a_contradiction_of_times_offers_no_resend(emma: Browser, world: World, trouble: MakeTrouble) -> None:
    one = trouble()
    times_done(world)
    number = told_of_times(world, one, "clock-duration-mismatch", "duration_mismatch", "clock:1:duration")
    emma.open(f"{LIST}/{number}")
    assert "The duration does not fit start and stop" in emma.text
    assert "resend" not in {value for form in emma.page.forms for _, value, _ in form.buttons}


def test_what_has_nothing_to_send_is_left_out_of_a_bulk_with_one_sentence(
    emma: Browser, world: World, trouble: MakeTrouble
) -> None:
    failed = trouble()
    times_done(world)
    others = [
        told_of_times(world, failed, "clock-duration-mismatch", "duration_mismatch", f"clock:1:{n}")
        for n in range(3)
    ]
    emma.open(LIST).press("Resend selected", chosen=(failed.id, *others))
    assert "1 notification was queued again." in emma.text
    assert emma.text.count("nothing to send again") == 1
    assert "3 were left out" in emma.text
    assert {states(world)[number] for number in others} == {"open"}


def delivered(world: World, one: Trouble, event: str) -> None:
    """The mail was accepted, and this was told of it since."""
    world.execute("UPDATE commands SET state = 'done', finished_at = now() WHERE id = :id", id=one.command_id)
    world.execute(
        "INSERT INTO emails (send_id, command_id, appointment_id, kind, recipient, outcome)"
        " SELECT send_id, id, appointment_id, kind, recipient, 'accepted' FROM commands WHERE id = :id",
        id=one.command_id,
    )
    world.execute(
        "INSERT INTO mail_events (provider_id, event, at, send_id, recipient)"
        " SELECT 'p', :event, now(), send_id, recipient FROM commands WHERE id = :id",
        id=one.command_id,
        event=event,
    )


def test_a_complaint_is_not_in_doubt_and_writing_again_is_asked_about(
    emma: Browser, world: World, trouble: MakeTrouble
) -> None:
    one = trouble(cause="spam", doubt=True)
    delivered(world, one, "spam")
    world.execute(
        "UPDATE notifications SET cause_key = 'spam@send-confirmation', failure_class = 'permanent'"
    )
    assert "delivered, then marked as spam" in emma.open(LIST).text
    said = emma.open(f"{LIST}/{one.id}").text
    assert "may have been sent" not in said and "mail ✓ done" not in said and "never take" not in said
    assert "mail ! delivered, then marked as spam" in said
    assert "Reach them another way" in said
    emma.press("Resend")
    assert "The recipient complained" in emma.text and "may have been sent" not in emma.text
    assert states(world)[one.id] == "open"
    emma.press("Write again to whoever complained", chosen=())
    assert states(world)[one.id] == "retrying"


@pytest.mark.parametrize(
    ("event", "words"), [("hard_bounce", "accepted, then bounced"), ("reject", "accepted, then rejected")]
)
def test_a_mail_that_bounced_later_is_not_called_done(
    emma: Browser, world: World, trouble: MakeTrouble, event: str, words: str
) -> None:
    one = trouble()
    delivered(world, one, event)
    said = emma.open(f"{LIST}/{one.id}").text
    assert f"mail ! {words}" in said and "mail ✓ done" not in said


@pytest.mark.parametrize(
    ("cause", "offers_address"),
    [("hard-bounce", True), ("invalid", True), ("unsigned", False), ("Invalid_Key", False), ("rule", False)],
)
def test_another_address_is_offered_only_where_it_would_help(
    emma: Browser, world: World, trouble: MakeTrouble, cause: str, offers_address: bool
) -> None:
    one = trouble(cause=cause)
    world.execute("UPDATE notifications SET failure_class = 'permanent'")
    said = emma.open(f"{LIST}/{one.id}").text
    assert ("Send to another address" in said) is offers_address
    assert ("never take this mail" in said) is offers_address
    assert ("as long as its cause is not mended" in said) is not offers_address


def test_an_incident_on_which_nothing_is_left_offers_no_resend(
    emma: Browser, world: World, trouble: MakeTrouble
) -> None:
    members = [trouble(cause="unsigned", state="resolved") for _ in range(2)]
    number = incident(world, *members)
    world.execute("UPDATE notifications SET state = 'resolved', closed_at = now(), closed_by = 'success'")
    said = emma.open(f"{LIST}/{number}").text
    assert "Resend everything" not in said
    assert "there is nothing to send again through it" in said


# -- the mail


def test_the_mail_is_framed_without_scripts_and_network(emma: Browser, trouble: MakeTrouble) -> None:
    failed = trouble()
    emma.open(f"{LIST}/{failed.id}")
    frames = [given for tag, given in emma.page.tags if tag == "iframe"]
    assert [frame["width"] for frame in frames] == ["642", "362"]
    assert all(frame["sandbox"] == "" and frame["title"] for frame in frames)
    reply = emma.open(frames[0]["src"]).response
    policy = reply.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none';") and "frame-ancestors 'self'" in policy
    assert "script-src" not in policy
    assert "carla" not in policy and "Your appointment is confirmed" in Seen(emma.html).text


@pytest.mark.parametrize("kind", ["confirmation", "assignment", "change", "cancellation"])
def test_any_mail_can_be_looked_at(emma: Browser, world: World, trouble: MakeTrouble, kind: str) -> None:
    photographer = world.photographer()
    failed = trouble(photographer_user_id=photographer.id)
    where = f"/console/appointments/{failed.appointment_id}/mails/{kind}"
    emma.open(where)
    to = photographer.email if kind == "assignment" else "carla@example.com"
    assert to in emma.text and "Subject" in emma.text
    if kind in ("change", "cancellation"):
        assert photographer.email in emma.open(where + "?role=photographer").text


def test_a_mail_that_our_code_cannot_write_leaves_the_page_as_it_is(
    emma: Browser, trouble: MakeTrouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise KeyError("a client's name")

    monkeypatch.setattr("api.console.mails.preview", fails)
    emma.open(f"{LIST}/{trouble().id}")
    assert "Our own code cannot write this mail (KeyError)" in emma.text and "client's name" not in emma.text
    emma.press("Resend")
    assert "is queued again" in emma.text


def test_the_calendar_file_is_a_download(emma: Browser, world: World, trouble: MakeTrouble) -> None:
    failed = trouble()
    world.execute(
        "UPDATE appointments SET starts_at = '2026-12-04 17:00:00+00', zone_name = 'America/Denver',"
        " office_zone = 'America/Denver'"
    )
    reply = emma.open(f"/console/appointments/{failed.appointment_id}/mails/confirmation/calendar").response
    assert reply.mimetype == "text/calendar"
    assert (
        reply.headers["Content-Disposition"]
        == f'attachment; filename="appointment-{failed.appointment_id}.ics"'
    )
    assert reply.data.startswith(b"BEGIN:VCALENDAR")


@pytest.mark.parametrize(
    "path", ["999/mails/confirmation", "1/mails/love-letter", "1/mails/change?role=boss"]
)
def test_a_mail_that_does_not_exist_is_a_page_that_says_so(
    emma: Browser, trouble: MakeTrouble, path: str
) -> None:
    trouble()
    assert emma.open(f"/console/appointments/{path}").response.status_code == 404
    assert "There is no such mail" in emma.text


def test_looking_at_a_mail_loads_nothing_that_could_send_it() -> None:
    script = (
        "import sys, api.app, tasks.letters, tasks.mail.compose;"
        "print(*(name for name in sys.modules if name.startswith(('tasks.', 'celery', 'kombu'))))"
    )
    loaded = set(
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        ).stdout.split()
    )
    assert "tasks.mail.compose" in loaded
    assert not {"tasks.mail.mandrill", "tasks.mail.transport", "tasks.publishing", "celery", "kombu"} & loaded
