"""Words with a colour can be read: every ink on its ground has a contrast of 4.5:1 or more (WCAG 2.2, 1.4.3)."""

import re
from pathlib import Path

import pytest

STYLE = (Path(__file__).resolve().parents[2] / "api" / "console" / "static" / "console.css").read_text()
LIGHT, DARK = STYLE.split("/* Dark */")
TONES = ("bad", "warn", "busy", "good", "plain")
PAIRS = (
    *((f"{tone}-ink", f"{tone}-ground") for tone in TONES),
    ("surface", "bad-ink"),
    *(
        (ink, ground)
        for ink in ("pico-color", "pico-muted-color", "pico-primary")
        for ground in ("surface", "surface-soft")
    ),
    *((ink, "pico-background-color") for ink in ("pico-color", "pico-muted-color", "pico-primary")),
    ("pico-primary-inverse", "pico-primary-background"),
    ("pico-primary-inverse", "pico-primary-hover-background"),
)


def tokens(style: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{3,6})\b", style))


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize(
    "style", [LIGHT, DARK.split("/* -- the frame */", maxsplit=1)[0]], ids=["light", "dark"]
)
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_ink_on_its_ground_can_be_read(style: str, ink: str, ground: str) -> None:
    colours = tokens(style)
    assert contrast(colours[ink], colours[ground]) >= 4.5
