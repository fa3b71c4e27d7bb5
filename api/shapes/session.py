"""The session and the client record in answers."""

from typing import Final

from api.shapes.shape import Member, Shape
from models.accounts import ROLES

USER: Final = Shape(
    "User",
    "The person whom a session belongs to.",
    (
        Member("id", "integer", "Id of the user.", 1),
        Member("email", "string", "E-mail address of the user.", "dispatcher@example.com", nullable=True),
        Member("name", "string", "Name of the user; may be empty.", "Dana Whitfield", nullable=True),
    ),
)
SESSION: Final = Shape(
    "Session",
    "What a token stands for.",
    (
        Member(
            "kind",
            "string",
            "Whether it is the token of an application or of a person's session.",
            "session",
            choices=("application", "session"),
        ),
        Member("user", USER, "Whose session it is; null for an application.", nullable=True),
        Member(
            "roles",
            "string",
            "The roles of the user; none for an application.",
            "employee",
            many=True,
            choices=ROLES,
        ),
        Member("application", "string", "Slug of the application that the token belongs to.", "planoorder"),
        Member("created_at", "instant", "When it was opened or made.", "2026-11-22T20:58:11Z"),
        Member("last_used_at", "instant", "When it was last used, to a few minutes.", "2026-11-22T21:05:09Z"),
        Member(
            "expires_at",
            "instant",
            "When it ends unless it is used before; null if it does not expire.",
            "2026-11-25T21:05:09Z",
            nullable=True,
        ),
        Member("remember_me", "boolean", "Whether it was opened as one that does not expire.", False),
        Member(
            "token",
            "string",
            "The token itself, only with `client-required`: registering takes it.",
            "session_…",
            sometimes=True,
        ),
    ),
)
CLIENT: Final = Shape(
    "Client",
    "The record that a client's orders and confirmations hang on.",
    (
        Member("id", "integer", "Id of the client.", 3),
        Member("name", "string", "Name as it stands on confirmations.", "Casey Moreno", nullable=True),
        Member("email", "string", "Address that confirmations go to.", "client@example.com", nullable=True),
        Member(
            "phone", "string", "Number for the day of the appointment.", "+1 303 555 0142 x12", nullable=True
        ),
        Member(
            "assistant_emails", "string", "Addresses that get copies.", "assistant@example.com", many=True
        ),
        Member("company_id", "integer", "Id of the client's company.", nullable=True),
    ),
)
TOKEN: Final = Member(
    "token", "string", "The token of the new session, shown this once. Keep it like a password.", "session_…"
)
REGISTER_PATH: Final = Member(
    "register_path",
    "string",
    "The route on which the user can register as a client.",
    "/api/v1/users/client_register",
)
