"""The clocks of an appointment: how UTC, local and office times are read, filled in and checked.

Pure functions: no I/O beyond reading time zone data once, no ``now()``, nothing imported from the rest of the
project. ``docs/clocks.md`` explains the rules; this is the only place that turns a wall time into an instant.
Importing it stays light: the atlas (timezonefinder, zipcodes) is loaded by whoever calls ``load_atlas``.
"""

from models.clock.atlas import Atlas, load_atlas
from models.clock.discrepancies import Discrepancy, NotificationChanges, NotificationKey, notification_changes
from models.clock.durations import parse_duration, spell_duration
from models.clock.explain import explain, explain_discrepancy
from models.clock.faults import Fault, InvalidParams, SpellingError
from models.clock.recompute import Recomputed, Stored, recompute_for_tzdata, supersede
from models.clock.reconcile import reconcile
from models.clock.result import Reconciliation, Resolution
from models.clock.spellings import (
    END_OF_DAY,
    EndOfDay,
    is_blank,
    parse_boolean,
    parse_date,
    parse_datetime,
    parse_integer,
    parse_mountain_stamp,
    parse_time,
    spell_date,
    spell_instant,
    spell_time,
)
from models.clock.supplied import Supplied, read_params, settle_end_of_day
from models.clock.tz import (
    Reading,
    is_zone_name,
    tzdata_version,
    utc_to_wall,
    wall_to_instant,
    zone_names,
)
from models.clock.zones import NO_ZONE, Place, Zone, ZoneFinding, zone_of

__all__ = [
    "END_OF_DAY",
    "NO_ZONE",
    "Atlas",
    "Discrepancy",
    "EndOfDay",
    "Fault",
    "InvalidParams",
    "NotificationChanges",
    "NotificationKey",
    "Place",
    "Reading",
    "Recomputed",
    "Reconciliation",
    "Resolution",
    "SpellingError",
    "Stored",
    "Supplied",
    "Zone",
    "ZoneFinding",
    "explain",
    "explain_discrepancy",
    "is_blank",
    "is_zone_name",
    "load_atlas",
    "notification_changes",
    "parse_boolean",
    "parse_date",
    "parse_datetime",
    "parse_duration",
    "parse_integer",
    "parse_mountain_stamp",
    "parse_time",
    "read_params",
    "recompute_for_tzdata",
    "reconcile",
    "settle_end_of_day",
    "spell_date",
    "spell_duration",
    "spell_instant",
    "spell_time",
    "supersede",
    "tzdata_version",
    "utc_to_wall",
    "wall_to_instant",
    "zone_names",
    "zone_of",
]
