"""What a run tells about itself: the content of `run.json`, and the block that ends the start."""

import json
import shlex
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.ports import LOOPBACK


def run_file(
    environment: Mapping[str, str], *, own_sandbox: bool, pids: Mapping[str, int], demo: Mapping[str, Any]
) -> dict[str, Any]:
    """The content of `run.json`, from the environment that the run's processes have."""
    base = f"http://{LOOPBACK}"
    api = f"{base}:{environment['PORT']}"
    return {
        "api": api,
        "console": f"{api}/console",
        "documentation": f"{api}/documentation/",
        "flower": f"{base}:{environment['FLOWER_PORT']}",
        "flower_login": environment["FLOWER_BASIC_AUTH"],
        "mandrill": f"{base}:{environment['SANDBOX_PORT']}" if own_sandbox else environment["MANDRILL_URL"],
        "database_url": environment["DATABASE_URL"].replace("+psycopg", "", 1),
        "redis_url": environment["REDIS_URL"],
        "logs": environment["VAR_DIR"] + "/log",
        "pids": dict(pids),
        "demo": dict(demo),
    }


def block(run: Mapping[str, Any], *, own_sandbox: bool, seconds: float) -> str:
    """The block to be printed when everything runs; `seconds` is how long the start took."""
    demo = run["demo"]
    token = next(iter(demo.get("application_tokens", {}).values()), None)
    rows = [
        ("API", run["api"]),
        ("Documentation", run["documentation"]),
        ("Console", "  ".join([run["console"], *demo.get("console_login", {}).values()])),
        ("Flower", f"{run['flower']}  {run['flower_login'].replace(':', '  ', 1)}"),
        ("Mandrill", run["mandrill"] + ("  (the sandbox's inbox)" if own_sandbox else "")),
        ("Logs", run["logs"]),
    ]
    if token:
        rows.append(("Token", token))
    lines = ["", *(f"  {title:<14} {value}" for title, value in rows), ""]
    if token:
        lines += [_curl_line(run["api"], token, demo), ""]
    return "\n".join([*lines, f"  Started in {seconds:.1f} s. Ctrl-C stops everything."])


def _curl_line(api: str, token: str, demo: Mapping[str, Any]) -> str:
    """A create to paste: next week at ten, for the first demo order."""
    mountain_now = datetime.now(UTC).astimezone(ZoneInfo("America/Denver"))
    body = {
        "token": token,
        "updated_at_mt": mountain_now.strftime("%Y-%m-%d %H:%M:%S"),
        "order_id": next(iter(demo.get("order_ids", {}).values()), None),
        "date_start_local": (mountain_now + timedelta(days=7)).strftime("%Y-%m-%d"),
        "time_start_local": "10:00",
        "time_duration": "1:30",
    }
    given = json.dumps({name: value for name, value in body.items() if value is not None})
    return (
        f"  curl -s {api}/api/v1/appointments/create -H 'Content-Type: application/json' \\\n"
        f"    -d {shlex.quote(given)}"
    )
