"""Who calls and who is written to: applications, users with their duties, and the tokens they call with.

A user's roles follow from the records they have: an employee, a liaison or a client record. A client may
exist without a user, because orders come from other systems and their clients need not have registered.
"""

from datetime import datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    String,
    Text,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Instant

ROLES = ("employee", "liaison", "client")
"""The roles of users, strongest first (contract.md section 4)."""


class Application(Base):
    """A program that may call: PlanoAuth, PlanoOrder, PlanoX2. `admits` lists the user roles it lets in."""

    __tablename__ = "applications"
    __table_args__ = (
        CheckConstraint("admits <@ ARRAY['employee', 'liaison', 'client']", name="admits_known_roles"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    slug: Mapped[str] = mapped_column(String(63), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    admits: Mapped[list[str]] = mapped_column(ARRAY(Text))


class User(Base):
    """A person who can log in. E-mail addresses are unique whatever their case."""

    __tablename__ = "users"
    __table_args__ = (
        Index("uq_users_email", text("lower(email)"), unique=True),
        CheckConstraint("position('@' in email) > 1", name="email_has_an_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    email: Mapped[str] = mapped_column(String(320))
    name: Mapped[str] = mapped_column(String(255))
    phone: Mapped[str | None] = mapped_column(String(32))
    password_hash: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())


class Employee(Base):
    """A user who works for the company. `duties` says what for: a photographer has the duty of that name."""

    __tablename__ = "employees"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    duties: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")


class Company(Base):
    """A customer company, such as a property manager, that places orders through its people."""

    __tablename__ = "companies"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))


class Liaison(Base):
    """A user who looks after one or more companies."""

    __tablename__ = "liaisons"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)


class LiaisonCompany(Base):
    """Which companies a liaison serves."""

    __tablename__ = "liaison_companies"

    user_id: Mapped[int] = mapped_column(ForeignKey("liaisons.user_id", ondelete="CASCADE"), primary_key=True)
    company_id: Mapped[int] = mapped_column(
        ForeignKey("companies.id", ondelete="CASCADE"), primary_key=True, index=True
    )


class Client(Base):
    """Who ordered. Confirmations go to `email`, with the assistants and the additional addresses in copy."""

    __tablename__ = "clients"
    __table_args__ = (Index("ix_clients_email", text("lower(email)")),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), unique=True)
    company_id: Mapped[int | None] = mapped_column(ForeignKey("companies.id"), index=True)
    email: Mapped[str | None] = mapped_column(String(320))
    name: Mapped[str] = mapped_column(String(255), server_default="")
    phone: Mapped[str | None] = mapped_column(String(32))
    assistant_emails: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    additional_emails: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")


class Token(Base):
    """What a caller proves itself with, of an application or of a person's session (contract.md section 4).

    The secret is shown once and stored as its SHA-256. `remember_me` sessions never expire.
    """

    __tablename__ = "tokens"
    __table_args__ = (
        CheckConstraint("kind IN ('application', 'session')", name="kind_known"),
        CheckConstraint("(kind = 'session') = (user_id IS NOT NULL)", name="sessions_have_a_user"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    secret_sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    kind: Mapped[str] = mapped_column(String(16))
    label: Mapped[str] = mapped_column(String(255), server_default="")
    application_id: Mapped[int] = mapped_column(ForeignKey("applications.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    remember_me: Mapped[bool] = mapped_column(Boolean, server_default="false")
    created_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    last_used_at: Mapped[datetime] = mapped_column(Instant, server_default=func.now())
    revoked_at: Mapped[datetime | None] = mapped_column(Instant)
