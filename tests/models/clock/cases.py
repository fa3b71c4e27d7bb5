"""A short way to write a case: parameters in, the result form of clocks.md section 10 out."""

from __future__ import annotations

from typing import Any

from models.clock.check import check

STAMP = "2026-11-20 10:00:00"
DENVER = "America/Denver"
CHICAGO = "America/Chicago"


def run(
    *,
    zone: str | None = DENVER,
    office: str = DENVER,
    place: dict[str, Any] | None = None,
    **params: object,
) -> dict[str, Any]:
    """The result of one create with ``params`` for a property in ``zone`` (or at ``place``)."""
    return check(
        {
            "params": {"updated_at_mt": STAMP, **params},
            "property": place if place is not None else {"iana": zone},
            "office_zone": office,
        }
    )


def pair(result: dict[str, Any], endpoint: str, frame: str) -> str | None:
    """``YYYY-MM-DD HH:MM:SS`` of one endpoint in one frame; the part that is there, or None."""
    values = result["values"]
    parts = [values[f"date_{endpoint}_{frame}"], values[f"time_{endpoint}_{frame}"]]
    return " ".join(part for part in parts if part) or None


def found(result: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The discrepancies as (kind, endpoint, frame, supplied, expected)."""
    return [
        (item["kind"], item["endpoint"], item["frame"], item["supplied"], item["expected"])
        for item in result["discrepancies"]
    ]


def local(endpoint: str, wall: str) -> dict[str, str]:
    """The parameters of a local pair from ``YYYY-MM-DD HH:MM``."""
    return _pair(endpoint, "local", wall)


def utc(endpoint: str, wall: str) -> dict[str, str]:
    """The parameters of a UTC pair."""
    return _pair(endpoint, "utc", wall)


def office(endpoint: str, wall: str) -> dict[str, str]:
    """The parameters of an office pair."""
    return _pair(endpoint, "office", wall)


def _pair(endpoint: str, frame: str, wall: str) -> dict[str, str]:
    day, at = wall.split(" ", 1)
    return {f"date_{endpoint}_{frame}": day, f"time_{endpoint}_{frame}": at}
