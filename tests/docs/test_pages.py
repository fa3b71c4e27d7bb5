"""The pages do not lead astray: what they link to and name exists, and the README's first request is a good one."""

import json
import re
from pathlib import Path

import pytest

from tests.client import ApiClient
from tests.stack import ROOT
from tests.world import World

PAGES = [ROOT / "README.md", ROOT / "CHANGES.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")
FILE = re.compile(r"`((?:[a-z_.-]+/)+[\w.-]+\.[a-z]+)`")
"""A file of the project between backticks: it has a slash and an ending."""
MADE_BY_A_RUN = ("var/", "bench/results/", ".venv/")


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"^#+ (.+?)\s*$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(page: Path) -> None:
    missing = []
    for link, anchor in LINK.findall(page.read_text()):
        target = page.parent / link if link else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            missing.append(f"{link}#{anchor}")
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = {name for name in FILE.findall(page.read_text()) if not name.startswith(MADE_BY_A_RUN)}
    places = (ROOT, ROOT / "docs", ROOT / "api", ROOT / "deploy")
    assert {name for name in named if not any((place / name).exists() for place in places)} == set()


def test_every_page_of_the_documentation_is_in_its_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {page.name for page in PAGES if page.parent.name == "docs"} - {"README.md"}
    assert {name for name in pages if f"({name})" not in index} == set()


def test_the_first_request_of_the_readme_is_answered_as_it_says(api: ApiClient, world: World) -> None:
    world.order()
    order = world.order(zone="America/New_York")
    (body,) = re.findall(r"<<EOF\n(\{.*?\})\nEOF", (ROOT / "README.md").read_text(), re.DOTALL)
    params = json.loads(body.replace("$TOKEN", api.token))
    assert params["order_id"] == order.id
    reply = api.post(params)
    assert (reply.code, reply.status, reply.body["warnings"]) == (200, "action-successful", [])
    assert [command["kind"] for command in reply.body["data"]["commands"]] == [
        "reconcile-times",
        "send-confirmation",
    ]
    assert api.post(params).body["data"]["replayed"] is True
