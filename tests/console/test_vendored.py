"""The files of others are what their packages published, and the manifest says which."""

import re
from hashlib import sha256
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[2] / "api" / "console" / "static" / "vendor"
ROW = re.compile(r"\| `([^`]+)` \| [^|]+ \| ([\d.]+) \| \S+ \| `([0-9a-f]{64})` \|")


def test_every_vendored_file_is_named_with_its_version_and_digest() -> None:
    named = {path: digest for path, _, digest in ROW.findall((VENDOR / "VENDORED.md").read_text())}
    there = {
        str(path.relative_to(VENDOR)): sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "VENDORED.md"
    }
    assert there == named
    assert any(path.endswith(".js") for path in there) and any("LICENSE" in path for path in there)
