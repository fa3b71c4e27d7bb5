"""`flask routes`: which routes there are, and the switch that takes one out of service without a release.

Flask has a command of this name of its own, which it finds before an application's; the entry point in
pyproject.toml puts this one first.
"""

import click
from sqlalchemy import Connection, text

from api.app import ROUTES
from api.routes import AnyRoute
from cli.failures import Failure, Group
from cli.output import json_option, show_json, show_table
from models import database
from models.switchboard import FRESH_FOR_S


@click.group(cls=Group)
def routes() -> None:
    """Routes and services of the API, and whether they are deployed."""


@routes.command("list", with_appcontext=False)
@json_option
def list_routes(as_json: bool) -> None:
    """Every route with its service. What has no record is deployed."""
    with database.transaction() as connection:
        services = {
            row.slug: row.deployed for row in connection.execute(text("SELECT slug, deployed FROM services"))
        }
        records = {
            (row.method, row.path): row.deployed
            for row in connection.execute(text("SELECT method, path, deployed FROM routes"))
        }
    listed = [
        {
            "method": route.method,
            "path": route.path,
            "service": route.service,
            "deployed": records.get(route.key, True),
            "service_deployed": services.get(route.service, True),
            "purpose": route.purpose,
        }
        for route in ROUTES
    ]
    if as_json:
        show_json(listed)
        return
    show_table(
        ("METHOD", "PATH", "DEPLOYED", "SERVICE", "SERVICE DEPLOYED"),
        [
            (row["method"], row["path"], row["deployed"], row["service"], row["service_deployed"])
            for row in listed
        ],
        "There are no routes.",
    )


@routes.command(with_appcontext=False)
@click.argument("route", nargs=-1)
@click.option("--service", help="The whole service of this name instead of a route.")
def deploy(route: tuple[str, ...], service: str | None) -> None:
    """Put a route (METHOD PATH, or PATH with all its methods) or a service into operation."""
    _switch(route, service, deployed=True)


@routes.command(with_appcontext=False)
@click.argument("route", nargs=-1)
@click.option("--service", help="The whole service of this name instead of a route.")
def retire(route: tuple[str, ...], service: str | None) -> None:
    """Take a route (METHOD PATH, or PATH with all its methods) or a service out of operation.

    Requests to a retired route answer route-not-found, to one of a retired service service-not-found.
    """
    _switch(route, service, deployed=False)


def _switch(route: tuple[str, ...], service: str | None, *, deployed: bool) -> None:
    words = " ".join(route).split()
    if bool(words) == bool(service):
        raise click.UsageError("Name one route (METHOD PATH, or PATH), or one service with --service.")
    with database.transaction() as connection:
        if service:
            _set_service(connection, _known_service(service), deployed=deployed)
            what = [f"service {service}"]
        else:
            found = _known_routes(words)
            for one in found:
                _set_route(connection, one, deployed=deployed)
            what = [f"{one.method} {one.path}" for one in found]
    done = "deployed" if deployed else "retired"
    verb = "is" if len(what) == 1 else "are"
    click.echo(f"{', '.join(what)} {verb} {done}. Every process follows within {FRESH_FOR_S:.0f} seconds.")


def _known_service(service: str) -> str:
    known = sorted({route.service for route in ROUTES})
    if service not in known:
        raise Failure(f"There is no service {service}; there are {', '.join(known)}.")
    return service


def _known_routes(words: list[str]) -> list[AnyRoute]:
    """The routes meant by `METHOD PATH` or `PATH`; the method in any case."""
    method, path = (words[0].upper(), words[1]) if len(words) == 2 else (None, " ".join(words))
    found = [route for route in ROUTES if route.path == path and method in (None, route.method)]
    if not found:
        known = "\n".join(f"  {route.method} {route.path}" for route in ROUTES)
        raise Failure(f"There is no route {' '.join(words)}. There are:\n{known}")
    return found


def _set_service(connection: Connection, slug: str, *, deployed: bool) -> None:
    connection.execute(
        text(
            "INSERT INTO services (slug, deployed) VALUES (:slug, :deployed)"
            " ON CONFLICT (slug) DO UPDATE SET deployed = excluded.deployed"
        ),
        {"slug": slug, "deployed": deployed},
    )


def _set_route(connection: Connection, route: AnyRoute, *, deployed: bool) -> None:
    connection.execute(
        text("INSERT INTO services (slug) VALUES (:slug) ON CONFLICT (slug) DO NOTHING"),
        {"slug": route.service},
    )
    connection.execute(
        text(
            "INSERT INTO routes (service_id, method, path, deployed)"
            " SELECT id, :method, :path, :deployed FROM services WHERE slug = :service"
            " ON CONFLICT (method, path) DO UPDATE SET deployed = excluded.deployed"
        ),
        {"method": route.method, "path": route.path, "service": route.service, "deployed": deployed},
    )
