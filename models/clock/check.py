"""One worked case in, one result out, in the form of clocks.md section 10: for the command line and tests.

The ``input`` of a case is ``params``, ``property`` (``iana``, ``lat``, ``lng``, ``zip``) and ``office_zone``.
A case about a later change also has ``trigger``, ``now`` and ``previous`` (``values``, the stored columns;
for an update ``params``, what was sent before).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, time
from typing import Any, Final

from models.clock.atlas import load_atlas
from models.clock.discrepancies import Discrepancy
from models.clock.faults import InvalidParams
from models.clock.frames import DATE_FIELDS, TIME_FIELDS
from models.clock.recompute import Stored, recompute_for_tzdata, supersede
from models.clock.reconcile import reconcile
from models.clock.result import Value
from models.clock.spellings import parse_datetime
from models.clock.supplied import Supplied, read_params
from models.clock.tz import MOUNTAIN_TIME
from models.clock.zones import Place, ZoneFinding, zone_of

DEFAULT_OFFICE_ZONE: Final = MOUNTAIN_TIME
# These change the world around an appointment; every other trigger with older params is an update of it.
_RECOMPUTATIONS: Final = ("property_zone_changed", "tzdata_changed")


def check(case_input: Mapping[str, Any]) -> dict[str, object]:
    """The result of one case, or ``{"status", "params"}`` when parameters are missing or invalid.

    Raises ``ValueError`` when the case itself makes no sense (an unknown office zone, an unreadable ``now``).
    """
    try:
        supplied = _supplied(case_input)
    except InvalidParams as error:
        return {
            "status": "missing-param" if error.missing else "invalid-param",
            "params": [*error.missing, *(fault.param for fault in error.invalid)],
        }
    finding = find_zone(case_input.get("property") or {})
    office = case_input.get("office_zone") or DEFAULT_OFFICE_ZONE
    if case_input.get("trigger") == "tzdata_changed":
        previous = case_input.get("previous") or {}
        now = parse_datetime(case_input.get("now"), month_first=False)
        return recompute_for_tzdata(
            supplied, finding, office, _stored(previous), now=now
        ).reconciliation.to_json()
    return reconcile(supplied, finding, office).to_json()


def compare(result: Mapping[str, Any], expect: Mapping[str, Any]) -> list[str]:
    """The differences between a result and what a case expects, one sentence each.

    Only the keys that ``expect`` lists are looked at; lists are compared without regard to order.
    """
    differences: list[str] = []
    for key, wanted in expect.items():
        got = result.get(key)
        if isinstance(wanted, Mapping):
            part = got if isinstance(got, Mapping) else {}
            differences += [
                f"{key}.{name}: expected {value!r}, got {part.get(name)!r}"
                for name, value in wanted.items()
                if name not in part or part[name] != value
            ]
        elif isinstance(wanted, list):
            listed = got if isinstance(got, list) else []
            differences += [f"{key}: expected {item!r}" for item in _without(wanted, listed)]
            differences += [f"{key}: did not expect {item!r}" for item in _without(listed, wanted)]
        elif got != wanted:
            differences.append(f"{key}: expected {wanted!r}, got {got!r}")
    return differences


def find_zone(place: Mapping[str, Any]) -> ZoneFinding:
    """The zone of a property given as JSON. The atlas is loaded only if there is a position or a ZIP."""
    lat, lng = _degrees(place.get("lat")), _degrees(place.get("lng"))
    zip_code = _zip(place.get("zip"))
    iana = place.get("iana")
    spot = Place(iana if isinstance(iana, str) else None, lat, lng, zip_code)
    needed = zip_code is not None or (lat is not None and lng is not None)
    return zone_of(spot, load_atlas() if needed else None)


def _supplied(case_input: Mapping[str, Any]) -> Supplied:
    sent = read_params(case_input.get("params") or {})
    older = (case_input.get("previous") or {}).get("params")
    if older and case_input.get("trigger") not in _RECOMPUTATIONS:
        return supersede(read_params(older), sent)
    return sent


def _stored(previous: Mapping[str, Any]) -> Stored:
    columns: dict[str, Value] = {}
    for name, value in (previous.get("values") or {}).items():
        if name in DATE_FIELDS:
            columns[name] = None if value is None else date.fromisoformat(value)
        elif name in TIME_FIELDS:
            columns[name] = None if value is None else time.fromisoformat(value)
        elif name == "time_duration_s":
            columns[name] = value
    known = previous.get("discrepancies")
    return Stored(columns, None if known is None else tuple(Discrepancy(**item) for item in known))


def _degrees(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _zip(value: object) -> str | None:
    # A ZIP that was kept as a number has lost its leading zeros.
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:05d}"
    return value if isinstance(value, str) and value.strip() else None


def _without(items: list[Any], others: list[Any]) -> list[Any]:
    rest = list(others)
    left: list[Any] = []
    for item in items:
        if item in rest:
            rest.remove(item)
        else:
            left.append(item)
    return left
