"""`flask mail`: looking at the mails that the product writes, without sending any."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from cli.failures import Failure, Group
from models import database
from settings import get_settings
from tasks import catalogue
from tasks.letters import NothingToWriteError, letter_to_preview
from tasks.mail.addresses import AddressError
from tasks.mail.compose import Mail, compose
from tasks.mail.letter import Kind, Role

KINDS: Final[dict[str, Kind]] = {
    kind.short_name: kind.name for kind in catalogue.KINDS.values() if kind.is_mail
}
OTHER_WORDS: Final = {
    "confirmed": "confirmation",
    "request": "confirmation",
    "changed": "change",
    "cancelled": "cancellation",
} | {kind: name for name, kind in KINDS.items()}
"""What else a kind may be called: by what the mail says, and by its command."""

FORMATS: Final = ("html", "txt", "ics")


class KindOfMail(click.ParamType[tuple[str, Kind]]):
    """A kind by any of its names, as the pair of its word and the command's kind."""

    name = "kind"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Kind]:
        word = value.lower()
        name = OTHER_WORDS.get(word, word)
        if name not in KINDS:
            self.fail(
                f"{value!r} is no kind of mail; the kinds are {', '.join((*KINDS, *OTHER_WORDS))}.",
                param,
                ctx,
            )
        return word, KINDS[name]


@click.group(cls=Group)
def mail() -> None:
    """What the mails say."""


@mail.command(with_appcontext=False)
@click.argument("kind", type=KindOfMail())
@click.option("--appointment", type=click.IntRange(1, 2**63 - 1), required=True, help="Its id.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    default="-",
    show_default=True,
    help='Where to; .html, .txt or .ics decides what is written. "-" is standard output.',
)
@click.option("--format", "chosen", type=click.Choice(FORMATS), help="HTML, text or calendar file.")
@click.option(
    "--to",
    "role",
    type=click.Choice(["client", "photographer"]),
    default="client",
    show_default=True,
    help="Whom a change or a cancellation is written to.",
)
def preview(kind: tuple[str, Kind], appointment: int, out: Path, chosen: str | None, role: Role) -> None:
    """Write the mail of KIND about an appointment, as it would go out now. Nothing is sent.

    KIND is confirmation, assignment, change or cancellation. A confirmation says what the appointment says;
    "confirmed" and "request" show one or the other.
    """
    word, command_kind = kind
    form = chosen or _format_of(out)
    only_to = catalogue.KINDS[command_kind].only_to
    made = _composed(word, command_kind, appointment, only_to or role)
    content = _content(made, form)
    if str(out) == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        out.write_bytes(content)
    except OSError as error:
        raise Failure(f"{out} cannot be written: {error.strerror or error}.") from None
    click.echo(f"{out}: {made.subject}", err=True)


def _format_of(out: Path) -> str:
    if str(out) == "-":
        return "html"
    suffix = out.suffix.lower().removeprefix(".")
    form = "html" if suffix == "htm" else suffix
    if form not in FORMATS:
        raise click.UsageError("The name behind --out ends in .html, .txt or .ics; else give --format.")
    return form


def _composed(word: str, kind: Kind, appointment_id: int, role: Role) -> Mail:
    settings = get_settings()
    try:
        with database.transaction() as connection:
            letter = letter_to_preview(connection, appointment_id, kind, role, settings)
        if word in ("confirmed", "request"):
            letter = replace(letter, confirmed=word == "confirmed", cancelled=False)
        return compose(letter, mail_from=settings.mail_from)
    except (NothingToWriteError, AddressError) as problem:
        raise Failure(str(problem)) from None


def _content(made: Mail, form: str) -> bytes:
    if form == "ics":
        if not made.attachments:
            raise Failure(
                "This mail has no calendar file: it has one when the time is fixed, and a client's only when"
                " the appointment was confirmed."
            )
        return made.attachments[0].content
    return (made.html if form == "html" else made.text).encode()
