"""The steps in which a machine is brought up, in their order (`sandbox.run.STEPS`).

Each takes the `Machine`, does its part and returns what is to be told of it. Each raises `StartFailedError`
with a sentence that says what to do, and `StopRequested` when a stop is asked for while it waits.
"""

import json
from collections.abc import Sequence

from sandbox import announcement, ports, readiness, servers
from sandbox.environment import METRICS
from sandbox.machine import Machine
from sandbox.once import Once, shown
from sandbox.procfile import NEEDS_NO_SCHEMA, SANDBOX
from sandbox.steps import StartFailedError


def check_ports(machine: Machine) -> str:
    """The ports that people know must be free; what a killed run left is ended first."""
    left = machine.directory.end_leftovers()
    if left:
        machine.steps.say(f"      The last run was killed; what it left is stopped: {', '.join(left)}.")
    settings = machine.settings
    wanted = (
        ("PORT", settings.port, "web"),
        ("FLOWER_PORT", settings.flower_port, "flower"),
        ("SANDBOX_PORT", settings.sandbox_port, SANDBOX),
    )
    named: dict[int, str] = {}
    for variable, port, process in wanted:
        if process not in machine.commands:
            continue
        if port in named:
            raise StartFailedError(f"{named[port]} and {variable} are both {port}; give one another port.")
        named[port] = variable
        why_not = ports.why_not(port)
        if why_not is not None:
            other = ports.free_port(port + 1 if port < 65535 else None)
            raise StartFailedError(
                f"Port {port}, on which {process} would listen, {why_not}. "
                f"Set {variable} to another, for example: make run {variable}={other}"
            )
    return ", ".join(str(port) for port in named) + " are free" if named else "none needed"


def start_postgres(machine: Machine) -> str:
    """The PostgreSQL of DATABASE_URL, or one of our own; and with it the supervisor.

    Our own Redis is started at the same moment, to save its time.
    """
    kept = machine.directory.kept()
    place = machine.directory.path
    try:
        if machine.settings.own_postgres:
            machine.postgres = servers.prepare_postgres(place, port=kept.get("postgres_port"))
            machine.environment["DATABASE_URL"] = machine.postgres.url()
        if machine.settings.own_redis:
            machine.redis = servers.prepare_redis(place, port=kept.get("redis_port"))
            machine.environment["REDIS_URL"] = machine.redis.url()
    except (servers.PostgresUnavailableError, servers.RedisUnavailableError) as unavailable:
        raise StartFailedError(str(unavailable)) from None
    machine.keep_for_the_next_run()
    machine.directory.make_empty(METRICS)
    machine.processes.start(machine.programs, machine.environment)
    if machine.postgres is None:
        if why_not := readiness.why_postgres_is_away(machine.settings.database_url):
            raise StartFailedError(f"the server of DATABASE_URL does not answer: {why_not}")
        return "that of DATABASE_URL"
    machine.processes.wait_for("postgres", machine.postgres.is_ready)
    machine.postgres.create_database()
    return f"{machine.postgres.note}, port {machine.postgres.port}"


def start_redis(machine: Machine) -> str:
    """The Redis of REDIS_URL, or one of our own."""
    if machine.redis is None:
        if why_not := readiness.why_redis_is_away(machine.settings.redis_url):
            raise StartFailedError(f"the server of REDIS_URL does not answer: {why_not}")
        return "that of REDIS_URL"
    machine.processes.wait_for("redis", machine.redis.is_ready)
    return f"{machine.redis.note}, port {machine.redis.port}"


def migrate(machine: Machine) -> str:
    """The schema, while the processes that need none begin to start."""
    machine.processes.start_programs([name for name in NEEDS_NO_SCHEMA if name in machine.commands])
    _begin(machine, "migrate", machine.plan.migrate).finish(machine.processes.look)
    return f"up to date: {shown(machine.plan.migrate)}"


def load_demo_data(machine: Machine) -> str:
    """The demo data, while the other processes begin to start."""
    seeding = _begin(machine, "demo", machine.plan.demo)
    machine.processes.start_programs([name for name in machine.commands if name not in NEEDS_NO_SCHEMA])
    printed = seeding.finish(machine.processes.look)
    try:
        machine.demo = json.loads(printed)
    except ValueError:
        raise StartFailedError(
            f"'{shown(machine.plan.demo)}' did not print one JSON object; "
            f"its other output is in {machine.directory.logs / 'demo.log'}."
        ) from None
    return f"loaded: {shown(machine.plan.demo)}"


def name_processes(machine: Machine) -> str:
    """The processes of the Procfile, all started by now."""
    return ", ".join(machine.commands)


def wait_for_processes(machine: Machine) -> str:
    """Wait until the web server, the sandbox, Flower and the workers do their work.

    Without the web server there is nothing to use and the start fails; for the others a sentence says where
    to look.
    """
    ready = []
    for name in machine.commands:
        is_ready = readiness.check_of(
            name,
            machine.settings,
            log=machine.processes.log_of(name),
            since=machine.processes.log_began(name),
        )
        if is_ready is None:
            continue
        try:
            machine.processes.wait_for(name, is_ready)
            ready.append(name)
        except StartFailedError as failed:
            if name == "web":
                raise
            machine.steps.say(str(failed))
    return ", ".join(ready) or "nothing to wait for"


def write_run_files(machine: Machine) -> str:
    """`run.json` for scripts and `run.env` for commands in another terminal."""
    machine.write_run_files()
    return str(machine.directory.path / "run.json")


def announce(machine: Machine) -> None:
    """After the last step: the block with all addresses and a line to paste."""
    machine.steps.say(
        announcement.block(
            machine.run_file(),
            own_sandbox=machine.settings.own_sandbox,
            seconds=machine.steps.elapsed_s,
        )
    )


def _begin(machine: Machine, name: str, command: Sequence[str]) -> Once:
    return Once(
        command,
        directory=machine.plan.directory,
        environment=machine.environment,
        log=machine.directory.logs / f"{name}.log",
    )
