"""The page behind the button of a client's mail: requests that work when they are pasted into a shell."""

import html
import json
import re
import subprocess

import pytest

from sandbox.environment import RunnerSettings, environment_of
from settings import Settings
from tests.sandbox.mandrill.conftest import Sandbox

UUID = "c41d7b90-2e68-4f35-9a17-60d8e2b5f3ac"


def test_a_run_leads_the_mails_of_its_sandbox_there_and_leaves_what_was_set(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MANDRILL_URL", raising=False)
    given = environment_of(RunnerSettings(sandbox_port=sandbox.port))
    settings = Settings(appointment_url=given["APPOINTMENT_URL"], office_phone=given["OFFICE_PHONE"])
    path = settings.appointment_url.format(uuid=UUID).removeprefix(sandbox.url)
    assert UUID in sandbox.get(path).data.decode()
    own = {"appointment_url": "https://app.example.com/{uuid}", "office_phone": "+1 303 555 0199"}
    kept = environment_of(RunnerSettings(**own))
    assert (kept["APPOINTMENT_URL"], kept["OFFICE_PHONE"]) == tuple(own.values())
    assert "APPOINTMENT_URL" not in environment_of(
        RunnerSettings(mandrill_url="https://mandrillapp.com/api/1.0")
    )


@pytest.mark.parametrize(
    ("title", "given"), [("Move to 2 PM", {"time_start_local": "2:00 PM"}), ("Cancel", {})]
)
def test_its_lines_are_read_by_a_shell_as_they_are_meant(sandbox: Sandbox, title: str, given: dict) -> None:
    page = sandbox.get(f"/appointments/{UUID}").data.decode()
    line = html.unescape(
        re.search(rf'<h2>{title}</h2>\s*<pre class="letter">(.*?)</pre>', page, re.DOTALL)[1]
    )
    # `curl` is a function here that prints its last argument, the body.
    script = f'curl() {{ for last; do :; done; printf %s "$last"; }}; TOKEN=session_1\n{line}'
    body = json.loads(subprocess.run(["/bin/sh", "-c", script], capture_output=True, check=True).stdout)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", body.pop("updated_at_mt"))
    assert body == {"token": "session_1", "uuid": UUID, **given}


def test_what_is_no_uuid_is_not_there(sandbox: Sandbox) -> None:
    assert sandbox.get("/appointments/1042").status == 404
