"""The settings that mails show to people: a telephone number, and a page that is https and names the appointment."""

import pytest
from pydantic import ValidationError

from settings import Settings


def settings_with(**values: str) -> Settings:
    return Settings(_env_file=None, **values)


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example.com/appointments/{uuid}",
        "https://app.example.com/?appointment={uuid}&from=mail",
        "http://127.0.0.1:3000/appointments/{uuid}",
        "",
    ],
)
def test_a_page_is_named_by_the_appointment(url: str) -> None:
    assert settings_with(appointment_url=url).appointment_url == url


@pytest.mark.parametrize(
    "url",
    [
        "https://app.example.com/appointments",
        "https://app.example.com/{id}",
        "https://app.example.com/{uuid}/{uuid}",
        "https://app.example.com/{uuid}?token={token}",
        "https://app.example.com/{uuid.hex}",
        "https://{uuid}.example.com/",
        "http://app.example.com/{uuid}",
        "https://eva:secret@app.example.com/{uuid}",
        "javascript:alert('{uuid}')",
        "https://app.example.com/a b/{uuid}",
    ],
)
def test_any_other_page_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ValidationError, match="APPOINTMENT_URL must be an https URL with"):
        settings_with(appointment_url=url)


@pytest.mark.parametrize(
    ("number", "is_taken"),
    [
        ("+1 303 555 0100", True),
        ("(303) 555-0100 x12", True),
        ("", True),
        ("ask Dana", False),
        ("911", False),
    ],
)
def test_a_telephone_number_can_be_called(number: str, is_taken: bool) -> None:
    if is_taken:
        assert settings_with(office_phone=number).office_phone == number
        return
    with pytest.raises(ValidationError, match="OFFICE_PHONE must be a telephone number"):
        settings_with(office_phone=number)
