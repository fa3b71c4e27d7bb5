"""The one place where the product reads the time of day.

Everything else receives the moment as an argument, or lets the database say `now()` where hosts must agree
(leases, schedules). Tests move this clock and nothing else.
"""

from datetime import UTC, datetime


def now() -> datetime:
    """This moment, aware, in UTC."""
    return datetime.now(UTC)
