"""The queues tab and the banner: counts, lists, retrying and dropping, and who is told to be silent."""

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from api import health
from api.console.queues_broker import read_broker
from api.console.silence import watch
from models import heartbeats
from models.command_board import sentences
from models.command_counts import count_commands
from models.command_states import State
from models.database import transaction
from models.heartbeats import SILENT_AFTER_S
from settings import get_settings
from tests.console.conftest import Browser, Trouble
from tests.tasks.mail.wire_server import unused_port
from tests.world import World

BOARD, LIST = "/console/queues", "/console/queues/commands"
ROLES = {"relay-1": "relay", "worker-clocks-1": "worker", "worker-mail-1": "worker", "beat": "beat"}
MakeTrouble = Callable[..., Trouble]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees what another one's round found; and on a busy machine a round takes its time."""
    monkeypatch.setattr("api.console.silence.PATIENCE_S", 10)
    yield
    watch.forget()
    health.readiness.forget()


@pytest.fixture
def lively(world: World) -> None:
    """Every background process was heard of."""
    with world.engine.begin() as connection:
        for name, kind in ROLES.items():
            heartbeats.beat(connection, name=f"{name}@host", kind=kind, pid=7, release="2026.11")


@pytest.fixture
def told(emma: Browser, world: World) -> Callable[[], list[str]]:
    """What the banner says now."""

    def look() -> list[str]:
        watch.forget()
        health.readiness.forget()
        emma.open(BOARD)
        found = re.search(r'<div class="banners".*?</div>', emma.html, re.S)
        assert found is not None
        return [
            " ".join(re.sub(r"<.*?>", " ", one).split())
            for one in re.findall(r"<p>(.*?)</p>", found[0], re.S)
        ]

    return look


def silence(world: World, name: str, age_s: float = SILENT_AFTER_S + 5) -> None:
    world.execute(
        "UPDATE heartbeats SET beat_at = now() - make_interval(secs => :age) WHERE name = :name",
        name=f"{name}@host",
        age=age_s,
    )


def listed(browser: Browser) -> list[int]:
    return [int(number) for number in re.findall(r'<tr id="c-(\d+)"', browser.html)]


# -- the board


def test_the_matrix_counts_by_kind_and_state_and_leaves_the_archive_out(
    emma: Browser, trouble: MakeTrouble, world: World
) -> None:
    made = [trouble() for _ in range(4)]
    for one, due_s in zip(made[:2], (-90, 3600), strict=True):
        world.execute(
            "UPDATE commands SET state = 'pending', available_at = now() + make_interval(secs => :due) WHERE id = :id",
            due=due_s,
            id=one.command_id,
        )
    world.execute("UPDATE commands SET state = 'done' WHERE kind = 'reconcile-times'")
    world.execute(
        "WITH gone AS (DELETE FROM commands WHERE kind = 'reconcile-times' AND appointment_id = :id RETURNING *)"
        " INSERT INTO commands_archive SELECT * FROM gone",
        id=made[0].appointment_id,
    )
    with transaction() as connection:
        counts = count_commands(connection)
    times, mails = counts.kinds
    assert counts.is_whole
    assert (times.kind, times.states, times.oldest_at) == ("reconcile-times", {State.DONE: 3}, None)
    assert mails.states == {State.PENDING: 2, State.FAILED: 2}
    assert (mails.due, mails.overdue, mails.most_attempts) == (1, 1, 3)
    assert mails.next_at is not None
    assert mails.due_since is not None
    assert mails.next_at > mails.due_since
    page = emma.open(BOARD).page
    links = dict(page.links)
    assert links[f"{LIST}?kind=send-confirmation&state=failed"] == "2"
    assert links[f"{LIST}?kind=send-confirmation&state=pending"] == "2"
    assert links[f"{LIST}?kind=reconcile-times&state=done"] == "3"
    assert "in the archive, and not counted" in page.text
    assert "send-cancellation" in page.text, "kinds of which there are none are shown too"


