"""What a run tells people: the machine, each bench's table, and the targets. The JSON holds the same figures."""

from collections.abc import Mapping
from typing import Any

from bench.found import Found, table


def text(result: Mapping[str, Any], found: Mapping[str, Found]) -> str:
    """The whole result as plain text."""
    machine = result["machine"]
    lines = [
        f"{result['revision'] or 'unknown revision'} on {machine['cores']} cores ({machine['processor']}), "
        f"load before {machine['load_before']}, after {machine['load_after']}",
        f"Python {machine['python']}, PostgreSQL {machine['postgresql']} (fsync {machine['fsync']}, "
        f"synchronous_commit {machine['synchronous_commit']}), Redis {machine['redis']}",
    ]
    for each in found.values():
        lines += ["", *each.lines]
    targets = [target for each in found.values() for target in each.targets]
    if targets:
        rows = [
            (told["what"], told["wanted"], f"{told['measured']:g}", "yes" if told["met"] else "no")
            for told in (target.to_json() for target in targets)
        ]
        lines += ["", *table(("Targets", "wanted", "measured", "met"), rows, words=(0,))]
    return "\n".join(lines)
