"""What the mails say, in text and in HTML (mail.md section 4; contract.md section 7)."""

import dataclasses
import pickle
import re
import shutil
from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError

from tasks.mail.addresses import AddressError, Mailbox
from tasks.mail.compose import TEMPLATES, _environment, _version
from tests.tasks.mail.letters import CASES, TO_PHOTOGRAPHER, a_letter, a_mail

PAGE = "https://app.example.com/appointments/0190c2f5-7a2b-7cc0-9d2e-3f1c5b8a7e61"
KINDS = {
    "confirmed": {"confirmed": True},
    "request": {"confirmed": False},
    "request without a time": {
        "confirmed": False,
        "unresolved": True,
        "local_start": None,
        "local_stop": None,
    },
    "confirmed without a time": {
        "confirmed": True,
        "unresolved": True,
        "local_start": None,
        "local_stop": None,
    },
    "assignment": {"kind": "send-assignment", "confirmed": True},
    "unconfirmed assignment": {"kind": "send-assignment", "confirmed": False},
    "bare": {"client_name": "", "photographer_name": "", "address": "", "location": "", "summary": ""},
    "barer": {
        "description": "",
        "appt_type": "",
        "appointment_url": "",
        "office_phone": "",
        "duration_s": None,
        "cc": (),
    },
}


