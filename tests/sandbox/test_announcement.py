"""What `make run` says when everything runs: addresses that lead somewhere, in `run.json` and in the block."""

import pytest

from sandbox.announcement import block, run_file

ENVIRONMENT = {
    "PORT": "8000",
    "FLOWER_PORT": "5555",
    "FLOWER_BASIC_AUTH": "flower:secret",
    "SANDBOX_PORT": "8025",
    "MANDRILL_URL": "https://mandrillapp.com/api/1.0",
    "DATABASE_URL": "postgresql+psycopg://postgres@127.0.0.1:5432/run",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "VAR_DIR": "/somewhere/var",
}


def announced() -> dict:
    return run_file(ENVIRONMENT, own_sandbox=True, pids={"web": 1}, demo={})


def test_the_addresses_of_people_stand_beside_that_of_the_api():
    run = announced()
    assert run["documentation"] == "http://127.0.0.1:8000/documentation/"
    assert run["console"] == "http://127.0.0.1:8000/console"
    assert run["database_url"] == "postgresql://postgres@127.0.0.1:5432/run"


@pytest.mark.parametrize("title", ["API", "Documentation", "Console", "Flower", "Mandrill", "Logs"])
def test_the_block_has_a_line_for_each(title: str):
    lines = [line.split() for line in block(announced(), own_sandbox=True, seconds=3).splitlines()]
    assert [line[0] for line in lines if line].count(title) == 1


def test_the_documentation_and_the_console_are_served_there():
    from api.app import create_app

    paths = {rule.rule for rule in create_app(serving=False).url_map.iter_rules()}
    assert {"/documentation/", "/console"} <= paths | {path.rstrip("/") for path in paths}
