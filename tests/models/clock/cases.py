"""A short way to write a case: parameters in, the result form of clocks.md section 10 out."""

from __future__ import annotations

from typing import Any

from models.clock.check import check

STAMP = "2026-11-20 10:00:00"
DENVER = "America/Denver"
CHICAGO = "America/Chicago"
EDMONTON = "America/Edmonton"
NOW = "2026-11-22T00:00:00Z"
"""When `new_rules` are looked at, unless a test says otherwise."""


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


def columns(**pairs: str) -> dict[str, str]:
    """Stored columns: ``start_utc="2027-01-12 16:00:00"`` and so on."""
    values: dict[str, str] = {}
    for name, wall in pairs.items():
        values[f"date_{name}"], values[f"time_{name}"] = wall.split(" ")
    return values


def new_rules(
    params: dict[str, object],
    stored: dict[str, str],
    *,
    zone: str | None = EDMONTON,
    discrepancies: list[dict[str, Any]] | None = None,
    now: str = NOW,
) -> dict[str, Any]:
    """The result for an appointment whose columns are ``stored`` once the rules of time zones are new."""
    previous: dict[str, Any] = {"tzdata": "2025b", "property": {"iana": zone}, "values": stored}
    if discrepancies is not None:
        previous["discrepancies"] = discrepancies
    return check(
        {
            "params": {"updated_at_mt": STAMP, **params},
            "property": {"iana": zone},
            "office_zone": DENVER,
            "trigger": "tzdata_changed",
            "now": now,
            "previous": previous,
        }
    )
