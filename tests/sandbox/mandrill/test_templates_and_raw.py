"""The other calls that send, the templates of the account, and the content that is kept."""

import base64
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.mandrill.raw_message import message_of_raw
from sandbox.mandrill.rendering import fill_regions, fill_variables
from sandbox.mandrill.wire import WireError
from tests.sandbox.mandrill.conftest import Sandbox, mail


@pytest.fixture
def template(sandbox: Sandbox) -> Any:
    """A stored template with a region and a variable, removed after the test."""
    added = sandbox.call(
        "templates/add",
        name="Order Confirmed",
        code='<h1>*|CLIENT|*</h1><div mc:edit="main">nothing</div>',
        subject="For *|client|*",
        from_email="templates@example.com",
        text="Dear *|CLIENT|*",
        labels=["orders"],
    )
    assert added.status == 200, added.data
    yield added.json()
    sandbox.call("templates/delete", name="order-confirmed")


def send_template(sandbox: Sandbox, **request: Any) -> Any:
    message = {"to": [{"email": "client@example.com"}], "metadata": {"send_id": "s-1"}}
    message |= request.pop("message", {})
    body = {"template_name": "order-confirmed", "template_content": [], "message": message, **request}
    return sandbox.call("messages/send-template", **body)


# Templates


def test_a_template_is_kept_under_its_slug(sandbox: Sandbox, template: Any) -> None:
    assert (template["slug"], template["publish_subject"]) == ("order-confirmed", "For *|client|*")
    assert sandbox.call("templates/info", name="order-confirmed").json() == template
    assert sandbox.call("templates/info", name="Order Confirmed").json() == template
    assert sandbox.call("templates/list").json() == [template]
    assert sandbox.call("templates/list", label="others").json() == []
    again = sandbox.call("templates/add", name="Order confirmed")
    assert (again.status, again.json()["name"]) == (400, "Invalid_Template")


def test_a_draft_is_not_sent_before_it_is_published(sandbox: Sandbox, template: Any) -> None:
    changed = sandbox.call("templates/update", name="order-confirmed", subject="New", publish=False).json()
    assert (changed["subject"], changed["publish_subject"]) == ("New", "For *|client|*")
    assert sandbox.call("templates/publish", name="order-confirmed").json()["publish_subject"] == "New"


@pytest.mark.parametrize(
    "call", ["templates/info", "templates/update", "templates/delete", "templates/publish"]
)
def test_an_unknown_template_is_said(sandbox: Sandbox, call: str) -> None:
    answer = sandbox.call(call, name="nowhere")
    assert (answer.status, answer.json()["name"], answer.json()["code"]) == (404, "Unknown_Template", 5)


@pytest.mark.parametrize(
    "fields", [{}, {"name": ""}, {"name": "!"}, {"name": "n" * 51}, {"name": "n", "code": 5}]
)
def test_what_is_no_template_is_refused(sandbox: Sandbox, fields: dict[str, Any]) -> None:
    assert sandbox.call("templates/add", **fields).json()["name"] == "ValidationError"


def test_a_templated_mail_is_rendered_and_marked(sandbox: Sandbox, template: Any) -> None:
    sent = send_template(
        sandbox,
        template_content=[{"name": "main", "content": "<p>We come, *|client|*.</p>"}],
        message={"global_merge_vars": [{"name": "CLIENT", "content": "Ms Example"}]},
    ).json()
    assert sent[0]["status"] == "sent"
    (message,) = sandbox.json("/inbox.json")["messages"]
    assert message["html"] == ('<h1>Ms Example</h1><div mc:edit="main"><p>We come, Ms Example.</p></div>')
    assert (message["subject"], message["text"]) == ("For Ms Example", "Dear Ms Example")
    assert (message["from"], message["template"]) == ("templates@example.com", "order-confirmed")
    assert message["call"] == "messages/send-template"
    page = sandbox.get(f"/messages/{sent[0]['_id']}").data.decode()
    assert "template order-confirmed" in page
    assert "template order-confirmed" in sandbox.get("/").data.decode()
    assert sandbox.call("messages/info", id=sent[0]["_id"]).json()["template"] == "order-confirmed"
    raw = sandbox.json(f"/messages/{sent[0]['_id']}/raw.json")
    assert (raw["template_name"], raw["key"]) == ("order-confirmed", "(redacted)")


