"""Passwords: Argon2id with today's parameters, the same effort for nobody, a few at a time."""

import secrets
from threading import BoundedSemaphore
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.low_level import Type

from models import passwords
from models.passwords import (
    HASHER,
    LONGEST,
    NOBODYS,
    SHORTEST,
    PasswordRuleError,
    PasswordsBusyError,
    hash_password,
    is_outdated,
    is_password,
)

FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parameters that cost nothing, for tests of everything else."""
    monkeypatch.setattr(passwords, "HASHER", FAST)
    monkeypatch.setattr(passwords, "NOBODYS", FAST.hash(secrets.token_urlsafe()))


def test_the_real_parameters_are_those_of_owasp_and_verify_what_they_hashed():
    password = secrets.token_urlsafe(12)
    stored = hash_password(password)
    shown = extract_parameters(stored)
    assert (shown.type, shown.memory_cost, shown.time_cost, shown.parallelism) == (Type.ID, 19 * 1024, 2, 1)
    assert password not in stored
    assert is_password(stored, password)
    assert not is_password(stored, password + "x")
    assert not is_outdated(stored)


def test_nobodys_hash_costs_what_everybodys_costs():
    assert extract_parameters(NOBODYS) == extract_parameters(HASHER.hash("x"))


def test_the_most_that_can_be_computed_at_once_fits_into_a_small_process():
    memory = extract_parameters(NOBODYS).memory_cost * 1024 * passwords.AT_ONCE
    assert memory <= 128 * 1024 * 1024


@pytest.mark.parametrize(
    "password",
    ["", "x" * (SHORTEST - 1), " " * SHORTEST, "x" * (LONGEST + 1)],
    ids=["empty", "short", "blank", "long"],
)
def test_a_password_outside_the_rule_is_refused_without_being_repeated(fast: None, password: str):
    with pytest.raises(PasswordRuleError) as refused:
        hash_password(password)
    assert not password or password not in str(refused.value)


@pytest.mark.parametrize(
    "password", ["x" * SHORTEST, "x" * LONGEST, "  blanks count  ", "Zürich-Straße-12", "🔑" * 12]
)
def test_a_password_within_the_rule_is_kept_to_the_letter(fast: None, password: str):
    stored = hash_password(password)
    assert is_password(stored, password)
    assert not is_password(stored, password + " ")
    assert not is_password(stored, password.swapcase() + "'")


def test_composed_and_decomposed_letters_are_the_same_password(fast: None):
    assert is_password(hash_password("Zu\u0308rich-Bahnhof"), "Z\u00fcrich-Bahnhof")


@pytest.mark.parametrize("odd", ["\x00", "\ud800" * 20, "x" * 1_000_000, ""])
def test_whatever_is_tried_is_only_wrong(fast: None, odd: str):
    assert is_password(hash_password("correct horse battery"), odd) is False


@pytest.mark.parametrize("stored", [None, "", "not a hash", "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA"])
def test_nobody_and_a_broken_hash_match_nothing(fast: None, stored: str | None):
    assert is_password(stored, "correct horse battery") is False


def test_other_parameters_are_outdated():
    assert is_outdated(FAST.hash("correct horse battery"))


def test_whoever_would_wait_too_long_is_refused(fast: None, monkeypatch: pytest.MonkeyPatch):
    slots = BoundedSemaphore(1)
    monkeypatch.setattr(passwords, "_slots", slots)
    monkeypatch.setattr(passwords, "PATIENCE_S", 0.01)
    stored = hash_password("correct horse battery")
    slots.acquire()
    with pytest.raises(PasswordsBusyError):
        is_password(stored, "correct horse battery")
    slots.release()
    assert is_password(stored, "correct horse battery")


def test_a_slot_is_given_back_whatever_happens(fast: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(passwords, "_slots", BoundedSemaphore(1))
    monkeypatch.setattr(passwords, "PATIENCE_S", 0.01)

    class Broken:
        def verify(self, *_given: Any) -> bool:
            raise MemoryError

    monkeypatch.setattr(passwords, "HASHER", Broken())
    for _ in range(3):
        with pytest.raises(MemoryError):
            is_password(None, "correct horse battery")
