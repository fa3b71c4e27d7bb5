"""The query language of ``messages/search``: the part of Lucene's that Mandrill documents.

Terms and "phrases", ``field:term``, AND, OR, NOT, parentheses, ``*`` and ``?`` inside a term (not at its
start). Fields: state, email, sender, subject, tags, ts and metadata as ``u_<name>`` or ``<name>``; a term
without a field looks in all of them. As in Lucene, neighbours without an operator are alternatives, AND makes
both sides required, and NOT excludes. Pure: it judges entries that somebody else found.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from typing import Any

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<open>\() | (?P<close>\))
      | (?:(?P<field>[A-Za-z0-9_.-]+):)?
        (?:"(?P<phrase>(?:[^"\\]|\\.)*)" | (?P<term>(?:[^\s()":\\]|\\.|:(?=\S))+))
    )""",
    re.VERBOSE,
)
_WORDS = re.compile(r"[^\W_]+(?:['.:@+_-][^\W_]+)*")
_OPERATORS = {"AND": "AND", "&&": "AND", "OR": "OR", "||": "OR"}
_TEXT_FIELDS = ("subject", "tags")

Judge = Callable[[Mapping[str, Any]], bool]


class QueryError(ValueError):
    """The query cannot be read; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Query:
    matches: Judge
    send_id: str | None
    """The one send_id that every match has, if the query says so: the store has an index for it."""


@dataclass(slots=True)
class _Clause:
    judge: Judge
    send_id: str | None = None
    required: bool = False
    excluded: bool = False


def parse_query(text: str) -> Query:
    """Raises `QueryError`. A blank query and ``*`` match everything."""
    if text.strip() in ("", "*"):
        return Query(lambda _: True, None)
    tokens = _tokens(text)
    query = _group(tokens, depth=0)
    if tokens:
        raise QueryError("The query closes a parenthesis that it never opened.")
    return query


def _tokens(text: str) -> list[re.Match[str]]:
    """In reverse, so that the next one is popped from the end."""
    tokens, position = [], 0
    text = text.rstrip()
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise QueryError(f"The query cannot be read from {text[position : position + 20].strip()!r} on.")
        tokens.append(found)
        position = found.end()
    return tokens[::-1]


def _group(tokens: list[re.Match[str]], *, depth: int) -> Query:
    """What stands between two parentheses, or the whole query at depth 0."""
    if depth > 20:
        raise QueryError("The query is nested too deeply.")
    clauses: list[_Clause] = []
    operator, negated = "", False
    while tokens and not tokens[-1]["close"]:
        token = tokens.pop()
        word = None if token["field"] else token["term"]
        if word in _OPERATORS:
            if operator or negated or not clauses:
                raise QueryError(f"The query has nothing in front of {word}.")
            operator = _OPERATORS[word]
        elif word in ("NOT", "!"):
            negated = not negated
        else:
            clause = _nested(tokens, depth=depth + 1) if token["open"] else _term(token)
            clause.excluded = negated
            if operator == "AND":
                clause.required = not negated
                clauses[-1].required = not clauses[-1].excluded
            clauses.append(clause)
            operator, negated = "", False
    if operator or negated:
        raise QueryError("The query ends with an operator.")
    if not clauses:
        raise QueryError("The query has parentheses with nothing in them.")
    return _joined(clauses)


def _nested(tokens: list[re.Match[str]], *, depth: int) -> _Clause:
    query = _group(tokens, depth=depth)
    if not tokens:
        raise QueryError("The query opens a parenthesis that it never closes.")
    tokens.pop()
    return _Clause(query.matches, query.send_id)


def _joined(clauses: list[_Clause]) -> Query:
    required = [each for each in clauses if each.required]
    excluded = [each for each in clauses if each.excluded]
    optional = [each for each in clauses if not each.required and not each.excluded]

    def judge(entry: Mapping[str, Any]) -> bool:
        return (
            all(each.judge(entry) for each in required)
            and not any(each.judge(entry) for each in excluded)
            and (bool(required) or any(each.judge(entry) for each in optional))
        )

    certain = required or (optional if len(optional) == 1 else [])
    return Query(judge, next((each.send_id for each in certain if each.send_id), None))


def _term(found: re.Match[str]) -> _Clause:
    field, is_phrase = found["field"], found["phrase"] is not None
    written = found["phrase"] if is_phrase else found["term"]
    if written[:1] in ("*", "?") and not (field and written == "*"):
        raise QueryError("A term may not start with a wildcard.")
    pattern, plain = _pattern(written)
    whole, inside = re.compile(translate(pattern)), re.compile(translate(f"*{pattern}*"))

    def judge(entry: Mapping[str, Any]) -> bool:
        for name, value in _values(entry, field):
            text = value.lower()
            if whole.match(text):
                return True
            if name in _TEXT_FIELDS and (
                inside.match(text) if is_phrase else any(map(whole.match, _WORDS.findall(text)))
            ):
                return True
        return False

    return _Clause(judge, plain if field in ("u_send_id", "send_id") else None)


def _pattern(written: str) -> tuple[str, str | None]:
    """The term for fnmatch, in small letters; and as written if it has no wildcard."""
    pattern, plain, wild, position = "", "", False, 0
    while position < len(written):
        character = written[position]
        if character in "*?":
            wild = True
            pattern += character
        else:
            if character == "\\" and position + 1 < len(written):
                position += 1
                character = written[position]
            plain += character
            pattern += f"[{character}]" if character in "*?[" else character.lower()
        position += 1
    return pattern, None if wild else plain


def _values(entry: Mapping[str, Any], field: str | None) -> list[tuple[str, str]]:
    values: list[tuple[str, str]] = []
    for name in ("state", "email", "sender", "subject", "ts"):
        if field is None or field == name:
            values.append((name, str(entry[name])))
    if field is None or field in ("tags", "tag"):
        values.extend(("tags", tag) for tag in entry["tags"])
    for name, value in entry["metadata"].items():
        if (field is None or field in (name, f"u_{name}")) and value is not None:
            values.append((f"u_{name}", str(value)))
    return values
