"""A mail in doubt while Mandrill's search lags, against the sandbox: no second mail as long as the lag can be seen."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.notifications import UNFINISHED
from settings import get_settings
from tasks.catalogue import SEND_CONFIRMATION
from tasks.send_mail import mandrill, send_mail
from tests.sandbox.mandrill.conftest import Sandbox
from tests.tasks.planned import Planned, command_row, mail_due, make_due
from tests.world import World


@pytest.fixture
def sandbox(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    running = Sandbox(tmp_path / "mails.db")
    monkeypatch.setenv("MANDRILL_URL", f"{running.url}/api/1.0")
    monkeypatch.setenv("MANDRILL_API_KEY", "sandbox-key")
    get_settings.cache_clear()
    mandrill.cache_clear()
    yield running
    running.stop()
    monkeypatch.undo()
    get_settings.cache_clear()
    mandrill.cache_clear()


def run(planned: Planned) -> str:
    """What the command's state is after it was due once."""
    command = planned.commands["send-confirmation"]
    make_due(command)
    send_mail(SEND_CONFIRMATION, command)
    return str(command_row(command)["state"])


def mails_to(sandbox: Sandbox, planned: Planned) -> int:
    recipient = command_row(planned.commands["send-confirmation"])["recipient"]
    return int(sandbox.json("/inbox.json", to=recipient)["count"])


def test_a_mail_that_the_index_does_not_show_yet_is_not_sent_again(world: World, sandbox: Sandbox) -> None:
    planned = mail_due(world, world.order(client_email="fault+reset-after*1.lag@example.com"))
    sandbox.post("/admin/behaviour", search_lag_s=600)
    assert run(planned) == "unknown"
    assert run(mail_due(world)) == "done"
    for _ in range(5):
        assert run(planned) == "unknown"
    assert mails_to(sandbox, planned) == 1
    sandbox.post("/admin/behaviour", search_lag_s=0)
    assert run(planned) == "done"
    assert mails_to(sandbox, planned) == 1
    assert not [one for one in world.notifications(planned.id) if one["state"] in UNFINISHED]


def test_a_mail_that_an_index_without_lag_does_not_show_is_sent_after_two_questions(
    world: World, sandbox: Sandbox
) -> None:
    planned = mail_due(world, world.order(client_email="fault+500-json*1.lag@example.com"))
    assert run(planned) == "unknown"
    assert run(mail_due(world)) == "done"
    assert (run(planned), run(planned)) == ("unknown", "done")
    assert mails_to(sandbox, planned) == 1
