"""What the tests of `deploy/` share: its files, the Procfile, and the variables that something reads."""

import re
from pathlib import Path
from typing import Any

import yaml

from sandbox import procfile
from settings import Settings
from tests.contracts.source import ROOT

DEPLOY = ROOT / "deploy"
PROCESSES = procfile.read(ROOT / "Procfile")
READ_BY_OTHERS = {
    "FLOWER_BASIC_AUTH",  # Flower
    "FLOWER_URL_PREFIX",
    "GUNICORN_CMD_ARGS",
    "PATH",
    "HOME",
    "PYTHONPATH",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONUNBUFFERED",
    "POSTGRES_DB",  # the image of PostgreSQL
    "POSTGRES_USER",
    "POSTGRES_PASSWORD",
    "SANDBOX_WEBHOOK_URL",  # the Mandrill sandbox
}
KNOWN = {name.upper() for name in Settings.model_fields} | READ_BY_OTHERS
"""Every variable that anything reads."""

LONGEST_S = {
    # Each is what the process may need after SIGTERM, by the table in docs/deploy.md.
    "web": 15,
    "worker-clocks": 45,
    "worker-mail": 45,
    "relay": 12,
    "beat": 5,
    "flower": 5,
    "mandrill": 5,
}


def documents(path: Path) -> list[dict[str, Any]]:
    """Every document of a YAML file."""
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def seconds(duration: str) -> int:
    """`60s` and `2m` as seconds."""
    found = re.fullmatch(r"(\d+)([sm])", duration)
    assert found, duration
    return int(found[1]) * {"s": 1, "m": 60}[found[2]]


def exported(example: Path) -> dict[str, str]:
    """The variables of a file in the form of `.env`."""
    return dict(re.findall(r"^([A-Z_]+)=(.*)$", example.read_text(), re.MULTILINE))
