"""The words for notifications: every status and every cause that the code knows has a title of its own."""

from typing import get_args

import pytest

from models import notifications
from models.clock.discrepancies import Kind
from models.notification_words import CAUSE_TITLES, STATUS_TITLES, standing, title
from tasks.clock_notices import HINTS as CLOCK_HINTS
from tasks.mail.hints import HINTS

FAILED = notifications.MANDRILL_EMAIL_FAILED


def test_every_status_has_a_title() -> None:
    of_models = {
        value for name, value in vars(notifications).items() if name.isupper() and isinstance(value, str)
    }
    of_clocks = {"clock-" + kind.replace("_", "-") for kind in get_args(Kind)}
    assert STATUS_TITLES.keys() == of_models | of_clocks


def test_every_cause_that_has_a_hint_has_a_title() -> None:
    assert not HINTS.keys() - CAUSE_TITLES.keys()
    assert CLOCK_HINTS.keys() == set(get_args(Kind))


def test_no_title_is_a_name_for_machines() -> None:
    for words in (*STATUS_TITLES.values(), *CAUSE_TITLES.values()):
        assert " " in words and "_" not in words


@pytest.mark.parametrize(
    ("status", "cause", "key", "said"),
    [
        (FAILED, "hard-bounce", None, "The mailbox does not exist"),
        (FAILED, "new-in-2027", None, "A mail failed: new-in-2027"),
        (FAILED, "spam", "rejected/spam@send-change", "The recipient marked an earlier mail as spam"),
        (FAILED, "spam", "spam@send-change", "The mail was delivered, and the recipient marked it as spam"),
        (notifications.MAIL_INCIDENT, "unsigned", None, "Our domain is not authenticated"),
        (
            notifications.MANDRILL_EMAIL_HELD,
            "sending-paused",
            None,
            "Mandrill holds mails back: sending is paused",
        ),
        (notifications.PHOTOGRAPHER_DOUBLE_BOOKED, "overlap", None, "A photographer is booked twice"),
    ],
)
def test_a_title_says_what_happened(status: str, cause: str, key: str | None, said: str) -> None:
    assert title(status, cause, key) == said


@pytest.mark.parametrize(
    ("cause", "key", "said"),
    [
        ("hard-bounce", None, "never take"),
        ("unsigned", None, "as long as its cause is not mended"),
        ("Invalid_Key", None, "as long as its cause is not mended"),
        ("spam", "spam@send-change", "has the mail"),
    ],
)
def test_how_it_stands_fits_the_cause(cause: str, key: str | None, said: str) -> None:
    assert said in standing(FAILED, cause, None, key, "permanent")
