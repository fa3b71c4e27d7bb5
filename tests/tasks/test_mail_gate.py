"""A provider that fails again and again: everything waits in order of age, and developers see one incident."""

import pytest

from models import database
from models.command_claims import claim
from models.command_publishing import take_due
from models.command_states import BEGIN_SENDING
from models.provider_gate import (
    FAILURES_THAT_CLOSE,
    FIRST_PAUSE_S,
    PROBES,
    line_s,
    note_failure,
    note_success,
    read_gate,
    reserve,
)
from settings import get_settings
from tasks import mail_gate
from tasks.catalogue import MAIL_PROVIDER
from tasks.mail.outcomes import Accepted, NotAccepted, Outcome, Refused, Unknown
from tasks.sweep import sweep
from tests.tasks.planned import mail_due
from tests.world import World

AWAY = NotAccepted("refused", "Nothing listens there.")
INCIDENT = "SELECT * FROM notifications WHERE status = 'mandrill-unavailable'"


def note(*outcomes: Outcome) -> None:
    """These mails fared so, one after the other."""
    for outcome in outcomes:
        with database.transaction() as connection:
            mail_gate.note(connection, outcome)


def close_gate() -> None:
    """The provider failed as often as it takes."""
    note(*[AWAY] * FAILURES_THAT_CLOSE)


def let_pause_end(world: World) -> None:
    """The time that the gate stays closed is over."""
    world.execute("UPDATE provider_gates SET closed_until = now() - interval '1 ms'")


@pytest.mark.parametrize(
    "failure", [AWAY, Unknown("read-timeout", "Silence.")], ids=["not accepted", "unknown"]
)
def test_failures_in_a_row_close_the_gate_and_make_one_incident(world: World, failure: Outcome) -> None:
    note(*[failure] * (FAILURES_THAT_CLOSE - 1))
    assert world.rows(INCIDENT) == []
    note(*[failure] * 20)
    (incident,) = world.rows(INCIDENT)
    assert (incident["state"], incident["severity"]) == ("open", "critical")


@pytest.mark.parametrize(
    "sign_of_life",
    [
        Accepted("id", "sent"),
        Refused("invalid", "No such mailbox.", ""),
        NotAccepted("soft-bounce", "Full.", 3600, about_recipient=True),
    ],
    ids=["accepted", "refused", "soft bounce"],
)
def test_any_word_about_the_mail_itself_shows_that_the_provider_works(
    world: World, sign_of_life: Outcome
) -> None:
    for _ in range(3):
        note(*[AWAY] * (FAILURES_THAT_CLOSE - 1), sign_of_life)
    assert world.rows(INCIDENT) == []


def test_while_it_is_closed_no_mail_is_published_or_taken(world: World, broker) -> None:
    command_id = mail_due(world).commands["send-confirmation"]
    close_gate()
    assert sweep().published == 0
    assert broker.llen("mail") == 0
    with database.transaction() as connection:
        assert claim(connection, command_id, "send-confirmation", BEGIN_SENDING, 60, MAIL_PROVIDER) is None


def test_after_the_pause_a_few_probes_go_out_oldest_first(world: World, broker) -> None:
    mails = [mail_due(world).commands["send-confirmation"] for _ in range(PROBES + 3)]
    world.execute("UPDATE commands SET available_at = now() - make_interval(secs => 1000 - id)")
    close_gate()
    let_pause_end(world)
    assert sweep().published == PROBES
    published = world.rows("SELECT id FROM commands WHERE published_at IS NOT NULL ORDER BY id")
    assert [row["id"] for row in published] == mails[:PROBES]


def test_the_first_success_opens_it_and_ends_the_incident(world: World, broker) -> None:
    mails = [mail_due(world) for _ in range(PROBES + 3)]
    close_gate()
    let_pause_end(world)
    note(Accepted("id", "sent"))
    (incident,) = world.rows(INCIDENT)
    assert (incident["state"], incident["closed_by"]) == ("resolved", "success")
    assert sweep().published == len(mails)


def test_each_failed_probe_doubles_the_pause_up_to_a_minute(world: World) -> None:
    pauses = []
    for number in range(FAILURES_THAT_CLOSE + 8):
        with database.transaction() as connection:
            note_failure(connection, MAIL_PROVIDER)
        row = world.row("SELECT extract(epoch FROM closed_until - now())::float AS left FROM provider_gates")
        if number >= FAILURES_THAT_CLOSE - 1:
            pauses.append(round(row["left"]))
            let_pause_end(world)
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60, 60]


