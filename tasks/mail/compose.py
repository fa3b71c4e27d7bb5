"""From a `Letter` to a finished `Mail`: subject, text and HTML, each saying the same.

The facts are put into words once, here and in `dates`; the templates add the sentences around them. HTML and
text are made from the same list of facts, so that neither can tell what the other hides. Escaping is the HTML
templates' own (autoescape by file name, because Jinja's `select_autoescape` does not know `.html.jinja`); a
name missing in a template is an error, not a blank.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote_plus, urlsplit

import css_inline
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.mail.addresses import AddressError, Mailbox, checked_mailbox, sender_mailbox
from tasks.mail.dates import requested_of, when_of
from tasks.mail.letter import Kind, Letter
from tasks.mail.plain import lines, one_line, shortened, web_link

_BLANK_LINES = re.compile(r"\n{3,}")
TEMPLATES = Path(__file__).parent / "templates"
ADDRESS_IN_SUBJECT = 100
"""Characters of the address that a subject shows; phones cut near 40, the provider at 998."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One message, ready to be sent. Only what identifies it appears in `repr`, never its text."""

    kind: Kind
    appointment_id: int
    sender: Mailbox = field(repr=False)
    to: Mailbox = field(repr=False)
    cc: tuple[Mailbox, ...] = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)
    dropped_copies: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """(address, reason) of copies that cannot be written to; the mail goes out without them."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One labelled line or paragraph of a mail; `link` is http(s) or None."""

    label: str
    lines: tuple[str, ...]
    link: str | None = None
    link_text: str = ""


def compose(letter: Letter, *, mail_from: str) -> Mail:
    """Write the mail for a letter.

    Args:
        letter: the facts.
        mail_from: `Name <address>`; the name stands at the head of the mail, the address is the contact.

    Raises:
        AddressError: the recipient's address or `mail_from` cannot be used. A copy's bad address does not
            stop the mail; it is listed in `Mail.dropped_copies`.
    """
    sender = sender_mailbox(mail_from)
    to = checked_mailbox(letter.to)
    cc, dropped = _checked_copies(letter.cc, to)
    view = _view(letter, sender, to)
    name = _template_name(letter)
    environment = _environment()
    return Mail(
        kind=letter.kind,
        appointment_id=letter.appointment_id,
        sender=sender,
        to=to,
        cc=cc,
        subject=str(view["subject"]),
        text=_BLANK_LINES.sub("\n\n", environment.get_template(f"{name}.txt.jinja").render(view)),
        html=_inliner().inline(environment.get_template(f"{name}.html.jinja").render(view)),
        dropped_copies=dropped,
    )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda name: name is not None and name.endswith(".html.jinja"),  # noqa: S701
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@lru_cache(maxsize=1)
def _inliner() -> css_inline.CSSInliner:
    # Mail programs drop style sheets in parts; only what cannot be inlined (@media) stays in the head.
    # Nothing is ever fetched: a style sheet's URL would be a way to make this process call somewhere.
    return css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)


def _template_name(letter: Letter) -> str:
    if letter.kind == "send-assignment":
        return "assignment"
    return "confirmation" if letter.confirmed else "request"


def _checked_copies(
    copies: tuple[Mailbox, ...], to: Mailbox
) -> tuple[tuple[Mailbox, ...], tuple[tuple[str, str], ...]]:
    """Usable copies without repetition, and those that had to be dropped."""
    kept: dict[str, Mailbox] = {}
    dropped: list[tuple[str, str]] = []
    for copy in copies:
        try:
            mailbox = checked_mailbox(copy)
        except AddressError as fault:
            dropped.append((one_line(copy.email), str(fault)))
            continue
        if mailbox.email.casefold() != to.email.casefold():
            kept.setdefault(mailbox.email.casefold(), mailbox)
    return tuple(kept.values()), tuple(dropped)


def _view(letter: Letter, sender: Mailbox, to: Mailbox) -> dict[str, object]:
    """Everything the templates may name."""
    when = when_of(letter)
    requested = requested_of(letter)
    address = one_line(letter.address)
    place = address or one_line(letter.location) or f"appointment {letter.appointment_id}"
    site = web_link(letter.public_url)
    brief = when.brief
    if not letter.confirmed and not when.decided and requested:
        brief = f"{requested} requested"
    return {
        "subject": f"{_action(letter)}: {brief} – {shortened(place, ADDRESS_IN_SUBJECT)}",
        "brand": sender.name or sender.email,
        "contact": sender.email,
        "recipient": to.name or one_line(_recipient_name(letter)),
        "confirmed": letter.confirmed,
        "when": when,
        "place": place,
        "facts": _facts(letter, requested, address),
        "reference": _reference(letter),
        "site": site,
        "site_name": urlsplit(site).netloc if site else "",
    }


def _reference(letter: Letter) -> str:
    if letter.order_id is None:
        return f"Appointment {letter.appointment_id}"
    return f"Order {letter.order_id}, appointment {letter.appointment_id}"


def _recipient_name(letter: Letter) -> str:
    return letter.photographer_name if letter.kind == "send-assignment" else letter.client_name


def _action(letter: Letter) -> str:
    if letter.kind == "send-assignment":
        return "Assignment" if letter.confirmed else "Assignment (not yet confirmed)"
    return "Confirmed" if letter.confirmed else "Request received"


def _facts(letter: Letter, requested: str, address: str) -> tuple[Fact, ...]:
    """What is known, in reading order; unknown things are left out. The time stands apart, above these."""
    to_photographer = letter.kind == "send-assignment"
    facts = []

    def add(label: str, text: tuple[str, ...] | str, link: str | None = None, link_text: str = "") -> None:
        shown = text if isinstance(text, tuple) else tuple(filter(None, (one_line(text),)))
        if shown:
            facts.append(Fact(label, shown, link, link_text))

    if not letter.confirmed:
        add("Requested by the client" if to_photographer else "You asked for", requested)
    add("What", letter.summary)
    add("Type of appointment", letter.appt_type)
    map_link = f"https://www.google.com/maps/search/?api=1&query={quote_plus(address)}" if address else None
    add("Where", address, map_link if to_photographer else None, "Open in Maps")
    add("Location", letter.location if one_line(letter.location) != address else "")
    add("Details", lines(letter.description))
    if to_photographer:
        add("Client", letter.client_name)
    else:
        add("Photographer", letter.photographer_name)
    return tuple(facts)
