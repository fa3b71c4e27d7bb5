"""The account a server runs under.

PostgreSQL refuses to run as root, so a run as root needs another account for it: the packaged `postgres`, or
`nobody`. Nothing of the machine is changed for that (no account is made, no directory is opened up): where
the other account cannot reach a path, the caller puts its files somewhere else.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Account:
    """An entry of the password database."""

    name: str
    uid: int
    gid: int

    def for_subprocess(self) -> dict[str, Any]:
        """Keyword arguments that make `subprocess` run a program under this account alone."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def running_as_root() -> bool:
    """Whether this process has root's powers."""
    return os.geteuid() == 0


def unprivileged_account(data: Path | None = None) -> Account | None:
    """The account to run PostgreSQL under, or None when that is the one we already have.

    `data` is an existing data directory: whoever owns it goes on owning it, unless that is root.
    Raises LookupError with a sentence when root has no account to step down to.
    """
    if not running_as_root():
        return None
    candidates: list[int | str] = ["postgres", "nobody"]
    if data is not None and data.exists() and data.stat().st_uid != 0:
        candidates.insert(0, data.stat().st_uid)
    for candidate in candidates:
        try:
            entry = pwd.getpwuid(candidate) if isinstance(candidate, int) else pwd.getpwnam(candidate)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise LookupError(
        "PostgreSQL does not run as root, and this machine has neither an account 'postgres' nor 'nobody' "
        "to run it under. Start as a plain user, or set DATABASE_URL to a server that runs elsewhere."
    )


def can_enter(account: Account | None, directory: Path) -> bool:
    """Whether the account may pass through the directory."""
    return _works(account, ["/bin/sh", "-c", 'cd "$1"', "sh", str(directory)])


def can_run(account: Account | None, program: Path) -> bool:
    """Whether the account may run the program, tried by asking for its version."""
    return _works(account, [str(program), "--version"])


def _works(account: Account | None, command: list[str]) -> bool:
    try:
        return (
            subprocess.run(
                command,
                check=False,
                capture_output=True,
                timeout=10,
                cwd="/",
                **(account.for_subprocess() if account else {}),
            ).returncode
            == 0
        )
    except (OSError, subprocess.SubprocessError):
        return False
