"""The image: its Dockerfile, what gets into it, and its entry point run for real with just these files."""

import fnmatch
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from sandbox.ports import free_port
from tests.contracts.source import ROOT, tracked_files
from tests.deploy.manifests import DEPLOY, KNOWN
from tests.waiting import eventually

RUN, HEALTHY = "deploy/container/run", "deploy/container/healthy"


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, continued lines joined."""
    lines = [
        line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if not line.strip().startswith("#")
    ]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split()[0], " ".join(line.split()[1:])) for line in joined.splitlines() if line.strip()]


FILE = instructions()
LAST = FILE[max(number for number, (name, _) in enumerate(FILE) if name == "FROM") :]
"""The stage that becomes the image."""


def given(name: str, stage: list[tuple[str, str]] = LAST) -> list[str]:
    return [argument for instruction, argument in stage if instruction == name]


def is_let_in(path: str) -> bool:
    """Whether `.dockerignore` lets a file into the build: the last line that matches it, or a folder of it, decides."""
    let_in = True
    parents = [path, *(str(parent) for parent in Path(path).parents if str(parent) != ".")]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.removeprefix("!")
        if pattern.startswith("**/"):
            matches = any(fnmatch.fnmatchcase(part, pattern[3:]) for part in Path(path).parts)
        else:
            matches = any(
                fnmatch.fnmatchcase(each, pattern) and each.count("/") == pattern.count("/")
                for each in parents
            )
        if matches:
            let_in = line.startswith("!")
    return let_in


def test_its_base_is_named_exactly_and_can_be_another() -> None:
    (name, default) = given("ARG", FILE)[0].split("=", 1)
    assert name == "PYTHON_IMAGE"
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", default)
    assert {base.split()[0] for base in given("FROM", FILE)} == {"${PYTHON_IMAGE}"}


def test_requirements_are_those_of_the_lock_and_no_compiler_is_needed() -> None:
    (install,) = [line for line in given("RUN", FILE) if "--requirement" in line]
    assert "--require-hashes --requirement requirements/production.txt" in install
    assert "--only-binary :all:" in install
    assert not [line for line in given("RUN", FILE) if "apt-get" in line]


def test_it_runs_without_root_and_stops_by_sigterm() -> None:
    assert given("USER") == ["10001:10001"]
    assert LAST.index(("USER", "10001:10001")) > max(LAST.index(("RUN", line)) for line in given("RUN"))
    assert given("STOPSIGNAL") == ["SIGTERM"]
    assert given("ENTRYPOINT") == [f'["{RUN}"]']
    assert HEALTHY in given("HEALTHCHECK")[0]
    assert given("VOLUME") == []


def test_every_variable_is_one_that_something_reads() -> None:
    names = set(re.findall(r"(?:^| )([A-Z_]+)=", " ".join(given("ENV"))))
    assert names <= KNOWN
    assert {"LISTEN_ADDRESS", "PYTHONDONTWRITEBYTECODE", "PROMETHEUS_MULTIPROC_DIR"} <= names


def test_every_file_of_every_room_is_let_in() -> None:
    rooms = {"api", "cli", "migrations", "models", "sandbox", "tasks", "workers"}
    names = [str(path.relative_to(ROOT)) for path in tracked_files()]
    needed = [
        name for name in names if name.split("/")[0] in rooms or re.fullmatch(r"\w+\.py|Procfile", name)
    ]
    assert len(needed) > 200
    assert [name for name in needed if not is_let_in(name)] == []


def test_what_is_copied_is_there_and_let_in() -> None:
    copied = [word for line in given("COPY", FILE) if "--from" not in line for word in line.split()[:-1]]
    for word in copied:
        assert (ROOT / word).exists(), word
        assert word == "." or is_let_in(word), word


@pytest.mark.parametrize(
    ("path", "is_in"),
    [
        ("api/app.py", True),
        ("api/console/static/vendor/x.css", True),
        ("migrations/versions/0001.py", True),
        ("settings.py", True),
        ("deploy/gunicorn.conf.py", True),
        (".env", False),
        ("deploy/.env", False),
        (".git/config", False),
        ("var/demo.json", False),
        ("tests/world.py", False),
        ("requirements/dev.txt", False),
        ("api/__pycache__/app.cpython-311.pyc", False),
    ],
)
def test_code_gets_in_and_secrets_data_and_history_do_not(path: str, is_in: bool) -> None:
    assert is_let_in(path) is is_in


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the image holds, and none beside them."""
    there = tmp_path_factory.mktemp("image")
    for path in tracked_files():
        name = str(path.relative_to(ROOT))
        if path.is_file() and is_let_in(name):
            (there / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, there / name)
    return there


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What a container's engine gives, with this machine's Python."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "TMPDIR": str(tmp_path),
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
        "VAR_DIR": str(tmp_path),
        "PORT": str(free_port()),
    }