def test_the_message_outweighs_the_template(sandbox: Sandbox, template: Any) -> None:
    send_template(sandbox, message={"subject": "Own", "from_email": "own@example.com"})
    (message,) = sandbox.json("/inbox.json")["messages"]
    assert (message["subject"], message["from"]) == ("Own", "own@example.com")


@pytest.mark.parametrize(
    ("request_", "status", "name"),
    [
        ({"template_name": "nowhere"}, 404, "Unknown_Template"),
        ({"template_name": None}, 400, "ValidationError"),
        ({"template_content": None}, 400, "ValidationError"),
        ({"message": {"to": []}}, 400, "ValidationError"),
        ({"message": {"merge_language": "jinja"}}, 400, "ValidationError"),
    ],
)
def test_what_is_wrong_with_a_templated_mail_is_refused(
    sandbox: Sandbox, template: Any, request_: dict[str, Any], status: int, name: str
) -> None:
    answer = send_template(sandbox, **request_)
    assert (answer.status, answer.json()["name"]) == (status, name)
    assert sandbox.json("/attempts.json")["attempts"][0]["outcome"] == f"refused: {name}"


def test_an_order_without_a_call_meets_every_way_to_send(sandbox: Sandbox, template: Any) -> None:
    sandbox.order("503")
    assert send_template(sandbox).status == 503
    sandbox.order("503", match={"call": "messages/send"})
    assert send_template(sandbox).status == 200


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<div mc:edit="a">old</div>', '<div mc:edit="a">new</div>'),
        ('<div mc:edit="a"><div>x</div><br></div>y', '<div mc:edit="a">new</div>y'),
        ('<p>\n<i mc:edit="a">1</i>\n<i mc:edit="b">2</i>', '<p>\n<i mc:edit="a">new</i>\n<i mc:edit="b">2</i>'),
        ('<div mc:edit="a">never closed', '<div mc:edit="a">never closed'),
        ("plain", "plain"),
    ],
)  # fmt: skip
def test_regions_are_filled(html: str, expected: str) -> None:
    assert fill_regions(html, {"a": "new"}) == expected


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("*|NAME|* {{name}}", "mailchimp", "A {{name}}"),
        ("*|NAME|* {{ Name }} {{{name}}}", "handlebars", "*|NAME|* A A"),
        ("*|OTHER|*", "mailchimp", "*|OTHER|*"),
    ],
)
def test_variables_are_filled(text: str, language: str, expected: str) -> None:
    assert fill_variables(text, {"name": "A"}, language=language) == expected


# Raw


def mime() -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Appointments <appointments@example.com>"
    message["To"] = "A Client <client@example.com>"
    message["Cc"] = "liaison@example.com"
    message["Subject"] = "Größe"
    message["Reply-To"] = "office@example.com"
    message["X-MC-Tags"] = "send-confirmation, second"
    message["X-MC-Metadata"] = '{"send_id": "s-1", "appointment_id": 7}'
    message.set_content("We come.")
    message.add_alternative("<p>We come.</p>", subtype="html")
    message.add_alternative(
        b"BEGIN:VCALENDAR", maintype="text", subtype="calendar", params={"method": "REQUEST"}
    )
    return message


