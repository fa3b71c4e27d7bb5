"""The pages do not lead astray: what they link to exists, and the first request of the README is a good one."""

import json
import re
from pathlib import Path

import pytest

from tests.client import ApiClient
from tests.stack import ROOT
from tests.world import World

PAGES = [ROOT / "README.md", ROOT / "CHANGES.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []


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
