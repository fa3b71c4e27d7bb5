"""Whether what a command line calls exists: programs of ours, their sub-commands, their options, make's targets."""

import functools
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
from celery.bin.celery import celery as celery_command

from cli.app import create_app
from tests.docs.pages import Block, lines_of, steps
from tests.stack import ROOT

_TARGETS = frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
_WRAPPERS = frozenset({"exec", "export", "sudo", "nice", "env", "time"})


def calls(block: Block) -> Iterator[list[str]]:
    """Every call of a block: the program and its arguments, without assignments in front of them."""
    for step in steps(block):
        for line in lines_of(step.command):
            yield from _calls(line)


def faults(block: Block) -> list[str]:
    """What a block calls and there is not; each a sentence."""
    found = (_fault(words) for words in calls(block))
    return [f"{block.where}: {fault}" for fault in found if fault]


def _calls(line: str) -> Iterator[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words: list[str] = []
    for word in (*lexer, ";"):
        if not set(word) - set("();|&"):
            if words:
                yield words
            words = []
        elif words or not (word in _WRAPPERS or re.match(r"\w+=", word)):
            words.append(word)


def _fault(words: list[str]) -> str | None:
    program, *rest = words
    match Path(program).name:
        case "flask":
            return _in_click(_flask(), "flask", rest)
        case "celery":
            return _in_click(
                celery_command, "celery", [word for word in rest if not word.startswith("-")][-1:]
            )
        case "make":
            goals = [word for word in rest if "=" not in word and not word.startswith("-")]
            missing = [goal for goal in goals if goal not in _TARGETS]
            return f"make knows no {', '.join(missing)}." if missing else None
        case "python" | "python3" if rest[:1] == ["-m"] and rest[1].split(".")[0] in _OURS:
            return _in_module(rest[1], rest[2:])
    return None


@functools.cache
def _flask() -> click.Command:
    return create_app().cli


_OURS = frozenset(path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()) | {
    "bench",
    "chaos",
}


def _in_module(module: str, words: list[str]) -> str | None:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return f"there is no module {module}."
    source = "".join(path.read_text() for path in Path(spec.origin).parent.glob("*.py"))
    missing = [
        word for word in words if word.startswith("--") and f'"{word.partition("=")[0]}"' not in source
    ]
    return f"python -m {module} knows no {', '.join(missing)}." if missing else None


def _in_click(command: click.Command, name: str, words: list[str]) -> str | None:
    """Descend through the groups; then every option must be one of the command's."""
    context = click.Context(command, info_name=name)
    rest = list(words)
    while isinstance(command, click.Group):
        word = next((w for w in rest if not w.startswith("-")), None)
        if word is None:
            break
        sub = command.get_command(context, word)
        if sub is None:
            return f"{name} knows no {word}."
        rest = rest[rest.index(word) + 1 :]
        command, name = sub, f"{name} {word}"
        context = click.Context(command, info_name=word, parent=context)
    known = {option for parameter in command.get_params(context) for option in parameter.opts}
    asked = [word.partition("=")[0] for word in rest if word.startswith("--") and word != "--"]
    missing = [option for option in asked if option not in known]
    return f"{name} knows no {', '.join(missing)}." if missing else None
