"""The second yardstick: the create as a good textbook would write it, with the same columns and checks.

Flask, the ORM, a schema of field objects, one commit, `apply_async` for each thing that follows, and the stored
object as the answer. `gunicorn … "bench.textbook:create_app()"`; nobody takes its messages.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from celery import Celery
from flask import Flask, Response, jsonify, request
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from models.accounts import Employee, Token, User
from models.appointments import Appointment
from models.orders import Order, OrderRequestAppt
from settings import get_settings

PATH = "/textbook"


class Field:
    """One field of a schema."""

    def __init__(
        self, read: Callable[[Any], Any], *, required: bool = False, length: int | None = None
    ) -> None:
        """`read` raises `ValueError` for what it cannot read."""
        self.read, self.required, self.length = read, required, length

    def load(self, name: str, data: dict[str, Any], errors: dict[str, list[str]]) -> Any:
        """The value, or None with an error noted."""
        value = data.get(name)
        if value is None:
            if self.required:
                errors.setdefault(name, []).append("Missing data for required field.")
            return None
        try:
            loaded = self.read(value)
        except (TypeError, ValueError):
            errors.setdefault(name, []).append("Not a valid value.")
            return None
        if self.length is not None and len(loaded) > self.length:
            errors.setdefault(name, []).append(f"Longer than maximum length {self.length}.")
        return loaded


def _us_date(value: str) -> date:
    return datetime.strptime(value, "%m/%d/%Y").replace(tzinfo=UTC).date()


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


_READERS: dict[type, Callable[[Any], Any]] = {
    str: str,
    bool: _boolean,
    int: int,
    date: _us_date,
    time: time.fromisoformat,
    datetime: datetime.fromisoformat,
    UUID: UUID,
}
_NOT_PARAMETERS = frozenset(
    {"id", "fingerprint", "supplied", "adopted", "discrepancies", "request_id", "inserted_at", "changed_at"}
)
SCHEMA = {
    column.name: Field(
        _READERS[column.type.python_type],
        required=column.name == "updated_at_mt",
        length=getattr(column.type, "length", None),
    )
    for column in Appointment.__table__.columns
    if column.type.python_type in _READERS
    and column.name not in _NOT_PARAMETERS
    and not column.name.startswith(("caller_", "idempotency_"))
}


def create_app() -> Flask:
    """The application, with an engine and a broker of its own."""
    settings = get_settings()
    engine = create_engine(settings.database_url, pool_size=8)
    queue = Celery("textbook", broker=settings.broker_url)
    queue.conf.task_default_queue = "textbook"

    @queue.task(name="textbook.reconcile")
    def reconcile(appointment_id: int) -> int:
        return appointment_id

    @queue.task(name="textbook.mail")
    def mail(appointment_id: int, to: str) -> tuple[int, str]:
        return appointment_id, to

    app = Flask("textbook", static_folder=None)

    @app.post(PATH)
    def create() -> Response | tuple[Response, int]:
        data = request.get_json()
        with Session(engine) as session:
            _, public_id, secret = data["token"].split("_", 2)
            token = session.scalars(select(Token).where(Token.public_id == public_id)).one_or_none()
            if token is None or token.secret_sha256 != hashlib.sha256(secret.encode()).digest():
                return jsonify(error="invalid token"), 401
            errors: dict[str, list[str]] = {}
            values = {name: each.load(name, data, errors) for name, each in SCHEMA.items()}
            order = session.get(Order, values["order_id"])
            wish = session.get(OrderRequestAppt, values["order_request_appt_id"])
            photographer = session.get(User, values["photographer_user_id"])
            employee = session.get(Employee, values["photographer_user_id"])
            if order is None or wish is None or photographer is None or employee is None:
                errors.setdefault("order_id", []).append("There is no such record.")
            if errors:
                return jsonify(errors=errors), 422
            appointment = Appointment(
                **{name: value for name, value in values.items() if value is not None},
                updated_at_mt_instant=datetime.now(UTC),
                supplied=data,
                fingerprint=hashlib.sha256(request.get_data()).digest(),
                caller_kind="application",
                caller_role="application",
                caller_application_id=token.application_id,
                request_id="textbook",
            )
            session.add(appointment)
            session.commit()
            reconcile.apply_async((appointment.id,))
            mail.apply_async((appointment.id, photographer.email))
            shown = {name: getattr(appointment, name) for name in SCHEMA}
            return jsonify(id=appointment.id, **{name: _shown(value) for name, value in shown.items()})

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app


def _shown(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | time) else value
