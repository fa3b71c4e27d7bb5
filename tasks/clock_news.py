"""Which of the appointments that were just reconciled may have something to tell, asked once for all of them.

Mostly there is nothing: no contradiction, no double booking, and nothing told earlier that could be over. Then the
notifications are not touched at all.
"""

from collections.abc import Collection

from sqlalchemy import Connection

from models.prepared import Prepared
from tasks.conflict_notices import IS_OPEN, OVERLAP

# That the other is neither cancelled nor optional is said twice, because the index is found by it.
# What is open of an appointment is about its clocks, its command, or a pair that it is the later one of.
_NEWS = Prepared(f"""
SELECT one.id FROM appointments AS one
WHERE one.id = ANY((SELECT $1)::bigint[]) AND (
  EXISTS (SELECT FROM notifications WHERE appointment_id = one.id AND state IN ('open', 'retrying'))
  OR EXISTS (SELECT FROM notifications WHERE {IS_OPEN} AND split_part(subject_key, ':', 2) = one.id::text)
  OR EXISTS (
    SELECT FROM appointments AS other
    WHERE other.photographer_user_id = one.photographer_user_id AND other.busy_until >= one.busy_from
      AND other.cancelled IS NOT TRUE AND other.optional IS NOT TRUE AND other.id <> one.id AND {OVERLAP}))
""")  # noqa: S608 - constants


def with_news(connection: Connection, appointment_ids: Collection[int]) -> set[int]:
    """Those of them that overlap another appointment, or about which something was told that is not over.

    As they are stored by now; their photographers have to be held and their rows locked, by earlier statements.
    """
    return {row[0] for row in _NEWS.rows(connection, list(appointment_ids))}
