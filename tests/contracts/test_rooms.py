"""Law 1: who may import whom; and what a web process never loads."""

import subprocess
import sys

import pytest

from tests.contracts.source import ROOT, imports, is_within, modules, production_modules

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "settings": (),
    "telemetry": ("settings", "models.token_spelling"),
    "tracing": ("settings",),
    "measures": ("settings",),
    "models": ("settings",),
    "models.clock": (),
    "tasks": ("models", "settings", "tracing", "measures"),
    "workers": ("tasks", "models", "settings", "telemetry", "measures"),
    "api": (
        "models",
        "tasks.door",
        "tasks.mail_door",
        "tasks.rehearsal",
        "settings",
        "telemetry",
        "tracing",
        "measures",
    ),
    "sandbox": ("settings",),
    "cli": ("api", "models", "tasks", "sandbox", "settings", "telemetry", "celeryconfig"),
    "celeryconfig": ("tasks.catalogue", "settings"),
    "migrations": ("models", "settings"),
    "deploy": ("settings",),
    "trials": ("sandbox", "models", "settings"),
    "bench": ("trials", "sandbox", "models", "settings"),
    "chaos": ("trials", "sandbox", "models", "settings"),
}
"""The rooms of design.md and what each may import beside itself. The longest name that fits a module counts."""

NEVER_IN_PRODUCTION = ("sandbox", "tests", "trials", "bench", "chaos")

OF_A_WORKER = (
    *("tasks.mail", "tasks.publishing", "workers", "sandbox"),
    # Redis is not among them: rate limits are counted there (`api/rate_limits.py`), and without kombu nobody publishes.
    *("celery", "kombu", "timezonefinder", "zipcodes", "numpy", "h3"),
)
"""What belongs to workers: a web process that loaded it would be heavy, or could publish and send by itself."""

READING_OF_MAILS = {
    "tasks.mail",
    *(f"tasks.mail.{name}" for name in ("addresses", "events", "hints", "plain")),
}
"""The pure part of the wall, which a web process needs for what the provider tells by webhook."""


def room_of(name: str) -> str:
    return max((room for room in MAY_IMPORT if is_within(name, room)), key=len)


def projects_own(name: str) -> bool:
    return any(is_within(name, other.split(".")[0]) for other in modules())


RULED = [name for name in modules() if name.split(".")[0] in MAY_IMPORT]


@pytest.mark.parametrize("name", RULED)
def test_a_module_imports_only_what_its_room_may(name: str):
    room = room_of(name)
    allowed = (*MAY_IMPORT[room], room)
    foreign = {
        imported
        for imported in imports(name)
        if projects_own(imported) and not any(is_within(imported, other) for other in allowed)
    }
    assert foreign == set(), f"{name} is in the room {room}"


def test_every_room_of_the_table_exists():
    for room in MAY_IMPORT:
        assert any(is_within(name, room) for name in modules()) or (ROOT / room).is_dir(), room


def test_production_knows_nothing_of_sandbox_and_tests():
    for name in production_modules():
        if is_within(name, "cli"):
            continue  # `flask demo` makes what `make run` shows
        for imported in imports(name):
            assert imported.split(".")[0] not in NEVER_IN_PRODUCTION, f"{name} imports {imported}"


def test_api_and_workers_never_meet():
    for name in modules():
        rooms = {imported.split(".")[0] for imported in imports(name)} | {name.split(".")[0]}
        if "tests" not in rooms and "bench" not in rooms:
            assert not {"api", "workers"} <= rooms, name


def test_the_clocks_import_nothing_that_could_do_anything():
    forbidden = {
        "os",
        "socket",
        "pathlib",
        "subprocess",
        "sqlalchemy",
        "flask",
        "celery",
        "requests",
        "urllib3",
    }
    for name in modules():
        if is_within(name, "models.clock"):
            assert not forbidden & {imported.split(".")[0] for imported in imports(name)}, name


@pytest.mark.parametrize("loaded", ["import api.app", "import api.app; api.app.create_app()"])
def test_a_web_process_loads_nothing_of_a_worker(loaded: str):
    script = f"import sys; {loaded}; print('\\n'.join(sys.modules))"
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert "api.pipeline" in found
    heavy = {name for name in found if any(is_within(name, room) for room in OF_A_WORKER)}
    assert heavy <= READING_OF_MAILS