def test_mails_that_were_under_way_when_it_closed_are_no_probes(world: World) -> None:
    close_gate()
    note(*[AWAY] * 50)
    row = world.row("SELECT extract(epoch FROM closed_until - now())::float AS left FROM provider_gates")
    assert row["left"] == pytest.approx(FIRST_PAUSE_S, abs=1)


def test_messages_that_came_while_it_was_closed_are_sent_again_when_it_opens(world: World, broker) -> None:
    mails = [mail_due(world).commands["send-confirmation"] for _ in range(5)]
    assert sweep().published == len(mails)
    close_gate()
    let_pause_end(world)
    note(Accepted("id", "sent"))
    assert sweep().published == len(mails)
    assert sweep().published == 0


def test_a_single_failure_and_a_success_send_no_message_twice(world: World, broker) -> None:
    mail_due(world)
    assert sweep().published == 1
    note(AWAY, Accepted("id", "sent"))
    assert sweep().published == 0


def test_a_provider_that_names_a_wait_gets_it(world: World) -> None:
    note(*[AWAY] * (FAILURES_THAT_CLOSE - 1), NotAccepted("RequestLimitExceeded", "Slow down.", 30))
    row = world.row("SELECT extract(epoch FROM closed_until - now())::float AS left FROM provider_gates")
    assert row["left"] == pytest.approx(30, abs=2)


def test_success_without_trouble_writes_nothing(world: World) -> None:
    with database.transaction() as connection:
        assert not note_success(connection, MAIL_PROVIDER)
        assert not read_gate(connection, MAIL_PROVIDER).is_closed
    assert world.rows("SELECT * FROM provider_gates") == []


def test_the_pace_gives_each_mail_its_turn(world: World) -> None:
    waits = []
    for _ in range(4):
        with database.transaction() as connection:
            waits.append(reserve(connection, MAIL_PROVIDER, rate_per_s=10, longest_s=5))
    assert waits == pytest.approx([0, 0.1, 0.2, 0.3], abs=0.05)


def test_who_is_sent_away_from_a_long_line_does_not_make_it_longer(world: World) -> None:
    """Else everybody would be sent away in the end, and nobody served."""
    waits = []
    for _ in range(50):
        with database.transaction() as connection:
            waits.append(reserve(connection, MAIL_PROVIDER, rate_per_s=1, longest_s=3))
    assert waits[4:] == [None] * 46
    with database.transaction() as connection:
        assert line_s(connection, MAIL_PROVIDER) <= 4


def test_a_mail_that_finds_the_line_too_long_is_as_before(world: World) -> None:
    command_id = mail_due(world).commands["send-confirmation"]
    world.execute(
        "INSERT INTO provider_gates (name, next_send_at) VALUES ('mandrill', now() + interval '1 hour')"
    )
    columns = "SELECT state, attempts, available_at, published_at FROM commands WHERE id = :id"
    before = world.row(columns, id=command_id)
    with database.transaction() as connection:
        claimed = claim(connection, command_id, "send-confirmation", BEGIN_SENDING, 60, MAIL_PROVIDER)
    assert claimed is not None
    assert mail_gate.take_turn(claimed, get_settings().model_copy(update={"mail_rate_per_s": 10})) is False
    assert world.row(columns, id=command_id) == before


def test_no_more_is_published_than_the_pace_has_places_for(
    world: World, broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_RATE_PER_S", "0.2")
    get_settings.cache_clear()
    for _ in range(5):
        mail_due(world)
    assert sweep().published == 2  # ten seconds' worth
    with database.transaction() as connection:
        while reserve(connection, MAIL_PROVIDER, 0.2, 10) is not None:
            pass
    world.execute(
        "UPDATE commands SET published_at = now() - interval '1 hour' WHERE published_at IS NOT NULL"
    )
    assert sweep().published == 0
    monkeypatch.undo()
    get_settings.cache_clear()


def test_while_the_provider_is_tried_again_only_a_few_mails_are_risked(world: World) -> None:
    """Messages from before the trouble, and new ones, come to the workers as well as the probes."""
    mails = [mail_due(world).commands["send-confirmation"] for _ in range(PROBES + 3)]
    close_gate()
    let_pause_end(world)
    claims = []
    for command_id in mails:
        with database.transaction() as connection:
            claims.append(
                claim(connection, command_id, "send-confirmation", BEGIN_SENDING, 60, MAIL_PROVIDER)
            )
    assert [taken is not None for taken in claims] == [True] * PROBES + [False] * 3


def test_a_backlog_stays_in_the_table_and_out_of_the_broker(world: World) -> None:
    for _ in range(5):
        mail_due(world)
    with database.transaction() as connection:
        assert len(take_due(connection, 200, room=3)) == 3
        assert take_due(connection, 200, room=3) == []
