"""User text made safe for headers and paragraphs; addresses read strictly; links only to the web."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.mail.addresses import AddressError, Mailbox, checked_mailbox, sender_mailbox
from tasks.mail.plain import lines, one_line, phone_link, shortened, web_link

PHONES = {
    "+1 303 555 0100": "tel:+13035550100",
    "(303) 555-0117": "tel:3035550117",
    "(+49) 89 1234-0": "tel:+498912340",
    "303.555.0100 x12": "tel:3035550100;ext=12",
    "303 555 0100 Ext. 7": "tel:3035550100;ext=7",
    "": None,
    "ask Dana": None,
    "911": None,
    "javascript:alert(1)": None,
    "1" * 21: None,
}
ANY_TEXT = st.text(alphabet=st.characters(codec=None, categories=None), max_size=60)


@pytest.mark.parametrize(("number", "link"), PHONES.items())
def test_a_number_can_be_dialled_as_people_write_it(number, link):
    assert phone_link(number) == link


@given(ANY_TEXT)
def test_a_telephone_link_holds_nothing_but_a_number(text):
    assert re.fullmatch(r"tel:\+?[0-9]{5,20}(;ext=[0-9]{1,8})?", phone_link(text) or "tel:00000")


@given(ANY_TEXT)
def test_one_line_is_one_printable_line_and_settled(text):
    line = one_line(text)
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in line)
    assert len(line.splitlines()) <= 1
    assert one_line(line) == line
    json.dumps(line, ensure_ascii=False).encode()


@given(ANY_TEXT)
def test_lines_keep_the_words_and_lose_the_controls(text):
    result = lines(text)
    assert all(one_line(line) == line for line in result)
    assert " ".join(" ".join(result).split()) == one_line(text)
    assert not result or (result[0] and result[-1])


@given(st.text(max_size=80), st.integers(2, 40))
def test_shortened_never_exceeds_its_limit(text, limit):
    assert len(shortened(text, limit)) <= max(limit, 1)
    assert shortened(text, len(text) + 1) == text


def test_blank_lines_are_folded():
    assert lines("\r\n a \r\n\r\n\r\n\tb\u2028c\n") == ("a", "", "b", "c")
    assert lines(None) == lines("  \n ") == ()


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.com/a?b=c", True),
        ("http://127.0.0.1:8000", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt://example.com/%0aalert(1)", False),
        ("data:text/html,x", False),
        ("https://", False),
        ("https://[broken", False),
        ("", False),
        (None, False),
    ],
)
def test_only_web_links(url, kept):
    assert web_link(url) == (url if kept else None)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "",
            "plain",
            "a@b",
            "a@localhost",
            "a@example.com\r\nBcc: b@example.com",
            "a@example.com,b@example.com",
        ),
        *("Name <a@example.com>", "ü@example.com", "a" * 65 + "@example.com", "a@exa mple.com", "a@x.test"),
    ],
)
def test_anything_but_one_plain_mailbox_is_refused_in_a_sentence(address):
    with pytest.raises(AddressError) as caught:
        checked_mailbox(Mailbox(address))
    assert "thief" not in str(caught.value)
    assert str(caught.value).startswith("The mail address cannot be used")


def test_an_international_domain_becomes_ascii():
    assert checked_mailbox(Mailbox(" a@bücher.example ", "B\nC")) == Mailbox("a@xn--bcher-kva.example", "B C")


def test_the_sender_may_have_a_name():
    assert sender_mailbox("PlanOmatic <a@example.com>") == Mailbox("a@example.com", "PlanOmatic")
    assert sender_mailbox("a@example.com") == Mailbox("a@example.com", "")
    with pytest.raises(AddressError, match="MAIL_FROM"):
        sender_mailbox("nobody")
