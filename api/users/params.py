"""The parameters of the routes of users."""

from typing import Final

from api.common_params import EVERYWHERE
from api.params import Param, Registry

NAME: Final = Param(
    name="name",
    type="string",
    position=1000,
    max_length=255,
    description="Name of the client as it stands on confirmations. Absent: the user's own name.",
    example="Casey Moreno",
)
PHONE: Final = Param(
    name="phone",
    type="string",
    position=1010,
    max_length=32,
    description="Number under which the client can be reached on the day: digits, blanks, + ( ) - . and an extension.",
    example="+1 303 555 0142 x12",
)
ASSISTANT_EMAILS: Final = Param(
    name="assistant_emails",
    type="string",
    position=1020,
    reads="addresses",
    description="E-mail addresses that get a copy of every mail to the client.",
    example="assistant@example.com,office@example.com",
)

CLIENT_REGISTER: Final = Registry((*EVERYWHERE, NAME, PHONE, ASSISTANT_EMAILS))
