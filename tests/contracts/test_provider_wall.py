"""Law 8: what the provider says is translated at the wall; nothing beyond `tasks/mail/` knows its JSON."""

import re

from tests.contracts.source import imports, is_within, production_modules, texts

WALL = "tasks.mail"
WIRE = re.compile(
    r"messages/send|messages/search|users/ping|metadata/list|/api/1\.0/|\breject_reason\b|from_email"
)
"""Calls and members of the provider's wire format that have no other meaning."""

SPEAKS_HTTP = {"urllib3", "requests", "httpx", "http", "smtplib"}


def test_the_wire_format_is_not_spoken_elsewhere():
    for name, tree in production_modules().items():
        if not is_within(name, WALL) and name != "settings":
            assert not [said for said in texts(tree) if WIRE.search(said)], name


def test_only_the_wall_opens_connections_to_the_outside():
    callers = {
        name
        for name in production_modules()
        if {imported.split(".")[0] for imported in imports(name)} & SPEAKS_HTTP and not is_within(name, WALL)
    }
    assert {name for name in callers if not is_within(name, "cli")} == set()


def test_within_the_wall_nothing_knows_the_database():
    for name in production_modules():
        if is_within(name, WALL):
            known = {
                imported for imported in imports(name) if imported.split(".")[0] in ("sqlalchemy", "models")
            }
            assert known <= {"models.moment"} | {
                entry for entry in known if is_within(entry, "models.clock")
            }, name
