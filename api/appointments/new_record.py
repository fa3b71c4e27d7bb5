"""From a decoded request to the columns of a new appointment: what was sent, and what the contract fills in."""

from collections.abc import Mapping
from typing import Any, Final

from api.appointments.references import References
from api.decoding import Decoded, fingerprint
from api.routes import Call
from models.appointment_intake import COLUMNS
from models.clock.supplied import Supplied

_STORED: Final = frozenset(COLUMNS)


def new_record(call: Call, found: References) -> dict[str, Any]:
    """The columns by name (contract.md section 5); those that stay empty are left out."""
    decoded, caller = call.decoded, call.caller
    given: Mapping[str, Any] = decoded.values
    row = {name: value for name, value in given.items() if name in _STORED}
    row.setdefault("uuid", call.spare_uuid)
    # Kept as sent; what they mean is in `time_duration_s` after reconciling and in the instant beside it.
    row.update(decoded.originals)
    row["updated_at_mt_instant"] = given["updated_at_mt"]
    row.setdefault("updated_at", given["updated_at_mt"])
    if row.get("confirmed"):
        row.setdefault("confirmed_at", call.now)
        row.setdefault("confirmed_by", caller.name)
    if found.photographer_name:
        row.setdefault("photographer_name", found.photographer_name)
    row.setdefault("created_by", caller.name)
    row.setdefault("updated_by", caller.name)
    row.setdefault("created_in", caller.application.slug)
    row["supplied"] = decoded.clocks.to_json()
    row["fingerprint"] = fingerprint(_without_the_default_application(call))
    if call.idempotency_key is not None:
        row["idempotency_scope"] = caller.idempotency_scope
        row["idempotency_key"] = call.idempotency_key
    row["caller_kind"] = caller.holder.kind
    row["caller_role"] = caller.role
    row["caller_user_id"] = caller.holder.user_id
    row["caller_application_id"] = caller.application.id
    row["request_id"] = call.request_id
    return row


def _without_the_default_application(call: Call) -> dict[str, object]:
    """What was supplied; naming the token's own application says no more than leaving it out."""
    supplied = dict(call.decoded.values)
    if supplied.get("application") == call.caller.holder.application_slug:
        del supplied["application"]
    return supplied


def clock_snapshot(decoded: Decoded) -> Supplied:
    """The supplied values that the clocks read; reconciliation always starts from these (clocks.md section 1)."""
    return decoded.clocks
