"""`flask mail preview`: every kind, as HTML, text and calendar file, without sending."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.tasks.mail.rfc5545 import read_event
from tests.tasks.planned import Planned, mail_due
from tests.world import World

Run = Callable[..., Result]


@pytest.fixture
def planned(database: None, world: World) -> Planned:
    photographer = world.photographer("Robin Lens")
    return mail_due(world, world.order(), confirmed=True, photographer_user_id=photographer.id)


def preview(run: Run, kind: str, planned: Planned, *more: object) -> Result:
    return run("mail", "preview", kind, "--appointment", planned.id, *more)


@pytest.mark.parametrize(
    ("kind", "heading"),
    [
        ("confirmation", "Your appointment is confirmed"),
        ("send-confirmation", "Your appointment is confirmed"),
        ("confirmed", "Your appointment is confirmed"),
        ("request", "We have your request"),
        ("assignment", "You have an appointment"),
        ("send-assignment", "You have an appointment"),
        ("change", "Your appointment has changed"),
        ("Changed", "Your appointment has changed"),
        ("cancellation", "Your appointment is cancelled"),
        ("cancelled", "Your appointment is cancelled"),
    ],
)
def test_every_kind_by_any_of_its_names(run: Run, planned: Planned, kind: str, heading: str) -> None:
    shown = preview(run, kind, planned, "--out", "-")
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.startswith("<!DOCTYPE html>")
    assert f"{heading}</h1>" in shown.stdout


def test_the_name_of_the_file_decides_what_is_written(run: Run, planned: Planned, tmp_path: Path) -> None:
    for name in ("mail.html", "mail.TXT", "mail.ics"):
        written = preview(run, "cancelled", planned, "--out", tmp_path / name)
        assert written.exit_code == 0, written.stderr
        assert written.stdout == ""
        assert "Cancelled: Thu, Dec 3, 2026, 9:00 AM MST" in written.stderr
    assert (tmp_path / "mail.html").read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "mail.TXT").read_text().startswith("Your appointment is cancelled\n")
    calendar, event = read_event((tmp_path / "mail.ics").read_bytes())
    assert (calendar["METHOD"].value, event["STATUS"].value) == ("CANCEL", "CANCELLED")


def test_standard_output_takes_a_format_and_a_role(run: Run, planned: Planned) -> None:
    shown = preview(run, "cancelled", planned, "--format", "txt", "--to", "photographer")
    assert "Hello Robin Lens," in shown.stdout
    assert "Please do not go there" in shown.stdout


def test_nothing_is_written_down_or_sent(run: Run, planned: Planned, world: World) -> None:
    before = world.rows("SELECT * FROM commands")
    preview(run, "confirmation", planned)
    assert world.rows("SELECT * FROM commands") == before
    assert world.rows("SELECT * FROM emails") == []


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["confirmation", "--appointment", 999_999], 1, "There is no appointment 999999."),
        (["request", "--format", "ics"], 1, "This mail has no calendar file"),
        (["birthday"], 2, "is no kind of mail; the kinds are confirmation"),
        (["confirmation", "--out", "mail.pdf"], 2, "ends in .html, .txt or .ics"),
        (["confirmation", "--out", "/nowhere/at/all.html"], 1, "cannot be written: No such file"),
    ],
    ids=["no appointment", "no calendar file", "no kind", "no format", "no directory"],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    run: Run, planned: Planned, arguments: list[object], status: int, sentence: str
) -> None:
    if "--appointment" not in arguments:
        arguments = [*arguments, "--appointment", planned.id]
    failed = run("mail", "preview", *arguments)
    assert failed.exit_code == status
    assert sentence in " ".join(failed.stderr.split())
    assert "Traceback" not in failed.stderr
