"""What the pages load: our style and script, and the vendored Swagger UI, from a fixed list of files.

A file's address carries a part of its SHA-256, so that browsers may keep it for good and still get a new one at once.
"""

import hashlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

PREFIX: Final = "/documentation/static/"
DIRECTORY: Final = Path(__file__).parent / "static"
SWAGGER_UI: Final = "vendor/swagger-ui"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
    "": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent."""

    content: bytes = field(repr=False)
    media_type: str
    digest: str


@cache
def static_files() -> dict[str, StaticFile]:
    """Every file by its name below `DIRECTORY`, read once; nothing else can be asked for."""
    found: dict[str, StaticFile] = {}
    for path in sorted(DIRECTORY.rglob("*")):
        if path.is_file() and path.suffix in _TYPES:
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            name = path.relative_to(DIRECTORY).as_posix()
            found[name] = StaticFile(content, _TYPES[path.suffix], digest)
    return found


def address(name: str) -> str:
    """The path of a file, with its version. KeyError when there is no such file."""
    return f"{PREFIX}{name}?v={static_files()[name].digest[:12]}"
