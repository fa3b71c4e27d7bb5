"""The web application in this process, made once: making it costs more than most tests do with it."""

from collections.abc import Callable

from flask import Flask

import cli.app
import telemetry
from api import app, rate_limits
from settings import Settings, get_settings

KEPT = 4
"""So many are kept, those that were asked for last: tests that change a setting and tests that do not take turns."""

_made: list[tuple[Callable[[], Flask], Settings, Flask]] = []


def front_door() -> Flask:
    """The application as the settings of the moment make it.

    What a start does beside making it is done each time: the log goes where standard error is now, and the counts of
    the rate limits begin anew. A test that changes the application itself makes one of its own.
    """
    return _kept(app.create_app)


def command_line() -> Flask:
    """The application with the commands of `flask`, whatever `VAR_DIR` is: making it does not look there."""
    return _kept(cli.app.create_app)


def _kept(make: Callable[[], Flask]) -> Flask:
    settings = get_settings()
    if make is cli.app.create_app:
        settings = settings.model_copy(update={"var_dir": None})
    for place, (maker, its_settings, application) in enumerate(_made):
        if maker is make and its_settings == settings:
            _made.append(_made.pop(place))
            telemetry.set_up("web")
            rate_limits.set_up()
            return application
    application = make()
    _made.append((make, settings, application))
    del _made[:-KEPT]
    return application
