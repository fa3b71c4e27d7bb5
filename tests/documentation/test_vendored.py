"""What is vendored is what was published, whole and with its licence, and asks nobody outside."""

import hashlib
import json
import re

from api.documentation.files import DIRECTORY, SWAGGER_UI, static_files

PLACE = DIRECTORY / SWAGGER_UI


def test_every_file_is_the_one_that_the_manifest_names() -> None:
    manifest = json.loads((PLACE / "manifest.json").read_text())
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in PLACE.iterdir()
        if path.name != "manifest.json"
    }
    assert found == manifest["sha256"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])
    assert "Apache License" in (PLACE / "LICENSE").read_text()


def test_its_style_fetches_nothing_from_outside() -> None:
    style = (PLACE / "swagger-ui.css").read_text()
    assert "@import" not in style
    assert {url[:5] for url in re.findall(r"url\([\"']?([^)]{5})", style)} <= {"data:"}


def test_our_own_files_name_no_other_host() -> None:
    for name, file in static_files().items():
        if not name.startswith("vendor/"):
            hosts = set(re.findall(rb"https?://([^/\"' ]+)", file.content))
            assert hosts <= {b"www.w3.org"}, name
