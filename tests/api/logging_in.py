"""What the tests of sessions share: users with a password, base64 bodies, and counts of their own."""

import base64
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from argon2 import PasswordHasher

from tests.client import ApiClient, Reply
from tests.world import MadeUser, World

CREATE = "/api/v1/sessions/create"
READ = "/api/v1/sessions/read"
END = "/api/v1/sessions/end"
REGISTER = "/api/v1/users/client_register"

FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Argon2 that costs nothing: what it hashes is verified with its own parameters."""


@dataclass(frozen=True)
class Logins:
    """The routes of sessions, as a person's program calls them."""

    api: ApiClient
    world: World
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12), repr=False)

    def give_password(self, user: MadeUser) -> MadeUser:
        """Let the user log in with `password`."""
        self.world.execute(
            "UPDATE users SET password_hash = :hash WHERE id = :id", hash=FAST.hash(self.password), id=user.id
        )
        return user

    def sensitive(self, path: str, params: dict[str, Any], **headers: str) -> Reply:
        """Post base64 of these parameters."""
        body = base64.b64encode(json.dumps(params).encode())
        return self.api.raw(body, path=path, Content_Type="text/plain", **headers)

    def log_in(self, email: str, password: str | None = None, **more: Any) -> Reply:
        """Open a session."""
        given = {"email": email, "password": self.password if password is None else password}
        return self.sensitive(CREATE, {**given, **more})

    def read(self, token: str) -> Reply:
        """Ask what the token is."""
        return self.api.raw(b"", method="GET", path=READ, Authorization=f"Bearer {token}")

    def end(self, token: str) -> Reply:
        """Log out."""
        return self.sensitive(END, {"token": token})

    def register(self, token: str, **params: Any) -> Reply:
        """Register as a client."""
        return self.sensitive(REGISTER, {"token": token, **params})