class Reader(HTMLParser):
    """The visible text and the tags of an HTML mail."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self._hidden = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden += tag in ("style", "title")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "title")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.pieces))


def both(mail) -> tuple[str, str]:
    return re.sub(r"\s+", " ", mail.text), Reader(mail.html).text


@pytest.mark.parametrize("changes", KINDS.values(), ids=KINDS)
def test_every_kind_of_mail_renders_with_reference_contact_and_next_step(changes):
    mail = a_mail(**changes)
    for text in both(mail):
        assert "Reference: Order 77, appointment 1042" in text
        assert "appointments@example.com" in text
        assert "what happens next" in text.lower()
    assert len(mail.html) < 100_000
    assert "{{" not in mail.html + mail.text
    assert "\n\n\n" not in mail.text


@pytest.mark.parametrize("name", CASES)
def test_html_and_text_say_the_same(name):
    mail = a_mail(**CASES[name])
    text, html = both(mail)
    words, shown = (re.findall(r"\w+", re.sub(r"https?://\S+", "", body).casefold()) for body in (text, html))
    # The text alone has a label before the time; the map's link is spelled out there.
    assert set(words) - set(shown) <= {"when"}
    assert "none" not in words + shown
    assert len(mail.html) < 100_000


def test_a_confirmation_says_what_where_when_and_who():
    mail = a_mail()
    assert mail.subject == "Confirmed: Thu, Nov 26, 2026, 9:00 AM MST – 123 Main Street, Denver, CO 80202"
    for text in both(mail):
        for fact in (
            "Your appointment is confirmed",
            "Thursday, November 26, 2026",
            "9:00 AM – 10:30 AM (MST, Denver)",
            "1 hour 30 minutes",
            "123 Main Street, Denver, CO 80202",
            "Meet at the side gate",
            "Floor plan and photos",
            "The gate code is 4711.",
            "Photo shoot",
            "Robin Lens",
            "Hello Dana Client",
        ):
            assert fact in text
        assert "You asked for" not in text
        assert "office's clocks" not in text


def test_a_request_is_not_called_confirmed_and_repeats_what_was_asked_for():
    mail = a_mail(confirmed=False, unresolved=True, local_start=None, local_stop=None)
    assert mail.subject == (
        "Request received: Friday, November 27, 2026, 10:00 AM requested – 123 Main Street, Denver, CO 80202"
    )
    for text in both(mail):
        assert "We have your request" in text
        assert "not confirmed yet" in text
        assert "Time to be decided" in text
        assert "Friday, November 27, 2026, 10:00 AM" in text


def test_an_assignment_addresses_the_photographer_and_names_the_client():
    mail = a_mail(kind="send-assignment", to=Mailbox("robin@example.com"), cc=())
    assert mail.subject.startswith("Assignment: Thu, Nov 26, 2026, 9:00 AM MST – 123 Main Street")
    for text in both(mail):
        assert "Hello Robin Lens" in text
        assert "Dana Client" in text
    assert any("123+Main+Street" in link for link in hrefs(mail))


def test_an_assignment_that_is_not_confirmed_says_so_in_the_subject():
    assert a_mail(kind="send-assignment", confirmed=False).subject.startswith(
        "Assignment (not yet confirmed): "
    )


def test_user_text_is_escaped_in_html_and_kept_as_it_is_in_text():
    evil = '<script>alert("x")</script>'
    mail = a_mail(
        summary=evil,
        description=evil,
        location=evil,
        photographer_name=evil,
        address=evil,
        to=Mailbox("client@example.com", evil),
    )
    assert "<script" not in mail.html.lower()
    assert "script" not in [tag for tag, _ in Reader(mail.html).tags]
    assert Reader(mail.html).text.count(evil) >= 6
    assert evil in mail.text


def test_markup_in_user_text_cannot_break_out_of_an_attribute():
    mail = a_mail(
        kind="send-assignment", address='1 Main" onmouseover="x', description='"><img src=x onerror=y>'
    )
    tags = Reader(mail.html).tags
    assert "img" not in [tag for tag, _ in tags]
    assert not any(name.startswith("on") for _, attrs in tags for name in attrs)


def test_line_breaks_and_controls_never_reach_subject_or_names():
    mail = a_mail(
        address="1 Main St\r\nBcc: thief@example.com\x00\x0b\u2028\u202e",
        to=Mailbox("client@example.com", "Dana\r\nBcc: thief@example.com"),
        cc=(Mailbox("assistant@example.com", "Alex\x1b[31m\nX"),),
    )
    assert mail.subject.endswith("– 1 Main St Bcc: thief@example.com")
    assert mail.to.name == "Dana Bcc: thief@example.com"
    assert mail.cc[0].name == "Alex[31m X"
    for value in (mail.subject, mail.to.name, mail.cc[0].name):
        assert value.isprintable()
    assert "\r" not in mail.text


def test_text_that_looks_like_a_merge_tag_stays_text():
    mail = a_mail(description="*|UNSUB:http://x|* {{ notes }} {% raw %}")
    for text in both(mail):
        assert "*|UNSUB:http://x|* {{ notes }} {% raw %}" in text


def test_lone_surrogates_do_not_survive():
    mail = a_mail(summary="plan \ud83d shoot")
    assert "plan shoot" in mail.text
    mail.html.encode()


def test_a_letter_has_no_place_for_internal_notes():
    assert "notes" not in {field.name for field in dataclasses.fields(a_letter())}
    with pytest.raises(TypeError):
        a_letter(notes="internal")
    assert not any("notes" in path.read_text() for path in TEMPLATES.iterdir())


def hrefs(mail) -> list[str]:
    return [attrs["href"] for tag, attrs in Reader(mail.html).tags if tag == "a"]


def test_only_web_addresses_and_the_contact_are_linked():
    contact = "mailto:appointments@example.com?subject="
    for url in (
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://example.com",
        "//example.com",
        "http://",
        "x y",
    ):
        mail = a_mail(confirmed=False, appointment_url=url)
        assert {link for link in hrefs(mail) if not link.startswith(contact)} == {"tel:+13035550100"}
        assert url not in mail.text
    for changes in CASES.values():
        assert all(link.startswith(("https://", "tel:", contact)) for link in hrefs(a_mail(**changes)))


@pytest.mark.parametrize("name", ["confirmed", "request", "changed-time", "changed-request"])
def test_a_client_can_move_or_cancel_by_page_telephone_and_mail(name):
    mail = a_mail(**CASES[name])
    assert {PAGE, "tel:+13035550100"} <= set(hrefs(mail))
    assert PAGE in mail.text
    assert "call +1 303 555 0100 or write to appointments@example.com" in mail.text
    without = a_mail(**{**CASES[name], "appointment_url": "", "office_phone": ""})
    assert "call" not in without.text
    assert "write to appointments@example.com and name order 77, appointment 1042" in without.text


@pytest.mark.parametrize("name", [name for name in CASES if "cancelled" in name or "photographer" in name])
def test_nobody_is_led_to_the_page_of_what_is_off_or_not_theirs(name):
    mail = a_mail(**{**CASES[name], "appointment_url": PAGE})
    assert PAGE not in mail.text + mail.html


def test_a_confirmed_client_reads_what_to_prepare():
    for name, is_told in {
        "confirmed": True,
        "changed-time": True,
        "request": False,
        "cancelled": False,
    }.items():
        for text in both(a_mail(**CASES[name])):
            assert ("please have ready" in text.lower()) is is_told
            assert ("Pets" in text) is is_told


def test_the_clients_number_is_for_the_photographer_alone():
    number = "(303) 555-0117"
    mail = a_mail(kind="send-assignment", **TO_PHOTOGRAPHER)
    assert "tel:3035550117" in hrefs(mail)
    assert number in mail.text
    for name in ("cancelled-for-the-photographer", "withdrawn-from-the-photographer", "confirmed"):
        mail = a_mail(**{**CASES[name], "client_phone": number})
        assert number not in mail.text + mail.html


def test_a_click_on_the_contact_begins_a_mail_about_the_reference():
    assert "mailto:appointments@example.com?subject=Order%2077%2C%20appointment%201042" in hrefs(a_mail())


def test_html_fetches_nothing_and_keeps_dark_mode():
    mail = a_mail()
    tags = Reader(mail.html).tags
    assert not {"img", "link", "script", "iframe", "form"} & {tag for tag, _ in tags}
    assert "@media (prefers-color-scheme: dark)" in mail.html
    assert "url(" not in mail.html
    assert "max-width: 600px" in mail.html
    # Inlined: the style sheet's plain rules are gone from the head.
    assert ".when-cell { padding" not in mail.html


def test_a_name_missing_in_a_template_is_an_error_not_a_blank():
    with pytest.raises(UndefinedError):
        _environment().from_string("{{ nobody_knows }}").render()


def test_html_templates_escape_and_text_templates_do_not():
    environment = _environment()
    for name in environment.list_templates():
        assert environment.autoescape(name) is name.endswith(".html.jinja")


def test_copies_are_written_once_and_never_to_the_recipient_again():
    mail = a_mail(
        cc=(
            Mailbox("assistant@example.com"),
            Mailbox("Assistant@Example.com", "again"),
            Mailbox("CLIENT@example.com"),
        )
    )
    assert [copy.email for copy in mail.cc] == ["assistant@example.com"]


def test_a_bad_copy_is_dropped_with_its_reason_and_a_bad_recipient_stops_the_mail():
    mail = a_mail(cc=(Mailbox("nobody at all"), Mailbox("assistant@example.com")))
    assert [copy.email for copy in mail.cc] == ["assistant@example.com"]
    ((address, reason),) = mail.dropped_copies
    assert address == "nobody at all"
    assert "address" in reason
    with pytest.raises(AddressError):
        a_mail(to=Mailbox("nobody at all"))


def test_a_mail_names_its_template_and_a_version_that_changes_with_any_of_its_files(tmp_path, monkeypatch):
    first = a_mail().template
    assert (first.name, a_mail(confirmed=False).template.name) == ("confirmation", "request")
    assert a_mail().template == first
    assert a_mail(confirmed=False).template.version != first.version
    copy = tmp_path / "templates"
    shutil.copytree(TEMPLATES, copy)
    monkeypatch.setattr("tasks.mail.compose.TEMPLATES", copy)
    for file, is_part in (
        ("_prepare.txt.jinja", True),
        ("layout.html.jinja", True),
        ("change.txt.jinja", False),
    ):
        before = _version.__wrapped__("confirmation")
        (copy / file).write_text("other")
        assert (_version.__wrapped__("confirmation") != before) is is_part


def test_repr_and_pickled_errors_hold_no_text_of_the_mail():
    mail, letter = a_mail(), a_letter()
    for text in (repr(mail), repr(letter), str(mail)):
        assert "4711" not in text
        assert "client@example.com" not in text
        assert "Main Street" not in text
    assert pickle.loads(pickle.dumps(mail)) == mail
