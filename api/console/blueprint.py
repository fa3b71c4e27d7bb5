"""All pages of the console, put together for one application."""

from flask import Blueprint

from api.console import (
    appointment,
    appointments,
    calendar,
    guard,
    login,
    mails,
    notification_actions,
    notifications,
    pages,
    queues,
    queues_actions,
    silence,
)

_PARTS = (
    *(guard, login, pages, notifications, notification_actions, mails, appointments, appointment, calendar),
    *(queues, queues_actions, silence),
)


def make_blueprint() -> Blueprint:
    """The pages and the static files of the console, for one application."""
    blueprint = Blueprint(
        "console", __name__, url_prefix="/console", static_folder="static", static_url_path="/static"
    )
    for part in _PARTS:
        part.add_to(blueprint)
    return blueprint
