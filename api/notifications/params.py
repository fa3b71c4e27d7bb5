"""The parameters of the routes of notifications."""

from typing import Final

from api.common_params import EVERYWHERE, OF_THE_CALLER
from api.params import MAX_ID, Param, Registry
from models.notifications import MANDRILL_EMAIL_HELD, STATES

MOST_OF_A_PAGE: Final = 200
USUAL_PAGE: Final = 50

ID: Final = Param(
    name="id",
    type="integer",
    position=1000,
    required=True,
    minimum=1,
    maximum=MAX_ID,
    description="Id of the notification.",
    example=12,
)
IDS: Final = Param(
    name="ids",
    type="string",
    position=1010,
    required=True,
    reads="ids",
    description="Ids of the notifications. That of an incident stands for everything that hangs on it.",
    example="12,13",
)
APPOINTMENT_ID: Final = Param(
    name="appointment_id",
    type="integer",
    position=1020,
    minimum=1,
    maximum=MAX_ID,
    description="Only notifications about this appointment.",
    example=1042,
)
INCIDENT_ID: Final = Param(
    name="incident_id",
    type="integer",
    position=1030,
    minimum=1,
    maximum=MAX_ID,
    description="Only notifications that hang on this incident.",
    example=11,
)
STATE: Final = Param(
    name="state",
    type="string",
    position=1040,
    max_length=16,
    choices=(*STATES, "any"),
    description="Only notifications in this state. Absent: those that are not over, which are open and retrying.",
    example="open",
)
STATUS_OF: Final = Param(
    name="status",
    type="string",
    position=1050,
    max_length=64,
    description="Only notifications of this status.",
    example=MANDRILL_EMAIL_HELD,
)
CAUSE: Final = Param(
    name="cause",
    type="string",
    position=1060,
    max_length=128,
    description="Only notifications with this cause, as Mandrill or the network named it.",
    example="hard-bounce",
)
LIMIT: Final = Param(
    name="limit",
    type="integer",
    position=1070,
    minimum=1,
    maximum=MOST_OF_A_PAGE,
    description=f"How many notifications one answer holds at most; {USUAL_PAGE} when absent.",
    example=50,
)
CURSOR: Final = Param(
    name="cursor",
    type="string",
    position=1080,
    max_length=200,
    description="Where to go on: `next_cursor` of the answer before.",
    example="MjAyNi0xMS0yMlQxMjowMDowMCswMDowMC8xMg",
)
EMAIL: Final = Param(
    name="email",
    type="string",
    position=1090,
    required=True,
    reads="email",
    max_length=320,
    description=(
        "Address to which this mail is sent instead. The record of the client or user is not changed; correct "
        "it where it is kept, or the next mail goes to the old address."
    ),
    example="carla@example.com",
)
EVEN_IF_SENT: Final = Param(
    name="even_if_sent",
    type="boolean",
    position=1100,
    description="True sends a mail again although it may have been sent already, so that it may arrive twice.",
    example=False,
)
REASON: Final = Param(
    name="reason",
    type="string",
    position=1110,
    max_length=255,
    description="Why, for whoever reads the audit later.",
    example="spoke to the client",
)

INDEX: Final = Registry((*OF_THE_CALLER, APPOINTMENT_ID, INCIDENT_ID, STATE, STATUS_OF, CAUSE, LIMIT, CURSOR))
READ: Final = Registry((*OF_THE_CALLER, ID))
RESEND: Final = Registry((*EVERYWHERE, IDS, EVEN_IF_SENT))
CORRECT: Final = Registry((*EVERYWHERE, ID, EMAIL))
END: Final = Registry((*EVERYWHERE, IDS, REASON))

__all__ = ["CORRECT", "END", "INDEX", "READ", "RESEND", "USUAL_PAGE"]
