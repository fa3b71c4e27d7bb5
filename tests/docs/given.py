"""What the examples of the documents take for granted: the records that they name, and addresses of this machine."""

import contextlib
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.docs.pages import Block, blocks
from tests.stack import ROOT, Stack

HERE = {"127.0.0.1:8000": "url", "127.0.0.1:8025": "mandrill_url"}
"""Addresses of `make run`, and where the test's own are."""

APPOINTMENT, COMMANDS, NOTIFICATIONS, TOKEN = 1042, (812, 813), (12, 13), "3f9c2b7a41d05e86"
"""The ids in the examples of the command line."""

CASE = {
    "id": "nine in Denver",
    "input": {
        "params": {
            "updated_at_mt": "2026-11-20 10:00:00",
            "date_start_local": "2026-12-03",
            "time_start_local": "9:00",
        },
        "property": {"iana": "America/Denver"},
    },
    "expect": {},
}


class Given:
    """The world of the examples."""

    def __init__(self, stack: Stack, directory: Path, environment: dict[str, str]) -> None:
        """`directory` is where the commands are executed."""
        self.stack = stack
        self.world = stack.world
        self.directory = directory
        self.environment = environment
        self._last_page: Path | None = None

    def here(self, text: str) -> str:
        """A command or its output with the addresses of this machine."""
        for written, name in HERE.items():
            text = text.replace(written, getattr(self.stack, name).removeprefix("http://"))
        return text

    def separately(self, block: Block) -> bool:
        """Whether the lines of a block are examples of their own, each on the same records."""
        return block.page.name == "command-line.md" or block.typed is not None

    def before(self, block: Block) -> None:
        """Make what the block needs."""
        if block.page != self._last_page:
            self._last_page = block.page
            make: dict[str, Callable[[], None]] = {
                "command-line.md": self._records_of_the_command_line,
                "operations.md": self._people,
            }
            make.get(block.page.name, lambda: None)()

    def anew(self, block: Block) -> None:
        """What an example before may have used up: failed mails, a route out of operation."""
        if block.page.name != "command-line.md":
            return
        self.world.execute(
            "UPDATE commands SET state = 'failed', lease_token = NULL, lease_until = NULL WHERE id = ANY(:ids)",
            ids=list(COMMANDS),
        )
        self.world.execute(
            "UPDATE notifications SET state = 'open', closed_at = NULL, closed_by = NULL WHERE id = ANY(:ids)",
            ids=list(NOTIFICATIONS),
        )

    def after(self, page: Path) -> None:
        """Undo what would be in the way of other pages."""
        with contextlib.suppress(OSError):
            ordered = urllib.request.Request(f"{self.stack.mandrill_url}/admin/faults", method="DELETE")
            urllib.request.urlopen(ordered, timeout=5).close()
            lagging = urllib.request.Request(f"{self.stack.mandrill_url}/admin/behaviour", method="DELETE")
            urllib.request.urlopen(lagging, timeout=5).close()
        if page.name == "sessions.md":
            self.world.execute("DELETE FROM users WHERE email = 'pat@example.com'")

    def _people(self) -> None:
        for name, email in (("Pat Novak", "pat@example.com"), ("Carla Moreno", "carla@example.com")):
            if not self.world.rows("SELECT id FROM users WHERE email = :email", email=email):
                self.world.user(name, email)

    def _records_of_the_command_line(self) -> None:
        page = ROOT / "docs" / "command-line.md"
        records = next(block.text for block in blocks(page) if block.language == "json")
        (self.directory / "orders.jsonl").write_text(records)
        (self.directory / "cases.jsonl").write_text(json.dumps(CASE) + "\n")
        self.world.user("Carla Moreno", "carla@example.com")
        photographer = self.world.photographer(email="lens@example.com")
        order = self.world.order(client_email="carla@example.com")
        for table, next_id in (
            ("appointments", APPOINTMENT),
            ("commands", COMMANDS[0] - 1),
            ("notifications", 14),
        ):
            self.world.execute(f"SELECT setval('{table}_id_seq', :id, false)", id=next_id)
        made = self.stack.client().create(
            order_id=order.id,
            confirmed=True,
            photographer_user_id=photographer.id,
            date_start_local="2031-03-10",
            time_start_local="9:00",
            time_duration_s=3600,
        )
        assert made.appointment["id"] == APPOINTMENT, made.body
        self.stack.wait_for_commands(APPOINTMENT)
        for number, command in zip(NOTIFICATIONS, COMMANDS, strict=True):
            self.world.execute(
                "INSERT INTO notifications"
                " (id, status, subject_key, cause, message, appointment_id, command_id, recipient)"
                " SELECT :id, 'mandrill-email-failed', 'example:' || :id, 'hard-bounce', 'It bounced.',"
                " appointment_id, id, recipient FROM commands WHERE id = :command",
                id=number,
                command=command,
            )
        self.world.application_token()
        self.world.execute(
            "UPDATE tokens SET public_id = :public_id WHERE id = (SELECT max(id) FROM tokens)",
            public_id=TOKEN,
        )
