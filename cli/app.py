"""What `FLASK_APP` names: the web application together with the command groups of this room.

    flask import orders.jsonl

Each group's module is imported when it is called, so that a command starts without the weight of the others.
"""

import logging
from importlib import import_module

import click
from flask import Flask
from flask.cli import AppGroup
from pydantic import ValidationError

from api.app import create_app as create_web_app
from settings import get_settings

COMMANDS = {
    "clock": "cli.clock:clock",
    "commands": "cli.commands:commands",
    "demo": "cli.demo:demo",
    "doctor": "cli.doctor:doctor",
    "import": "cli.importing.command:import_records",
    "mail": "cli.mail:mail",
    "notifications": "cli.notifications:notifications",
    "restored": "cli.restored:restored",
    "retention": "cli.retention:retention",
    "routes": "cli.routes:routes",
    "tokens": "cli.tokens:tokens",
    "users": "cli.users:users",
}
"""Where each command or group is: `module:attribute`."""


class Commands(AppGroup):
    """The commands of `COMMANDS`, each loaded when it is looked up, beside those that Flask adds."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return super().get_command(ctx, name)
        module, _, attribute = COMMANDS[name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command


def create_app() -> Flask:
    """The web application with its commands. Raises `click.ClickException` when the settings cannot be used."""
    try:
        get_settings()
    except ValidationError as invalid:
        raise click.ClickException(_sentences(invalid)) from None
    app = create_web_app(serving=False)
    # Alembic tells of each of its plugins when it is imported; people read standard error here.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    app.cli = Commands(app.name)
    return app


def _sentences(invalid: ValidationError) -> str:
    """What is wrong with the settings, without the values, which may be secrets."""
    faults = invalid.errors(include_input=False, include_url=False, include_context=False)
    return "\n".join(_sentence("_".join(map(str, fault["loc"])).upper(), fault["msg"]) for fault in faults)


def _sentence(variable: str, message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message if message.startswith(variable) else f"{variable}: {message}"
