"""The console's first page, and the answer to addresses that lead nowhere."""

from flask import Blueprint, Response, url_for

from api.console.guard import see_other
from api.console.render import problem


def add_to(blueprint: Blueprint) -> None:
    """`/console` leads to the notifications; whatever no other page takes is answered here."""
    for path in ("", "/"):
        blueprint.add_url_rule(path, "home", home)
    blueprint.add_url_rule("/<path:wanted>", "missing", missing, methods=["GET", "POST"])


def home() -> Response:
    """The tab that says whether anything has to be done."""
    return see_other(url_for("console.notifications"))


def missing(wanted: str) -> Response:  # noqa: ARG001 - whatever it is
    """There is no such page."""
    return problem(
        "There is no such page", "The address leads nowhere in the console.", "Check it.", status=404
    )
