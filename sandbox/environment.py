"""The environment of a run's processes: the caller's own, with the addresses of this run."""

import os
import sys
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from sandbox.ports import LOOPBACK
from settings import WEBHOOK_PATH, Settings

ROOT = Path(__file__).resolve().parents[1]
SANDBOX_KEY = "sandbox-key"
DEMO_PHONE = "+1 303 555 0100"
"""Nobody's: 555-0100 to 555-0199 are kept for examples."""
METRICS = "metrics"
"""The directory within VAR_DIR in which the processes of a run count together."""

_MAKES_OWN = frozenset({"MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"})
_TOLD = ("DATABASE_URL", "REDIS_URL", "PORT", "FLOWER_PORT", "SANDBOX_PORT", "PUBLIC_URL", "MANDRILL_URL")

_TOLD_OF_THE_SANDBOX = ("MANDRILL_API_KEY", "MANDRILL_WEBHOOK_KEY", "MANDRILL_WEBHOOK_URL")


class RunnerSettings(Settings):
    """The settings without `run.env`: that file describes a run in progress, and this is to be one."""

    model_config = SettingsConfigDict(env_file=ROOT / ".env")

    @property
    def run_directory(self) -> Path:
        """VAR_DIR, relative to the project."""
        return ROOT / self.var_dir

    @property
    def own_postgres(self) -> bool:
        """Whether no DATABASE_URL says where PostgreSQL is."""
        return "database_url" not in self.model_fields_set

    @property
    def own_redis(self) -> bool:
        """Whether no REDIS_URL says where Redis is."""
        return "redis_url" not in self.model_fields_set

    @property
    def own_sandbox(self) -> bool:
        """Whether no MANDRILL_URL says where mails go."""
        return "mandrill_url" not in self.model_fields_set


def environment_of(settings: RunnerSettings) -> dict[str, str]:
    """The environment of every process; DATABASE_URL and REDIS_URL of our own servers are put in later."""
    base = f"http://{LOOPBACK}"
    key = settings.mandrill_api_key.get_secret_value()
    url = settings.mandrill_url
    if settings.own_sandbox:
        url, key = f"{base}:{settings.sandbox_port}/api/1.0", key or SANDBOX_KEY
    public_url = settings.public_url
    if "public_url" not in settings.model_fields_set:
        public_url = f"{base}:{settings.port}"
    webhook, shown_in_mails = {}, {}
    if settings.own_sandbox:
        shown_in_mails = {
            "OFFICE_PHONE": settings.office_phone or DEMO_PHONE,
            "APPOINTMENT_URL": settings.appointment_url
            or f"{base}:{settings.sandbox_port}/appointments/{{uuid}}",
        }
        # The sandbox calls this machine whatever address people use; it signs the URL that it calls.
        webhook_url = f"{base}:{settings.port}{WEBHOOK_PATH}"
        webhook = {"MANDRILL_WEBHOOK_URL": webhook_url, "SANDBOX_WEBHOOK_URL": webhook_url}
    return {
        **{name: value for name, value in os.environ.items() if name not in _MAKES_OWN},
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        "APP_ENV": settings.app_env,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "MANDRILL_URL": url,
        "MANDRILL_API_KEY": key,
        "PUBLIC_URL": public_url,
        **webhook,
        **shown_in_mails,
        "PORT": str(settings.port),
        "FLOWER_PORT": str(settings.flower_port),
        "SANDBOX_PORT": str(settings.sandbox_port),
        "VAR_DIR": str(settings.run_directory.resolve()),
        "PROMETHEUS_MULTIPROC_DIR": str(settings.run_directory.resolve() / METRICS),
    }


def told_to_other_terminals(environment: dict[str, str], *, own_sandbox: bool) -> dict[str, str]:
    """The part for `run.env`: what this run uses, and every other setting that it was given.

    A real Mandrill key and other secrets stay where their owner put them.
    """
    given = [
        name.upper()
        for name, field in Settings.model_fields.items()
        if name.upper() in environment and field.annotation is not SecretStr
    ]
    names = {*_TOLD, *given, *(_TOLD_OF_THE_SANDBOX if own_sandbox else ())} - {"VAR_DIR", "PROCESS_NAME"}
    return {name: environment[name] for name in sorted(names)}