def test_a_raw_mail_is_read_from_its_mime(sandbox: Sandbox) -> None:
    sent = sandbox.call("messages/send-raw", raw_message=mime().as_string()).json()
    assert [(each["email"], each["status"]) for each in sent] == [
        ("client@example.com", "queued"),
        ("liaison@example.com", "queued"),
    ]
    (message,) = sandbox.json("/inbox.json")["messages"]
    assert (message["subject"], message["call"]) == ("Größe", "messages/send-raw")
    assert (message["from"], message["from_name"]) == ("appointments@example.com", "Appointments")
    assert (message["text"].strip(), message["html"].strip()) == ("We come.", "<p>We come.</p>")
    assert (message["send_id"], message["appointment_id"]) == ("s-1", "7")
    assert message["tags"] == ["send-confirmation", "second"]
    assert message["headers"]["Reply-To"] == "office@example.com"
    (part,) = message["attachments"]
    assert (part["attached"], part["size"]) == (False, 15)
    assert part["type"].startswith("text/calendar")
    page = sandbox.get(f"/messages/{sent[0]['_id']}").data.decode()
    assert "a part beside text and HTML" in page


def test_what_the_request_says_outweighs_the_mime(sandbox: Sandbox) -> None:
    sent = sandbox.call(
        "messages/send-raw",
        raw_message=mime().as_string(),
        from_email="own@example.com",
        to=["fault+rejected=unsub@example.com", {"email": "b@example.com"}],
    ).json()
    assert [(each["email"].partition("@")[0], each["status"]) for each in sent] == [
        ("fault+rejected=unsub", "rejected"),
        ("b", "queued"),
    ]
    assert sandbox.json("/inbox.json")["messages"][0]["from"] == "own@example.com"


@pytest.mark.parametrize(
    "request_",
    [{}, {"raw_message": ""}, {"raw_message": 5}, {"raw_message": "no headers"},
     {"raw_message": "From: a@example.com\n\nx"}, {"raw_message": mime().as_string(), "to": "a@example.com"},
     {"raw_message": "X-MC-Metadata: no\n\nx"}],
)  # fmt: skip
def test_what_is_no_raw_mail_is_refused(sandbox: Sandbox, request_: dict[str, Any]) -> None:
    answer = sandbox.call("messages/send-raw", **request_)
    assert (answer.status, answer.json()["name"]) == (400, "ValidationError")


@given(st.text(alphabet='abFT:rom \n\t<>@=?;"multipart/boundry-Content-Type', min_size=1, max_size=200))
def test_no_text_breaks_the_reading_of_mime(text: str) -> None:
    try:
        message = message_of_raw({"raw_message": text})
    except WireError:
        return
    assert isinstance(message["to"], list)


# Content


def test_the_content_is_given_back(sandbox: Sandbox) -> None:
    file = {"type": "text/calendar", "name": "a.ics", "content": base64.b64encode(b"BEGIN").decode()}
    (entry,) = sandbox.send(attachments=[file]).json()
    content = sandbox.call("messages/content", id=entry["_id"]).json()
    assert (content["_id"], content["subject"], content["html"]) == (
        entry["_id"],
        "Your appointment",
        mail()["html"],
    )
    assert content["to"] == {"email": "client@example.com", "name": "A Client"}
    assert content["attachments"] == [{**file, "binary": True}]


def test_content_that_was_not_to_be_kept_is_not_given_back(sandbox: Sandbox) -> None:
    (entry,) = sandbox.send(view_content_link=False).json()
    answer = sandbox.call("messages/content", id=entry["_id"])
    assert (answer.status, answer.json()["name"]) == (404, "Unknown_Message")


# Flags


def test_a_mail_with_a_test_key_is_marked(sandbox: Sandbox) -> None:
    sandbox.send(key="sandbox-test-1")
    sandbox.send()
    assert [each["test_mode"] for each in sandbox.json("/inbox.json")["messages"]] == [False, True]
    assert sandbox.get("/").data.decode().count("test mode") == 1


def test_there_are_no_subaccounts(sandbox: Sandbox) -> None:
    answer = sandbox.send(subaccount="other")
    assert (answer.status, answer.json()["name"]) == (404, "Unknown_Subaccount")
