"""The example for nginx: what it hides, what it asks for, and that its own answers are answers of the contract."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from api.pipeline import MAX_BODY_BYTES
from api.signed import MAX_BODY_BYTES as MAX_WEBHOOK_BYTES
from api.statuses import STATUS
from tests.deploy.manifests import DEPLOY

SITE = (DEPLOY / "nginx.conf").read_text()
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")


def location(head: str) -> str:
    """The block of a location."""
    found = re.search(rf"location {re.escape(head)} *\{{(.*?)\n? *\}}\n", SITE, re.DOTALL)
    assert found, head
    return found[1]


@pytest.mark.skipif(NGINX is None, reason="nginx is not on this machine, so its example was not tried.")
def test_nginx_takes_it(tmp_path: Path) -> None:
    openssl = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=of.this.test",
    ]
    subprocess.run(
        [*openssl, "-keyout", tmp_path / "privkey.pem", "-out", tmp_path / "fullchain.pem"],
        check=True,
        capture_output=True,
    )
    site = SITE.replace("/etc/ssl/appointments", str(tmp_path)).replace("/var/log/nginx", str(tmp_path))
    (tmp_path / "site.conf").write_text(site)
    temporary = "".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in ("client_body", "proxy"))
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}} http {{ {temporary} include {tmp_path}/site.conf; }}"
    )
    tried = subprocess.run(
        [str(NGINX), "-t", "-p", tmp_path, "-e", "stderr", "-c", tmp_path / "nginx.conf"],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert "syntax is ok" in tried.stderr, tried.stderr
    assert tried.returncode == 0 or "Permission denied" in tried.stderr, tried.stderr


def test_what_is_for_the_house_is_not_passed_on() -> None:
    for path in ("= /metrics", "= /readyz "):
        assert location(path).strip() == "return 404;"


def test_flower_is_asked_for_a_password_before_it_is_reached() -> None:
    assert "auth_basic_user_file" in location("/flower/")
    assert "proxy_pass" in location("/flower/")


def test_bodies_are_as_large_as_the_application_takes() -> None:
    assert f"client_max_body_size    {MAX_BODY_BYTES // 1024}k;" in SITE
    assert f"client_max_body_size    {MAX_WEBHOOK_BYTES // 1024**2}m;" in location(
        "= /api/v1/webhooks/mandrill"
    )


def test_the_callers_address_replaces_whatever_the_caller_says() -> None:
    assert len(re.findall(r"proxy_set_header +X-Forwarded-For +\$remote_addr;", SITE)) == 2
    assert "proxy_add_x_forwarded_for" not in SITE


def test_queries_which_may_hold_tokens_are_not_logged() -> None:
    (form,) = re.findall(r"log_format appointments (.*?);", SITE, re.DOTALL)
    assert not re.search(r"\$(request|request_uri|args|query_string|http_referer)\b", form)


@pytest.mark.parametrize("words", re.findall(r"return (\d{3}) '(\{.*?\})';", SITE))
def test_its_own_answers_are_those_of_the_contract(words: tuple[str, str]) -> None:
    answer = json.loads(words[1])
    assert answer.keys() == {"code", "status", "message", "data", "errors", "warnings", "request_id"}
    assert int(words[0]) == answer["code"] == STATUS[answer["status"]].code