def test_the_board_names_processes_gate_pace_and_flower(
    emma: Browser, world: World, lively: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence(world, "worker-mail-1")
    world.execute(
        "INSERT INTO provider_gates (name, failures, closed_until) VALUES ('mandrill', 12, now() + interval '1 minute')"
    )
    monkeypatch.setenv("FLOWER_URL", "https://flower.example.com/flower")
    monkeypatch.setenv("MAIL_RATE_PER_S", "25")
    get_settings.cache_clear()
    try:
        page = emma.open(BOARD).page
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    assert "worker-mail-1 worker on host, pid 7 ✕ silent 35 seconds ago 2026.11" in page.text
    assert page.text.count("✓ works") == 3
    assert "‖ closed until" in page.text
    assert "after 12 failures in a row" in page.text
    assert "At most 25 mails a second" in page.text
    assert ("https://flower.example.com/flower", "Open Flower") in page.links


def test_redis_is_asked_for_both_lists_of_each_queue(emma: Browser, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.delete("mail", "mail\x06\x169", "unacked")
        client.rpush("mail", "a", "b")
        client.rpush("mail\x06\x169", "c")
        client.hset("unacked", "tag", "d")
        try:
            state = read_broker(redis_url)
            text = emma.open(BOARD).text
        finally:
            client.delete("mail", "mail\x06\x169", "unacked")
    assert (state.name, state.answers, state.taken) == ("Redis", True, 1)
    assert state.lengths is not None
    assert [(one.first, one.repeats) for one in state.lengths if one.queue == "mail"] == [(2, 1)]
    assert "mail 2 1 1 message is in workers’ hands" in text


@pytest.mark.parametrize(
    ("scheme", "said"), [("redis", "Redis ✕ does not answer"), ("amqp", "RabbitMQ ✕ does not answer")]
)
def test_a_broker_that_is_away_is_said(
    emma: Browser, monkeypatch: pytest.MonkeyPatch, scheme: str, said: str
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", f"{scheme}://someone:secret@127.0.0.1:{unused_port()}/0")
    get_settings.cache_clear()
    try:
        emma.open(BOARD)
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    assert emma.response.status_code == 200
    assert said in emma.text
    assert "secret" not in emma.html
    assert "127.0.0.1:" not in emma.text


# -- the list and one command


def test_the_list_is_filtered_ordered_and_paged_by_its_address(
    emma: Browser, trouble: MakeTrouble, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [trouble(email="carla@example.com").command_id for _ in range(5)]
    for attempts, number in enumerate(made):
        world.execute("UPDATE commands SET attempts = :n WHERE id = :id", n=attempts, id=number)
    monkeypatch.setattr("api.console.queues.list_commands.__defaults__", (None, 2))
    emma.open(f"{LIST}?kind=send-confirmation&state=failed&order=attempts")
    seen = listed(emma)
    while any(text == "More" for _, text in emma.page.links):
        seen += listed(emma.follow("More"))
    assert seen == made[::-1]
    assert "c***@example.com" in emma.text
    assert "carla@" not in emma.html
    assert listed(emma.open(f"{LIST}?state=running")) == []
    assert "No command is like this" in emma.text
    assert emma.open(f"{LIST}?cursor=nonsense").response.status_code == 400
    emma.open(f"{LIST}?state=nonsense&appointment=x")
    assert "The filter “state” was left out" in emma.text
    assert "an id is a whole number above 0" in emma.text


def test_what_has_a_next_attempt_comes_before_what_has_none(
    emma: Browser, trouble: MakeTrouble, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed, due, later = (trouble().command_id for _ in range(3))
    for number, due_s in ((due, -60), (later, 3600)):
        world.execute(
            "UPDATE commands SET state = 'pending', available_at = now() + make_interval(secs => :due) WHERE id = :id",
            due=due_s,
            id=number,
        )
    monkeypatch.setattr("api.console.queues.list_commands.__defaults__", (None, 1))
    seen = listed(emma.open(f"{LIST}?kind=send-confirmation"))
    while any(text == "More" for _, text in emma.page.links):
        seen += listed(emma.follow("More"))
    assert seen == [due, later, failed]
    assert "the oldest due 60 seconds ago" in emma.open(BOARD).text.replace("61", "60").replace("62", "60")


def test_no_state_is_explained_with_the_name_of_a_column() -> None:
    assert not [sentence for sentence in sentences().values() if "`" in sentence or "_" in sentence]


def test_a_command_that_is_in_no_queue_is_not_called_never_published(
    emma: Browser, trouble: MakeTrouble, world: World
) -> None:
    one = trouble()
    world.execute("UPDATE commands SET attempts = 9, published_at = NULL WHERE id = :id", id=one.command_id)
    assert "Published last not waiting in the queue now" in emma.open(f"{LIST}/{one.command_id}").text


def test_one_command_shows_its_state_in_words_its_mails_and_tries(
    emma: Browser, trouble: MakeTrouble, world: World
) -> None:
    one = trouble()
    world.execute(
        "INSERT INTO emails (send_id, command_id, appointment_id, kind, recipient, outcome, cause, attempts)"
        " SELECT send_id, id, appointment_id, kind, recipient, 'refused', 'hard-bounce', CAST(:tries AS jsonb)"
        " FROM commands WHERE id = :id",
        id=one.command_id,
        tries='[{"at": "2026-11-22T15:00:00+00:00", "outcome": "not-accepted", "cause": "http-503",'
        ' "http_status": 503, "detail": null}]',
    )
    text = emma.open(f"{LIST}/{one.command_id}").text
    assert "Failed: It cannot be done without a person; a notification says why." in text
    assert "carla@example.com" in text
    assert "✕ not-accepted http-503 HTTP 503" in text
    assert f"/console/notifications/{one.id}" in dict(emma.page.links)
    assert emma.open(f"{LIST}/999999").response.status_code == 404


# -- actions


def test_a_failed_mail_is_retried_from_its_page_and_the_page_says_who_did_it(
    emma: Browser, trouble: MakeTrouble, world: World
) -> None:
    one = trouble()
    emma.open(f"{LIST}/{one.command_id}").press("Retry now")
    assert f"Command {one.command_id} is queued again." in emma.text
    assert "retry by Emma Employee, via console, while it was failed" in emma.text
    assert world.row("SELECT state FROM notifications")["state"] == "retrying"


def test_many_are_retried_at_once_and_what_may_have_been_sent_is_asked_about(
    emma: Browser, trouble: MakeTrouble, world: World
) -> None:
    failed, doubtful = trouble(), trouble(command_state="unknown")
    emma.open(LIST).press("Retry selected now", chosen=(failed.command_id, doubtful.command_id))
    assert "This mail may have been sent" in emma.text
    assert f"Command {failed.command_id} is queued again." in emma.text
    state = "SELECT state FROM commands WHERE id = :id"
    assert world.row(state, id=doubtful.command_id)["state"] == "unknown"
    emma.press("Send again, although it may arrive twice", chosen=(doubtful.command_id,))
    assert world.row(state, id=doubtful.command_id)["state"] == "pending"


def test_a_mail_is_dropped_with_a_reason_and_times_are_not(
    emma: Browser, trouble: MakeTrouble, world: World
) -> None:
    one = trouble()
    times = world.commands(one.appointment_id)["reconcile-times"]["id"]
    emma.open(LIST).press("Drop selected", chosen=(one.command_id,), reason="the client called")
    assert f"Command {one.command_id} is dropped; its notification is ignored." in emma.text
    emma.open(f"{LIST}/{one.command_id}")
    assert "drop by Emma Employee, via console, while it was failed: “the client called”" in emma.text
    emma.open(f"{LIST}/{times}")
    assert "It cannot be dropped" in emma.text
    assert "Drop" not in {text for form in emma.page.forms for _, _, text in form.buttons}


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        ({"action": "drop"}, 303, "Nothing was chosen"),
        ({"action": "explode", "ids": "1"}, 400, "did not say what to do"),
        ({"action": "drop", "ids": [str(number) for number in range(1, 202)]}, 303, "At most 200 at once"),
    ],
)
def test_odd_forms_change_nothing(emma: Browser, data: dict[str, Any], status: int, said: str) -> None:
    token = dict(emma.open(LIST).page.form("Log out").fields)["csrf_token"]
    reply = emma.client.post(f"{LIST}/actions", data={**data, "csrf_token": token})
    assert reply.status_code == status
    assert said in (emma.open(LIST).text if status == 303 else reply.get_data(as_text=True))


def test_nobody_gets_in_without_a_log_in_nor_acts_without_our_token(
    stranger: Browser, emma: Browser, trouble: MakeTrouble, world: World
) -> None:
    one = trouble()
    for address in (BOARD, LIST, f"{LIST}/{one.command_id}", "/console/banners"):
        assert stranger.open(address).address.startswith("/console/login")
    for browser in (stranger, emma):
        browser.client.post(f"{LIST}/actions", data={"action": "drop", "ids": str(one.command_id)})
    assert world.row("SELECT state FROM commands WHERE id = :id", id=one.command_id)["state"] == "failed"


# -- the banner


def test_with_everybody_heard_of_there_is_no_banner(told: Callable[[], list[str]], lively: None) -> None:
    assert told() == []


@pytest.mark.parametrize(
    ("name", "meanwhile"),
    [
        ("relay-1", "mails go out some seconds late"),
        ("beat", "the relay sweeps alone"),
        ("worker-clocks-1", "new appointments get no times"),
        ("worker-mail-1", "mails wait in the database"),
    ],
)
def test_whoever_is_silent_is_named_until_they_are_heard_of_again(
    told: Callable[[], list[str]], lively: None, world: World, name: str, meanwhile: str
) -> None:
    silence(world, name, SILENT_AFTER_S - 5)
    assert told() == []
    silence(world, name)
    [sentence] = told()
    role = name.removesuffix("-1")
    assert re.fullmatch(
        rf"! {role} on host is silent since [\d:]+ \w+: {meanwhile}.*What there is to know", sentence
    )
    silence(world, name, 0)
    assert told() == []


def test_one_of_several_of_a_role_is_no_alarm_and_all_of_them_are(
    told: Callable[[], list[str]], lively: None, world: World, emma: Browser
) -> None:
    with world.engine.begin() as connection:
        heartbeats.beat(connection, name="worker-mail-2@other", kind="worker", pid=8, release="2026.11")
    silence(world, "worker-mail-1")
    assert told() == []
    assert "others do its work" in emma.text
    world.execute(
        "UPDATE heartbeats SET beat_at = beat_at - interval '1 minute' WHERE name LIKE 'worker-mail%'"
    )
    [sentence] = told()
    assert "All 2 of worker-mail are silent since" in sentence


def test_what_was_never_heard_of_is_named_by_its_kind(
    told: Callable[[], list[str]], lively: None, world: World
) -> None:
    world.execute("DELETE FROM heartbeats WHERE kind = 'beat'")
    [sentence] = told()
    assert "No beat was heard of for a day" in sentence


def test_a_broker_that_is_away_is_in_the_banner(
    told: Callable[[], list[str]], lively: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", f"redis://:secret@127.0.0.1:{unused_port()}/0")
    get_settings.cache_clear()
    try:
        [sentence] = told()
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    assert re.search(
        r"The broker does not answer, since about \d\d:\d\d: commands wait in the database\.", sentence
    )


def test_an_older_schema_is_in_the_banner(told: Callable[[], list[str]], lively: None, world: World) -> None:
    head = world.row("SELECT version_num FROM alembic_version")["version_num"]
    world.execute("UPDATE alembic_version SET version_num = :v", v=sorted(health._older_revisions())[0])
    try:
        [sentence] = told()
    finally:
        world.execute("UPDATE alembic_version SET version_num = :v", v=head)
    assert "run `alembic upgrade head`" in sentence


@pytest.mark.parametrize(
    ("change", "is_missed"),
    [
        (
            "state = 'sending', lease_token = gen_random_uuid(), lease_until = now() - interval '2 minutes'",
            True,
        ),
        ("state = 'sending', lease_token = gen_random_uuid(), lease_until = now() + interval '9 s'", False),
        ("state = 'pending', attempts = 0, available_at = now() - interval '2 minutes'", True),
        (
            "state = 'pending', attempts = 0, available_at = now() - interval '2 minutes', published_at = now()",
            False,
        ),
        ("state = 'pending', attempts = 1, available_at = now() - interval '2 minutes'", False),
        ("state = 'pending', attempts = 0, available_at = now() - interval '9 s'", False),
    ],
)
def test_a_sweep_that_does_not_pass_is_noticed_by_what_it_leaves(
    told: Callable[[], list[str]],
    lively: None,
    trouble: MakeTrouble,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    is_missed: bool,
) -> None:
    monkeypatch.setattr("api.console.silence.PERSISTENT_AFTER_S", 0.0)
    number = trouble().command_id
    world.execute("UPDATE commands SET state = 'done' WHERE kind = 'reconcile-times'")
    world.execute(f"UPDATE commands SET {change} WHERE id = :id", id=number)
    assert any("No sweep has passed since" in one for one in told()) is is_missed


def test_a_closed_gate_is_no_missing_sweep(
    told: Callable[[], list[str]],
    lively: None,
    trouble: MakeTrouble,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.console.silence.PERSISTENT_AFTER_S", 0.0)
    trouble()
    world.execute("UPDATE commands SET state = 'done' WHERE kind = 'reconcile-times'")
    world.execute(
        "UPDATE commands SET state = 'pending', attempts = 0, available_at = now() - interval '1 h'"
        " WHERE state = 'failed'"
    )
    world.execute("INSERT INTO provider_gates (name, failures) VALUES ('mandrill', 10)")
    assert told() == []


def test_a_round_that_hangs_holds_no_page_up(
    emma: Browser, lively: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.console.silence.PATIENCE_S", 0.01)
    is_over = threading.Event()
    monkeypatch.setattr(health.readiness, "checks", lambda: is_over.wait(20) and [])
    watch.forget()
    try:
        emma.open(LIST)
        assert emma.response.status_code == 200
        assert watch._round is not None
        assert not watch._round.done()
    finally:
        is_over.set()


def test_the_banner_refreshes_itself_by_a_part_of_the_page(emma: Browser, lively: None, world: World) -> None:
    silence(world, "beat")
    emma.open("/console/banners", HX_Request="true")
    assert emma.html.lstrip().startswith('<div class="banners" id="banners"')
    assert "beat on host is silent since" in emma.text
    assert (f"{BOARD}#processes", "What there is to know") in emma.page.links
