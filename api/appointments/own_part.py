"""What of an appointment a client or a liaison may not change, although they may see the appointment.

Internal notes are changed by those who read them, and by whoever wrote what stands there; and nobody takes an
appointment away from an order so that they cannot see it themselves any more.
"""

from collections.abc import Mapping
from typing import Any, cast

from api.appointments.references import References
from api.appointments.shown import INTERNAL, is_staff
from api.appointments.stored import may_see
from api.decoding import Decoded
from api.faults import Fault
from api.routes import Call
from api.statuses import INVALID_PARAM
from models.appointment_history import writer_of


def beyond_own_part(
    call: Call, decoded: Decoded, row: Mapping[str, Any], wanted: Mapping[str, Any], after: References
) -> list[Fault]:
    """The faults of a change of `row` to `wanted`; `after` is what the record refers to then."""
    if is_staff(call.caller):
        return []
    return [*_internal(call, decoded, row), *_out_of_sight(call, row, wanted, after)]


def _internal(call: Call, decoded: Decoded, row: Mapping[str, Any]) -> list[Fault]:
    """Whether it would be the same text is not looked at: that would let it be guessed."""
    cleared = cast("tuple[str, ...]", decoded.values.get("clear", ()))
    faults = []
    for name in sorted(INTERNAL):
        if row[name] is None or not (name in decoded.values or name in cleared):
            continue
        if writer_of(call.connection, row, name) != call.caller.holder.user_id:
            message = (
                f"There are {name} of the office or of somebody else already; only the office changes these."
            )
            hint = f"Leave out {name}; what everybody is to know can stand in description."
            faults.append(Fault(name if name in decoded.values else "clear", INVALID_PARAM, message, hint))
    return faults


def _out_of_sight(
    call: Call, row: Mapping[str, Any], wanted: Mapping[str, Any], after: References
) -> list[Fault]:
    if "order_id" not in wanted or wanted["order_id"] is not None:
        return []  # an order that the caller does not see is no order to begin with
    of_order = {"order_client_id": after.client_id, "order_company_id": after.company_id}
    if may_see(call.caller, {**row, **of_order, "order_id": None}):
        return []
    message = "Without its order you could not see this appointment any more; the office made it."
    hint = "Move it to another order of yours, cancel it, or ask the office."
    return [Fault("clear", INVALID_PARAM, message, hint)]
