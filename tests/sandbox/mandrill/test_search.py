"""messages/search finds what was accepted, by the query language that Mandrill documents."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.mandrill.search import QueryError, parse_query
from tests.sandbox.mandrill.conftest import Sandbox

ENTRY: dict[str, Any] = {
    "state": "sent",
    "email": "client@example.com",
    "sender": "appointments@example.com",
    "subject": "Confirmed: Monday at 10:30, 12 Elm Street",
    "ts": 1767225600,
    "tags": ["send-confirmation"],
    "metadata": {"send_id": "3f2a-01", "appointment_id": 7, "none": None},
}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("*", True),
        ("", True),
        ("u_send_id:3f2a-01", True),
        ("send_id:3f2a-01", True),
        ('u_send_id:"3f2a-01"', True),
        (r"u_send_id:3f2a\-01", True),
        ("u_send_id:3f2a", False),
        ("u_send_id:3f2a*", True),
        ("u_send_id:3f2a-0?", True),
        ("u_send_id:*", True),
        ("u_none:*", False),
        ("u_appointment_id:7", True),
        ("u_appointment_id:77", False),
        ("email:client@example.com", True),
        ("email:CLIENT@example.com", True),
        ("email:example.com", False),
        ("client@example.com", True),
        ("sender:client@example.com", False),
        ("state:sent", True),
        ("state:rejected", False),
        ("tags:send-confirmation", True),
        ("subject:monday", True),
        ("subject:mon", False),
        ("subject:mon*", True),
        ('subject:"monday at"', True),
        ('subject:"at monday"', False),
        ('subject:"Monday * Street"', True),
        ("subject:10:30", True),
        ("state:sent AND u_appointment_id:7", True),
        ("state:sent AND u_appointment_id:8", False),
        ("state:sent OR u_appointment_id:8", True),
        ("state:rejected u_appointment_id:7", True),
        ("state:sent NOT u_appointment_id:7", False),
        ("state:sent AND NOT u_appointment_id:8", True),
        ("(state:rejected OR state:sent) AND u_appointment_id:7", True),
        ("(state:rejected OR state:bounced) AND u_appointment_id:7", False),
        ("nowhere:sent", False),
    ],
)
def test_a_query_judges_an_entry(query: str, found: bool) -> None:
    assert parse_query(query).matches(ENTRY) is found


@pytest.mark.parametrize(
    "query",
    [
        '"open',
        "(state:sent",
        "state:sent)",
        "()",
        "AND state:sent",
        "state:sent AND",
        "NOT",
        "*any",
        "?",
        "a:",
    ],
)
def test_a_query_that_cannot_be_read_is_refused_with_a_sentence(query: str) -> None:
    with pytest.raises(QueryError, match=r"\.$"):
        parse_query(query)


@pytest.mark.parametrize(
    ("query", "send_id"),
    [
        ("u_send_id:s-1", "s-1"),
        ('u_send_id:"s-1" AND state:sent', "s-1"),
        ("u_send_id:s-1 OR state:sent", None),
        ("u_send_id:s-*", None),
        ("NOT u_send_id:s-1", None),
    ],
)
def test_the_index_is_used_only_where_every_match_has_the_send_id(query: str, send_id: str | None) -> None:
    assert parse_query(query).send_id == send_id


@given(st.text(alphabet='ab:"\\()*? _-ANDORT&|![]', max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        query = parse_query(text)
    except QueryError:
        return
    assert query.matches(ENTRY) in (True, False)


def test_a_mail_is_found_by_its_send_id(sandbox: Sandbox) -> None:
    sent = sandbox.send(metadata={"send_id": "s-1", "appointment_id": 7}).json()
    sandbox.send(metadata={"send_id": "s-2"})
    found = sandbox.call("messages/search", query="u_send_id:s-1").json()
    assert [each["_id"] for each in found] == [sent[0]["_id"]]
    entry = found[0]
    assert (entry["email"], entry["state"], entry["subject"]) == (
        "client@example.com",
        "sent",
        "Your appointment",
    )
    assert (entry["tags"], entry["metadata"]) == (
        ["send-confirmation"],
        {"send_id": "s-1", "appointment_id": 7},
    )
    assert abs(entry["ts"] - datetime.now(UTC).timestamp()) < 60
    assert sandbox.call("messages/search", query="u_send_id:s-3").json() == []


def test_a_search_is_narrowed_by_dates_tags_senders_and_limit(sandbox: Sandbox) -> None:
    for each in range(3):
        sandbox.send(subject=f"Mail {each}", tags=[f"tag-{each}"])
    today, yesterday = datetime.now(UTC), datetime.now(UTC) - timedelta(days=1)

    def subjects(**narrow: Any) -> list[str]:
        return [each["subject"] for each in sandbox.call("messages/search", **narrow).json()]

    assert subjects() == ["Mail 2", "Mail 1", "Mail 0"]
    assert subjects(limit=1) == ["Mail 2"]
    assert subjects(tags=["tag-0", "tag-1"]) == ["Mail 1", "Mail 0"]
    assert subjects(senders=["other@example.com"]) == []
    assert len(subjects(date_from=today.strftime("%Y-%m-%d 00:00:00"))) == 3
    assert len(subjects(date_from=yesterday.strftime("%Y-%m-%d"), date_to=today.strftime("%Y-%m-%d"))) == 3
    assert subjects(date_to=yesterday.strftime("%Y-%m-%d %H:%M:%S")) == []


@pytest.mark.parametrize(
    "narrow",
    [{"limit": 1001}, {"limit": "5"}, {"tags": "one"}, {"date_from": "monday"}, {"query": '"'}, {"query": 5}],
)
def test_a_search_that_cannot_be_read_is_refused(sandbox: Sandbox, narrow: dict[str, Any]) -> None:
    answer = sandbox.call("messages/search", **narrow)
    assert (answer.status, answer.json()["name"]) == (400, "ValidationError")


def test_only_registered_metadata_is_searched_and_shown(sandbox: Sandbox) -> None:
    def names() -> list[str]:
        return [each["name"] for each in sandbox.call("metadata/list").json()]

    sandbox.send(metadata={"send_id": "s-1", "colour": "red"})
    assert names() == ["appointment_id", "kind", "send_id"]
    assert sandbox.call("messages/search", query="u_colour:red").json() == []
    assert sandbox.call("metadata/add", name="colour").json()["state"] == "active"
    assert sandbox.call("messages/search", query="u_colour:red").json()[0]["metadata"]["colour"] == "red"
    assert sandbox.call("metadata/delete", name="send_id").status == 200
    assert sandbox.call("messages/search", query="u_send_id:s-1").json() == []
    answer = sandbox.call("metadata/delete", name="send_id")
    assert (answer.status, answer.json()["name"]) == (404, "Unknown_MetadataField")
    for each in range(8):
        sandbox.call("metadata/add", name=f"field_{each}")
    assert sandbox.call("metadata/add", name="one_more").json()["name"] == "Metadata_FieldLimit"
    sandbox.clear()
    assert names() == ["appointment_id", "kind", "send_id"]
