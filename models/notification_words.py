"""Notifications in people's words: a title for every status and cause, and how it stands with a failed mail.

The set of causes is open (the provider adds some unannounced): one without words is shown as it is.
"""

from typing import Final

from models.notifications import (
    ABOUT_ONE_RECIPIENT,
    COMMAND_FAILED,
    FAILURE_CLASSES,
    MAIL_INCIDENT,
    MANDRILL_EMAIL_FAILED,
    MANDRILL_EMAIL_HELD,
    MANDRILL_UNAVAILABLE,
    PHOTOGRAPHER_DOUBLE_BOOKED,
)

STATUS_TITLES: Final = {
    MANDRILL_EMAIL_FAILED: "A mail failed",
    MAIL_INCIDENT: "Many mails failed alike",
    MANDRILL_EMAIL_HELD: "Mandrill holds mails back",
    MANDRILL_UNAVAILABLE: "Mandrill fails again and again",
    COMMAND_FAILED: "Our own code failed",
    PHOTOGRAPHER_DOUBLE_BOOKED: "A photographer is booked twice",
    "clock-frame-mismatch": "Times of one appointment contradict each other",
    "clock-nonexistent-time": "A time that the clocks jump over",
    "clock-duration-mismatch": "The duration does not fit start and stop",
    "clock-duration-conflict": "Two durations contradict each other",
    "clock-stop-before-start": "An appointment ends before it starts",
    "clock-updated-at-mismatch": "Two times of the last update contradict each other",
    "clock-zone-source-mismatch": "Sources disagree about a property's time zone",
    "clock-implausible-offset": "A local time that no clock can show",
    "clock-offset-inconsistent": "Start and stop are on different clocks",
    "clock-allday-with-time": "An all-day appointment with a time",
    "clock-allday-with-duration": "An all-day appointment with a duration",
    "clock-window-unit-suspect": "A window's times look like minutes",
    "clock-window-time-reversed": "A window's times are reversed",
    "clock-window-date-reversed": "A window's dates are reversed",
    "clock-tz-rules-changed": "The rules of a time zone changed",
    "clock-assumed-fold": "A time that the clocks show twice",
}
CAUSE_TITLES: Final = {
    "Invalid_Key": "Mandrill does not accept our key",
    "PaymentRequired": "Mandrill wants to be paid",
    "Unknown_Template": "Mandrill does not know the template",
    "Unknown_Subaccount": "Mandrill does not know the subaccount",
    "Unknown_Message": "Mandrill no longer knows the message",
    "ValidationError": "Mandrill does not accept the mail's form",
    "Invalid_Tag_Name": "Mandrill does not accept a tag",
    "RequestLimitExceeded": "Too many calls to Mandrill",
    "ServiceUnavailable": "Mandrill is not available",
    "GeneralError": "Mandrill failed internally",
    "hard-bounce": "The mailbox does not exist",
    "soft-bounce": "The mailbox was full or away",
    "spam": "The recipient marked an earlier mail as spam",
    "unsub": "The recipient unsubscribed",
    "custom": "The address is on our own rejection list",
    "invalid-sender": "Our sender is not accepted",
    "invalid": "The address cannot receive mail",
    "test-mode-limit": "The test key's daily limit is used up",
    "unsigned": "Our domain is not authenticated",
    "rule": "A rule of the Mandrill account rejects the mail",
    "recipient-domain-mismatch": "A trial account writes only to its own domain",
    "sending-paused": "sending is paused",
    "sending-suspended": "sending is suspended",
    "account-suspended": "the account is suspended",
    "free-trial-sends-exhausted": "the free trial is used up",
    "monthly-limit-reached": "the monthly limit is reached",
    "destination": "Key and address of Mandrill do not belong together",
    "rejected": "Mandrill rejects the mail",
    "tls-verification": "Mandrill's certificate was not accepted",
    "tls-handshake": "No encrypted connection to Mandrill",
    "dns": "Mandrill's host could not be looked up",
    "refused": "Nothing answers at Mandrill's address",
    "connect-timeout": "Mandrill's host did not answer",
    "connection-failed": "The connection to Mandrill broke",
    "read-timeout": "Mandrill stayed silent",
    "connection-lost": "The connection to Mandrill was lost",
    "deadline": "Mandrill answered too slowly",
    "bad-response": "What answers is not Mandrill",
    "redirected": "Mandrill's address redirects",
    "undecided": "Nobody knows whether the mail was sent",
}
COMPLAINED: Final = "The mail was delivered, and the recipient marked it as spam"

_HOLDS_UNTIL_MENDED: Final = (
    "The provider does not take this mail as long as its cause is not mended. The cause does not lie with the"
    " recipient: once it is mended, the same mail can be sent again."
)


def is_complaint(status: str, cause: str, cause_key: str | None) -> bool:
    """Whether this very mail was delivered and marked as spam; an earlier one has another cause key."""
    return status == MANDRILL_EMAIL_FAILED and cause == "spam" and (cause_key or "").startswith("spam@")


def lies_with_recipient(cause: str, reason: str | None) -> bool:
    """Whether another address would help: the reason is one recipient's, not the account's or the network's."""
    return bool(ABOUT_ONE_RECIPIENT & {cause, reason})


def title(status: str, cause: str, cause_key: str | None = None) -> str:
    """What a heading says about it; for a cause without words, the cause itself."""
    if is_complaint(status, cause, cause_key):
        return COMPLAINED
    of_status = STATUS_TITLES.get(status, status)
    if status in (MANDRILL_EMAIL_FAILED, MAIL_INCIDENT):
        return CAUSE_TITLES.get(cause) or f"{of_status}: {cause}"
    if status in (MANDRILL_EMAIL_HELD, MANDRILL_UNAVAILABLE, COMMAND_FAILED):
        return f"{of_status}: {CAUSE_TITLES.get(cause, cause)}"
    return of_status


def standing(status: str, cause: str, reason: str | None, cause_key: str | None, failure_class: str) -> str:
    """The sentence of a failure class, as it fits this cause."""
    if is_complaint(status, cause, cause_key):
        return "The recipient has the mail and does not want such mails."
    if failure_class == "permanent" and not lies_with_recipient(cause, reason):
        return _HOLDS_UNTIL_MENDED
    return FAILURE_CLASSES[failure_class]
