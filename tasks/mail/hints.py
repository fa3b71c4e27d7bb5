"""What to do about each failure, as data: one sentence per name that Mandrill or the network may give.

Keys are, in this order of groups: error names, reject reasons, queued reasons, causes of our own. The set of
reject and queued reasons is open (Mandrill adds some unannounced), hence the fallback in `hint_for`.
"""

HINTS: dict[str, str] = {
    # Error names (the `name` of an error answer).
    "Invalid_Key": "Check MANDRILL_API_KEY: it is unknown to Mandrill, disabled, or of another account."
    " Restart the mail workers, without which a new key has no effect; then send again.",
    "PaymentRequired": "Mandrill wants a payment method or a payment; see the billing page of the account.",
    "Unknown_Template": "No template of that name exists in the Mandrill account.",
    "Unknown_Subaccount": "No subaccount of that name exists in the Mandrill account.",
    "Unknown_Message": "Mandrill no longer knows that message; it keeps them for a limited time.",
    "ValidationError": "Mandrill did not accept the form of the mail; its message names the field to mend.",
    "Invalid_Tag_Name": "A tag is over 50 characters long or starts with an underscore.",
    "RequestLimitExceeded": "Too many calls in a short time; it is tried again by itself.",
    "ServiceUnavailable": "Mandrill is not available for the moment; it is tried again by itself.",
    "GeneralError": "Mandrill failed internally; before a second try it is asked whether it has the mail.",
    # Reject reasons (the mail was understood, but this recipient will not get it).
    "hard-bounce": "The mailbox does not exist: correct the address and send again.",
    "soft-bounce": "The mailbox was full or away lately; this expires, and it is tried again in hours.",
    "spam": "The recipient marked a mail of ours as spam: reach them another way.",
    "unsub": "The recipient unsubscribed from this sender: ask them, then remove the rejection in Mandrill.",
    "custom": "The address is on the account's own rejection list; remove it there if that was a mistake.",
    "invalid-sender": "Mandrill does not accept MAIL_FROM as a sender: verify its domain in the account.",
    "invalid": "The address is not one that can receive mail: correct it and send again.",
    "test-mode-limit": "The daily limit of a Mandrill test key is used up.",
    "unsigned": "The domain of MAIL_FROM is not authenticated: set up DKIM and DMARC for Mandrill.",
    "rule": "A rule in the Mandrill account rejects this mail; see the account's rules.",
    "recipient-domain-mismatch": "A trial account may write only to its own domain: end the trial.",
    # Queued reasons that hold a mail back.
    "sending-paused": "Sending is paused in the Mandrill account: resume it there, and the mail goes out.",
    "sending-suspended": "Mandrill suspended the account's sending: contact its support.",
    "account-suspended": "Mandrill suspended the account: contact its support.",
    "free-trial-sends-exhausted": "The free trial is used up: choose a plan, and the mail goes out.",
    "monthly-limit-reached": "The plan's monthly limit is reached: raise it, and the mail goes out.",
    # Causes of our own.
    "destination": "Set MANDRILL_URL and MANDRILL_API_KEY so that they belong together, restart the workers, resend.",
    "rejected": "See the rejection in the Mandrill account, under the recipient's address.",
    "tls-verification": "The server's certificate is not one for MANDRILL_URL's host: check the URL, this "
    "machine's clock and its certificates. Nothing was sent.",
    "tls-handshake": "No encrypted connection came about: check that MANDRILL_URL is an https server.",
    "dns": "The host of MANDRILL_URL could not be looked up: check the URL and the machine's name servers.",
    "refused": "Nothing listens at MANDRILL_URL, or a firewall answers for it.",
    "connect-timeout": "The host of MANDRILL_URL did not answer a connection: check network and firewall.",
    "connection-failed": "The connection broke before the mail was handed over.",
    "read-timeout": "Mandrill took the request and stayed silent: it is asked whether it has the mail.",
    "connection-lost": "The connection broke after the mail was handed over: Mandrill is asked about it.",
    "deadline": "The answer came too slowly: Mandrill is asked whether it has the mail.",
    "bad-response": "What answered does not speak as Mandrill does: check MANDRILL_URL and proxies.",
    "redirected": "MANDRILL_URL answers with a redirect: correct it, or mend the proxy that redirects.",
}


def hint_for(*names: str | None) -> str:
    """The hint of the first name that has one; else the advice to look the name up in Mandrill.

    Give the most telling name first: reject reason, then error name, then cause.
    """
    for name in names:
        if name and name in HINTS:
            return HINTS[name]
    for name in names:
        if name:
            return f"Look up {name!r} in Mandrill's documentation and the account's activity log."
    return ""
