"""Mail addresses, checked before the provider sees them.

Mandrill garbles internationalised local parts, and an address that carries a line break or a list would write
to people nobody meant; so every address is read strictly here, as one plain ASCII mailbox (mail.md section
4).
"""

from dataclasses import dataclass, field
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from tasks.mail.plain import one_line


class AddressError(ValueError):
    """The address cannot be written to. The message is a sentence that does not repeat the address."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """One address with the name shown beside it; kept out of `repr` as personal data."""

    email: str = field(repr=False)
    name: str = field(default="", repr=False)


def checked_mailbox(mailbox: Mailbox) -> Mailbox:
    """The same mailbox with a checked address (its ASCII form) and a name of one line.

    Raises:
        AddressError: not exactly one address that mail can be sent to.
    """
    try:
        found = validate_email(
            mailbox.email.strip(), check_deliverability=False, strict=True, allow_smtputf8=False
        )
    except EmailNotValidError as fault:
        raise AddressError(f"The mail address cannot be used: {one_line(str(fault))}") from None
    return Mailbox(found.ascii_email or found.normalized, one_line(mailbox.name))


@lru_cache(maxsize=4)  # it is read for every mail, and always the same
def sender_mailbox(text: str) -> Mailbox:
    """Read MAIL_FROM: `Name <address>` or a bare address.

    Raises:
        AddressError: neither of the two.
    """
    try:
        found = validate_email(
            text.strip(),
            check_deliverability=False,
            strict=True,
            allow_smtputf8=False,
            allow_display_name=True,
        )
    except EmailNotValidError as fault:
        raise AddressError(f"MAIL_FROM must be like 'Name <address>': {one_line(str(fault))}") from None
    return Mailbox(found.ascii_email or found.normalized, one_line(found.display_name or ""))
