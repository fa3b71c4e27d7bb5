"""For how long things are kept: whole days, a hundred years at most."""

import pytest
from pydantic import ValidationError

from models.retention import RULES
from settings import Settings

AGES = sorted({rule.setting for rule in RULES})


@pytest.mark.parametrize("setting", AGES)
@pytest.mark.parametrize("days", ["36501", "1000000000", "2147483647"])
def test_an_age_that_no_calendar_reaches_is_refused_by_name(
    setting: str, days: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting.upper(), days)
    with pytest.raises(ValidationError, match=rf"{setting}\n.*less than or equal to 36500"):
        Settings(_env_file=None)


@pytest.mark.parametrize("setting", AGES)
def test_a_hundred_years_is_an_age(setting: str) -> None:
    assert getattr(Settings(_env_file=None, **{setting: 36500}), setting) == 36500


def test_every_age_has_its_rule() -> None:
    assert [name for name in sorted(Settings.model_fields) if name.endswith("_days")] == AGES
