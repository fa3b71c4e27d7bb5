"""The text of every mail, word for word.

After a change on purpose, `UPDATE_SNAPSHOTS=1 make test ARGS=tests/tasks/mail/test_snapshots.py` writes them anew;
then read the diff.
"""

import os
from pathlib import Path

import pytest

from tests.tasks.mail.letters import CASES, a_mail

SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.mark.parametrize("name", CASES)
def test_the_text_is_the_one_that_was_agreed(name: str):
    mail = a_mail(**CASES[name])
    files = "".join(f"\nAttached: {each.name}, {each.content_type}" for each in mail.attachments)
    shown = f"Subject: {mail.subject}{files}\n\n{mail.text}"
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        SNAPSHOTS.mkdir(exist_ok=True)
        path.write_text(shown)
    assert path.read_text() == shown


def test_no_snapshot_is_left_over():
    assert {path.stem for path in SNAPSHOTS.iterdir()} == CASES.keys()
