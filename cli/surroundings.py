"""What `flask doctor` says of the place that a process runs in: its directories, its address, what stands before it.

A laptop, a host under systemd and a container need different things. What is meant follows from the settings: which
process this is, where it listens, what people call it. Nothing is written, and nothing is asked over the network.
"""

import ipaddress
import os
from pathlib import Path
from urllib.parse import urlsplit

from cli.findings import Finding
from settings import Settings

WRITERS = ("beat", "flower", "mandrill")
"""The processes that keep something in VAR_DIR."""


def look_around(settings: Settings) -> tuple[Finding, ...]:
    """Every check of the surroundings."""
    return (_data(settings), _counts(settings), _address(settings), _proxies(settings), _metrics(settings))


def _data(settings: Settings) -> Finding:
    place = settings.var_dir.absolute()
    role = settings.process_name.split("@")[0]
    if role and role not in WRITERS:
        return Finding("data directory", True, f"VAR_DIR is not used by {role}.")
    if fault := _unwritable(place):
        hint = "Set VAR_DIR to a directory of this account; in a container, mount a volume there."
        return Finding("data directory", False, f"VAR_DIR, {place}, {fault}: beat cannot start.", hint)
    return Finding("data directory", True, f"VAR_DIR, {place}, can be written.")


def _counts(settings: Settings) -> Finding:
    place = settings.prometheus_multiproc_dir
    if place is None:
        return Finding(
            "metrics directory",
            settings.app_env != "production",
            "PROMETHEUS_MULTIPROC_DIR is not set: each process tells its own numbers, and nobody the workers'.",
            "Set it to a directory of this host or container, the same for all of its processes.",
        )
    # It is there and can be written: nothing of ours starts otherwise, this command included.
    return Finding("metrics directory", True, f"The processes of this host count together in {place}.")


def _unwritable(place: Path) -> str:
    """Why nothing can be kept there, or nothing. The kernel is asked, so a read-only file system counts."""
    if not place.is_dir():
        return "is not a directory" if place.exists() else "does not exist"
    return "" if os.access(place, os.W_OK | os.X_OK) else "cannot be written"


def _address(settings: Settings) -> Finding:
    url = settings.public_url
    if _is_of_this_host(url) and (settings.trusted_proxies or not _is_loopback(settings.listen_address)):
        message = (
            f"PUBLIC_URL is {url}, which nobody but this host can reach; links and webhooks would lead there."
        )
        return Finding("public address", False, message, "Set PUBLIC_URL to the address that people use.")
    return Finding("public address", True, f"People reach this service at {url}.")


def _proxies(settings: Settings) -> Finding:
    number = settings.trusted_proxies
    # The web process speaks plain HTTP, so whoever is promised https is served by something before it.
    if not number and settings.public_url.startswith("https://"):
        return Finding(
            "proxies",
            False,
            "PUBLIC_URL is https, so a proxy stands before the web processes, and TRUSTED_PROXIES is 0: every"
            " caller has the proxy's address, and one who guesses tokens or passwords locks all of them out.",
            "Set TRUSTED_PROXIES to the number of proxies that write X-Forwarded-For, mostly 1.",
        )
    if number:
        return Finding(
            "proxies", True, f"The last {number} of X-Forwarded-For {'is' if number == 1 else 'are'} trusted."
        )
    return Finding("proxies", True, "None stands before the web processes; the peer is the client.")


def _metrics(settings: Settings) -> Finding:
    if settings.metrics_token.get_secret_value():
        return Finding("metrics", True, "Whoever sends METRICS_TOKEN may read /metrics.")
    if _is_loopback(settings.listen_address):
        return Finding("metrics", True, "Callers on this host that come without a proxy may read /metrics.")
    hint = "Set METRICS_TOKEN, and give it to Prometheus."
    return Finding("metrics", False, "Nobody beyond this container can read /metrics.", hint)


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def _is_of_this_host(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return _is_loopback(host)
    except ValueError:
        return host == "localhost"
