"""The product's source as the laws look at it: its modules by name, parsed, and what each of them imports."""

import ast
import gc
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PRODUCTION_ROOMS = (
    "settings",
    "telemetry",
    "tracing",
    "measures",
    "models",
    "tasks",
    "workers",
    "api",
    "cli",
    "celeryconfig",
)
"""What runs in production; the sandbox, the tests and the trials do not."""


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every file of the project that is, or is about to be, under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        names = [name for name in listed.stdout.split("\0") if name]
    else:  # an unpacked archive
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")]
    return tuple(ROOT / name for name in names if _is_source(ROOT / name))


def _is_source(path: Path) -> bool:
    outside = {".venv", ".git", "var", "__pycache__", ".hypothesis", ".mypy_cache", ".ruff_cache"}
    return path.is_file() and not outside & set(path.relative_to(ROOT).parts)


@cache
def modules() -> dict[str, ast.Module]:
    """Every Python module by its dotted name."""
    # A million nodes that all stay: looking through them again and again takes longer than making them.
    gc.disable()
    try:
        return {
            _dotted(path): ast.parse(path.read_text(), str(path))
            for path in tracked_files()
            if path.suffix == ".py"
        }
    finally:
        gc.freeze()
        gc.enable()


def production_modules() -> dict[str, ast.Module]:
    """The modules of the rooms that run in production."""
    return {name: tree for name, tree in modules().items() if name.split(".")[0] in PRODUCTION_ROOMS}


def imports(name: str) -> Iterator[str]:
    """The dotted names that a module imports, wherever in it: `from a import b` gives `a.b` for a module b."""
    for node in ast.walk(modules()[name]):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = _base(name, node)
            for alias in node.names:
                whole = f"{base}.{alias.name}"
                yield whole if whole in modules() else base


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Every call in a tree, with what is called as it is written: `datetime.now`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def texts(tree: ast.AST) -> Iterator[str]:
    """Every string in a tree that is not a docstring."""
    said = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            said.add(id(node.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def is_within(name: str, room: str) -> bool:
    """Whether a module is a room or stands in it."""
    return name == room or name.startswith(room + ".")


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _base(name: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = name.split(".")[: -node.level]
    return ".".join([*package, *([node.module] if node.module else [])])