def run(place: Path, environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=30
    )


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[Path]:
    """A place with the entry point and a Procfile of one line."""
    place = tmp_path / "place"
    (place / RUN).parent.mkdir(parents=True)
    shutil.copy2(ROOT / RUN, place / RUN)
    (place / "Procfile").write_text('show-it: printf "%s|" "$PROCESS_NAME" "$PORT" "two words"\n')
    yield place


def test_a_name_runs_its_line_of_the_procfile_with_what_follows(
    stand_in: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    ran = run(stand_in, environment, RUN, "show-it", "--more", "of it")
    assert ran.stdout == f"show-it|{environment['PORT']}|two words|--more|of it|"
    assert (tmp_path / "process-name").read_text() == "show-it\n"
    assert (tmp_path / "metrics").is_dir()


def test_other_words_are_a_command(stand_in: Path, environment: dict[str, str]) -> None:
    assert run(stand_in, environment, RUN, "echo", "a  b", "c").stdout == "a  b c\n"


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        ((), 64, "Say what to run: show-it"),
        (("shew",), 127, "shew is neither a process of the Procfile nor a command."),
        (("s.*",), 127, "neither"),
    ],
)
def test_what_cannot_be_run_is_told(
    stand_in: Path, environment: dict[str, str], words: tuple[str, ...], status: int, told: str
) -> None:
    ran = run(stand_in, environment, RUN, *words)
    assert ran.returncode == status
    assert told in ran.stderr


def test_a_container_without_a_place_to_write_says_what_it_needs(
    stand_in: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "a-file").touch()
    ran = run(stand_in, {**environment, "PROMETHEUS_MULTIPROC_DIR": f"{tmp_path}/a-file/x"}, RUN, "show-it")
    assert ran.returncode == 78
    assert "tmpfs" in ran.stderr


def test_the_front_door_works_with_the_images_files_alone(
    image: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    with (tmp_path / "log").open("wb") as log:
        web = subprocess.Popen(
            [RUN, "web", "--workers", "1"], cwd=image, env=environment, stdout=log, stderr=log
        )
    try:
        with urllib3.PoolManager(retries=False, timeout=2) as http:
            eventually(lambda: is_up(http, environment["PORT"]), within_s=30, what="web answers")
        assert run(image, environment, HEALTHY).stdout == "web answers.\n"
        # The entry point has become the server, so the signal reaches it.
        web.send_signal(signal.SIGTERM)
        assert web.wait(timeout=20) == 0
    finally:
        web.kill()
        web.wait()
    unwell = run(image, environment, HEALTHY)
    assert (unwell.returncode, unwell.stdout) == (1, f"web does not answer on port {environment['PORT']}.\n")


def is_up(http: urllib3.PoolManager, port: str) -> bool:
    try:
        url = f"http://127.0.0.1:{port}/healthz"
        return http.request("GET", url, headers={"Connection": "close"}).status == 200
    except urllib3.exceptions.HTTPError:
        return False
