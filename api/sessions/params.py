"""The parameters of the routes of sessions."""

from dataclasses import replace
from typing import Final

from api.common_params import EVERYWHERE, OF_THE_CALLER
from api.notifications.params import EMAIL
from api.params import Param, Registry

APPLICATION, SESSION_VIEW = OF_THE_CALLER

FOR_APPLICATION: Final = replace(
    APPLICATION,
    description=(
        "Slug of the application that the person logs in to. Requests with the session are made on its behalf "
        "unless they name another. Absent: planoauth, which admits every role."
    ),
    example="planoauth",
)
SHOWN_SESSION: Final = replace(
    SESSION_VIEW,
    description=(
        "Whether the answer shows the new session under `session`: `default` does, and so it is when absent; "
        "`none` gives the token only."
    ),
    example="default",
)
OF_USER: Final = replace(
    EMAIL,
    position=1000,
    description="E-mail address of the user, in any case.",
    example="dispatcher@example.com",
)
PASSWORD: Final = Param(
    name="password",
    type="string",
    position=1010,
    required=True,
    reads="password",
    max_length=256,
    secret=True,
    description="The user's password. It is neither logged nor repeated, and blanks around it belong to it.",
    example="the-password-of-this-user",
)
REMEMBER_ME: Final = Param(
    name="remember_me",
    type="boolean",
    position=1020,
    description=(
        "True opens a session that does not expire; otherwise it is over after seven days, or after 72 hours "
        "without a request."
    ),
    example=False,
)

CREATE: Final = Registry((FOR_APPLICATION, SHOWN_SESSION, OF_USER, PASSWORD, REMEMBER_ME))
READ: Final = Registry(OF_THE_CALLER)
END: Final = Registry(EVERYWHERE)
