"""The only reader of the environment: one frozen object, `get_settings()`.

Every process of the product (web, worker, relay, beat, command line) takes its configuration from here and
from nowhere else, so that `.env.example` is the whole list of what can be configured. A `.env` file in the
working directory fills what the environment leaves out.
"""

import ipaddress
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEVELOPMENT_SECRET_KEY = "development-only-not-a-secret"  # noqa: S105 - refused in production, below
SANDBOX_KEY_PREFIX = "sandbox-"
WEBHOOK_PATH = "/api/v1/webhooks/mandrill"
LONGEST_KEPT_DAYS = (
    36_500  # a hundred years; millions of days ago is before the calendar of PostgreSQL begins
)
_RATE = re.compile(r"[1-9]\d{0,6} per (second|minute|hour)")
_PAGE = re.compile(r"https://[^\s/{}@]+/\S*$|http://(127\.0\.0\.1|localhost)(:\d{1,5})?/\S*$")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?")


class Settings(BaseSettings):
    """The configuration of one process. Times are seconds; URLs carry their scheme.

    Raises `pydantic.ValidationError`, whose text names the variable, when a value cannot be used or when a
    production start would run with a development value.
    """

    model_config = SettingsConfigDict(
        env_file=(Path(os.environ.get("VAR_DIR") or "var") / "run.env", ".env"),
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,  # it may hold secrets
    )

    app_env: Literal["development", "production"] = "development"
    process_name: str = Field(default="", description="What logs, Sentry and PostgreSQL call this process.")
    release: str = Field(default="unreleased", description="What Sentry and the logs call this build.")

    # The three URLs may hold passwords: they stay out of every repr.
    database_url: str = Field(default="postgresql+psycopg://postgres@127.0.0.1:5432/appointments", repr=False)
    redis_url: str = Field(default="redis://127.0.0.1:6379/0", repr=False)
    celery_broker_url: str = Field(default="", repr=False)
    database_pool_size: int = Field(default=20, ge=1, description="Connections a process may hold.")

    mandrill_url: str = "https://mandrillapp.com/api/1.0"
    mandrill_api_key: SecretStr = SecretStr("")
    mandrill_webhook_key: SecretStr = SecretStr("")
    mandrill_webhook_url: str = Field(default="", description="As registered; empty: from PUBLIC_URL.")
    mandrill_read_timeout_s: float = Field(default=15.0, gt=0, description="Longest silence of Mandrill.")
    mandrill_total_timeout_s: float = Field(default=20.0, gt=0, description="Longest call to Mandrill.")
    mail_from: str = "Appointments <appointments@example.com>"
    office_phone: str = Field(default="", description="Shown in mails for questions; empty: not shown.")
    appointment_url: str = Field(
        default="", description="Of the page where a client moves or cancels; {uuid} is the appointment's."
    )

    office_time_zone: str = "America/Denver"
    public_url: str = "http://127.0.0.1:8000"
    secret_key: SecretStr = SecretStr(DEVELOPMENT_SECRET_KEY)
    sentry_dsn: SecretStr = SecretStr("")
    sentry_url: str = Field(default="", description="Of the organisation; the console links reports there.")
    flower_url: str = Field(
        default="", description="Where people reach Flower; empty: FLOWER_PORT on 127.0.0.1."
    )
    sentry_traces_sample_rate: float = Field(
        default=1.0, ge=0, le=1, description="Share of the requests whose whole trace Sentry gets."
    )

    appt_types: tuple[str, ...] = Field(default=(), description="JSON list; empty admits any text.")
    delivery_types: tuple[str, ...] = Field(default=(), description="JSON list; empty admits any text.")

    rate_limit_applications: str = Field(default="2000 per second", description="Per token; off: no limit.")
    rate_limit_sessions: str = Field(default="300 per second", description="Per token; off: no limit.")
    rate_limit_failures: str = Field(
        default="6000 per minute", description="Tokens that are not valid, per address; off: no limit."
    )
    cors_origins: tuple[str, ...] = Field(
        default=(), description="JSON list of origins, like https://a.example."
    )
    trusted_proxies: int = Field(
        default=0, ge=0, description="Proxies in front that write X-Forwarded-For; 0: the peer is the client."
    )
    metrics_token: SecretStr = Field(default=SecretStr(""), description="Empty: metrics for this host only.")
    metrics_port: int = Field(default=9108, ge=1, le=65535)
    prometheus_multiproc_dir: Path | None = Field(
        default=None,
        description="Where the processes of a host count together; read by prometheus_client too.",
    )

    command_lease_s: int = Field(default=60, ge=2, description="How long a claimed command is its worker's.")
    unknown_grace_s: int = Field(default=60, ge=1, description="Wait before asking Mandrill about a doubt.")
    mail_rate_per_s: float = Field(
        default=0, ge=0, description="Mails a second, all workers together; 0: no limit."
    )
    sweep_interval_s: float = Field(default=1.0, gt=0, description="How often the relay looks unasked.")
    stalled_after_s: float = Field(
        default=60, ge=5, description="A process that stands still this long is ended."
    )

    keep_mail_events_days: int = Field(
        default=90, ge=14, le=LONGEST_KEPT_DAYS, description="What Mandrill told of mails."
    )
    keep_archive_days: int = Field(
        default=730,
        ge=90,
        le=LONGEST_KEPT_DAYS,
        description="Mails, commands that are done and ended notifications.",
    )
    keep_audit_days: int = Field(
        default=1095, ge=90, le=LONGEST_KEPT_DAYS, description="Who did what by hand."
    )
    keep_history_days: int = Field(
        default=2555,
        ge=90,
        le=LONGEST_KEPT_DAYS,
        description="Who changed what of appointments that are long over.",
    )
    keep_sessions_days: int = Field(
        default=30, ge=1, le=LONGEST_KEPT_DAYS, description="Sessions, after they are over."
    )
    archive_after_days: int = Field(
        default=7,
        ge=1,
        le=LONGEST_KEPT_DAYS,
        description="Then commands that are done leave the table that workers look at.",
    )

    listen_address: str = Field(
        default="127.0.0.1", description="Web, Flower and the exporter listen here; 0.0.0.0 in a container."
    )
    port: int = Field(default=8000, ge=1, le=65535)
    flower_port: int = Field(default=5555, ge=1, le=65535)
    sandbox_port: int = Field(default=8025, ge=1, le=65535)
    var_dir: Path = Path("var")

    @property
    def broker_url(self) -> str:
        """Where Celery's messages go: `CELERY_BROKER_URL`, else the Redis of `REDIS_URL`."""
        return self.celery_broker_url or self.redis_url

    @property
    def webhook_url(self) -> str:
        """The URL that Mandrill signs: as it was registered, to the letter."""
        return self.mandrill_webhook_url or self.public_url.rstrip("/") + WEBHOOK_PATH

    @field_validator("database_url")
    @classmethod
    def _use_psycopg_3(cls, url: str) -> str:
        """Accept the `postgres://` and `postgresql://` that hosting platforms hand out."""
        scheme, separator, rest = url.partition("://")
        if not separator or not scheme.startswith("postgres"):
            raise ValueError("DATABASE_URL must be a PostgreSQL URL, like postgresql://user@host/database.")
        return "postgresql+psycopg://" + rest

    @field_validator("rate_limit_applications", "rate_limit_sessions", "rate_limit_failures")
    @classmethod
    def _spell_a_rate(cls, rate: str) -> str:
        if rate != "off" and not _RATE.fullmatch(rate):
            raise ValueError(
                "A rate limit is off, or a number per second, minute or hour, like 300 per second."
            )
        return rate

    @field_validator("cors_origins")
    @classmethod
    def _name_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        """An origin is a scheme and a host as browsers send them (RFC 6454 section 6.2); `*` is none."""
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"CORS_ORIGINS must list origins like https://app.example.com, without a path; not {origin!r}."
                )
        return origins

    @field_validator("office_phone")
    @classmethod
    def _be_callable(cls, number: str) -> str:
        if number and not 5 <= sum(letter in "0123456789" for letter in number) <= 20:
            raise ValueError("OFFICE_PHONE must be a telephone number, like +1 303 555 0100.")
        return number.strip()

    @field_validator("appointment_url")
    @classmethod
    def _name_the_appointment(cls, url: str) -> str:
        """It is sent to people, so it is a whole https URL; plain http only to this machine."""
        rest = url.replace("{uuid}", "", 1)
        if url and (rest == url or "{" in rest or "}" in rest or not _PAGE.match(url)):
            raise ValueError(
                "APPOINTMENT_URL must be an https URL with {uuid} in it once, "
                "like https://app.example.com/appointments/{uuid}."
            )
        return url

    @field_validator("listen_address")
    @classmethod
    def _listen_on_an_address(cls, address: str) -> str:
        try:
            return str(ipaddress.ip_address(address))
        except ValueError:
            raise ValueError("LISTEN_ADDRESS must be an IP address, such as 127.0.0.1 or 0.0.0.0.") from None

    @field_validator("office_time_zone")
    @classmethod
    def _name_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
            raise ValueError(
                f"OFFICE_TIME_ZONE must be an IANA zone such as America/Denver, not {name!r}."
            ) from unknown
        return name

    @model_validator(mode="after")
    def _keep_the_order_of_the_timers(self) -> Self:
        """A live sender must not outlive its lease, or somebody else takes its mail for a dead one's."""
        if not self.mandrill_read_timeout_s <= self.mandrill_total_timeout_s < self.command_lease_s:
            raise ValueError(
                "MANDRILL_READ_TIMEOUT_S may be at most MANDRILL_TOTAL_TIMEOUT_S, which must be below "
                "COMMAND_LEASE_S: a worker that still waits for Mandrill would lose its command."
            )
        return self

    @model_validator(mode="after")
    def _refuse_development_values_in_production(self) -> Self:
        if self.app_env != "production":
            return self
        faults = []
        if self.secret_key.get_secret_value() in ("", DEVELOPMENT_SECRET_KEY):
            faults.append("SECRET_KEY is the development value; set a random one of 32 characters or more.")
        key = self.mandrill_api_key.get_secret_value()
        if not key or key.startswith(SANDBOX_KEY_PREFIX):
            faults.append("MANDRILL_API_KEY is missing or a sandbox key; set the account's key.")
        if self.mail_from.endswith("@example.com>"):
            faults.append("MAIL_FROM is the example address; set one of a domain verified in Mandrill.")
        if not self.public_url.startswith("https://"):
            faults.append("PUBLIC_URL must be the https address that people reach this service at.")
        if faults:
            raise ValueError("A production start was refused. " + " ".join(faults))
        return self


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once. Tests that change the environment call `cache_clear`."""
    return Settings()
