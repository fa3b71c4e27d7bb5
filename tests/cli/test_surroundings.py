"""What `flask doctor` says of the place that it runs in: a laptop, a host behind a proxy, a container."""

from pathlib import Path
from typing import Any

import pytest

from cli.surroundings import look_around
from settings import Settings

LAPTOP: dict[str, Any] = {"app_env": "development"}
CONTAINER: dict[str, Any] = {
    "app_env": "production",
    "secret_key": "s" * 40,
    "mandrill_api_key": "md-key",
    "mail_from": "Office <office@of.this.test>",
    "public_url": "https://of.this.test",
    "listen_address": "0.0.0.0",
    "trusted_proxies": 1,
    "metrics_token": "t" * 20,
    "process_name": "web",
}


def wrong(tmp_path: Path, **given: Any) -> dict[str, str]:
    """What is wrong, by check: the message and the hint."""
    (tmp_path / "metrics").mkdir(exist_ok=True)
    places = {"var_dir": tmp_path, "prometheus_multiproc_dir": tmp_path / "metrics"}
    found = look_around(Settings(_env_file=None, **{**places, **given}))
    return {finding.check: f"{finding.message} {finding.hint}" for finding in found if not finding.ok}


@pytest.mark.parametrize("place", [LAPTOP, CONTAINER], ids=["laptop", "container"])
def test_a_place_with_all_that_is_needed_is_well(tmp_path: Path, place: dict[str, Any]) -> None:
    assert wrong(tmp_path, **place) == {}


@pytest.mark.parametrize(
    ("place", "changed", "check", "told"),
    [
        (LAPTOP, {"listen_address": "0.0.0.0"}, "public address", "Set PUBLIC_URL"),
        (LAPTOP, {"trusted_proxies": 1}, "public address", "nobody but this host"),
        (CONTAINER, {"trusted_proxies": 0}, "proxies", "Set TRUSTED_PROXIES"),
        (CONTAINER, {"metrics_token": ""}, "metrics", "Set METRICS_TOKEN"),
        (
            CONTAINER,
            {"prometheus_multiproc_dir": None},
            "metrics directory",
            "PROMETHEUS_MULTIPROC_DIR is not set",
        ),
        (
            CONTAINER,
            {"process_name": "beat", "var_dir": Path("/nowhere/at/all")},
            "data directory",
            "mount a volume",
        ),
        (LAPTOP, {"var_dir": Path("/dev/null")}, "data directory", "is not a directory"),
    ],
)
def test_what_is_missing_is_named(
    tmp_path: Path, place: dict[str, Any], changed: dict[str, Any], check: str, told: str
) -> None:
    assert told in wrong(tmp_path, **{**place, **changed})[check]


def test_a_process_that_keeps_nothing_needs_no_data_directory(tmp_path: Path) -> None:
    assert wrong(tmp_path, **{**CONTAINER, "var_dir": Path("/nowhere/at/all")}) == {}


@pytest.mark.parametrize("address", ["localhost", "127.0.0.1:8000", "", "0.0.0"])
def test_a_process_listens_on_an_ip_address_only(address: str) -> None:
    with pytest.raises(ValueError, match="LISTEN_ADDRESS must be an IP address"):
        Settings(_env_file=None, listen_address=address)
