"""Where mail may be sent to: the check at start-up that key and URL belong together.

A wrong pair is silent otherwise: real clients get no mail because a sandbox key went to production, or a real
key is shown to a host that has no business with it (mail.md section 3, "Switch").
"""

from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import SecretStr

SANDBOX_PREFIX = "sandbox-"
MANDRILL_DOMAIN = "mandrillapp.com"


class DestinationError(ValueError):
    """Key and URL must not be used together. The message is a sentence and never holds the key."""


def check_destination(url: str, key: str | SecretStr) -> None:
    """Refuse a Mandrill URL and key that do not belong together.

    On loopback any key will do, because what listens there is a stand-in of this machine. A sandbox key (it
    starts with `sandbox-`) may also go to a host without a dot in its name, a service of a compose network.

    Raises:
        DestinationError: no key; an unusable URL; a sandbox key to mandrillapp.com; any other key to a host
            that is neither mandrillapp.com nor loopback; plain http beyond this machine and its compose
            network.
    """
    secret = key.get_secret_value() if isinstance(key, SecretStr) else key
    if not secret.strip():
        raise DestinationError("MANDRILL_API_KEY is not set; without a key no mail can be sent.")
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        _ = parts.port
    except ValueError:
        raise DestinationError("MANDRILL_URL is not a URL.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise DestinationError("MANDRILL_URL must be like https://mandrillapp.com/api/1.0.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise DestinationError("MANDRILL_URL must not hold a user name, a query or a fragment.")
    if is_loopback(host):
        return
    is_mandrill = host == MANDRILL_DOMAIN or host.endswith("." + MANDRILL_DOMAIN)
    is_sandbox_key = secret.startswith(SANDBOX_PREFIX)
    if is_mandrill and is_sandbox_key:
        raise DestinationError(
            "MANDRILL_API_KEY is a sandbox key, but MANDRILL_URL is the real Mandrill; set the account's key."
        )
    if not is_mandrill and not is_sandbox_key:
        raise DestinationError(
            f"MANDRILL_API_KEY looks like a real key, but MANDRILL_URL is {host}, not {MANDRILL_DOMAIN}; "
            f"a real key is shown to Mandrill only. A stand-in gets a key that starts with {SANDBOX_PREFIX}."
        )
    in_compose_network = is_sandbox_key and "." not in host and ":" not in host
    if parts.scheme != "https" and not in_compose_network:
        raise DestinationError(f"MANDRILL_URL must be https, because {host} is not this machine.")


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be this machine (RFC 6761 section 6.3 for `localhost`)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
