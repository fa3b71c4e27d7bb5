"""What the statements that move commands share; each stands beside the function that sends it."""

from models.command_states import CLAIMABLE, among

NEVER = "9000-01-01 00:00:00+00"
"""When a command that was left to people is due. Not `infinity`: Python has no such datetime to read it as."""

DROPPED = "A later change of the appointment made it superfluous before it was sent."
"""The `last_error` of a command that was dropped; no other that is done has one, but `command_ledger.GIVEN_UP`."""

LEFT_TO_PEOPLE = "available_at >= '8000-01-01'"
"""Never due. Far from `NEVER`, so that no zone of a session can matter."""

IS_CLAIMABLE = f"state IN {among(CLAIMABLE)}"
DUE = f"{IS_CLAIMABLE} AND available_at <= now()"
FIRST, REPEAT = "attempts = 0", "attempts > 0"
