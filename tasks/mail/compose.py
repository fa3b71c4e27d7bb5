"""From a `Letter` to a finished `Mail`: subject, text and HTML, each saying the same, and the calendar file.

What is said is decided in `view`; the templates add the sentences around it. Escaping is the HTML templates'
own (autoescape by file name, because Jinja's `select_autoescape` does not know `.html.jinja`); a name missing
in a template is an error, not a blank.
"""

import hashlib
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import css_inline
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tasks.catalogue import KINDS, SEND_CONFIRMATION
from tasks.mail.addresses import AddressError, Mailbox, checked_mailbox, sender_mailbox
from tasks.mail.calendar import Attachment, calendar_file
from tasks.mail.letter import Kind, Letter
from tasks.mail.plain import one_line
from tasks.mail.view import view_of

_BLANK_LINES = re.compile(r"\n{3,}")
TEMPLATES = Path(__file__).parent / "templates"
DIGEST_LENGTH = 12


class Template(NamedTuple):
    """What a mail was written with: the template's name, and a digest of every file that it is made of."""

    name: str
    version: str


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
    attachments: tuple[Attachment, ...] = field(default=(), repr=False)
    dropped_copies: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """(address, reason) of copies that cannot be written to; the mail goes out without them."""
    template: Template | None = None


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
    is_alone = KINDS[letter.kind].stands_alone
    attached = None if is_alone else calendar_file(letter, organizer=sender, attendee=to)
    view = view_of(letter, sender=sender, to=to, calendar=None if attached is None else attached.method)
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
        attachments=() if attached is None else (attached,),
        dropped_copies=dropped,
        template=Template(name, _version(name)),
    )


@lru_cache(maxsize=16)
def _version(name: str) -> str:
    """The first characters of a SHA-256 over the template's files, its frame's and those that it includes."""
    files = [path for path in TEMPLATES.glob("*.jinja") if path.name.startswith((f"{name}.", "layout.", "_"))]
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:DIGEST_LENGTH]


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
    if letter.withdrawn:
        return "withdrawal"
    if letter.tells_cancellation:
        return "cancellation"
    if letter.kind == SEND_CONFIRMATION.name and not letter.confirmed:
        return "request"
    return KINDS[letter.kind].short_name


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
