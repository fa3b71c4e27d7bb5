"""The creates as a picture: what a request costs by process, beside the yardsticks. SVG by hand, no library."""

from html import escape
from typing import Any

_WIDTH, _BAR, _GAP, _LEFT, _TOP = 760, 22, 8, 210, 54
_COLOURS = {
    "web": "#2f6fab",
    "echo": "#2f6fab",
    "textbook": "#2f6fab",
    "postgres": "#8a6d3b",
    "redis": "#b33a3a",
    "relay": "#5b8c5a",
    "worker-clocks": "#8566aa",
    "worker-mail": "#bb8fce",
}
_NAMES = {"web": "web server", "postgres": "PostgreSQL", "redis": "Redis"}


def picture(creates: list[dict[str, Any]], title: str) -> str:
    """Stacked bars of CPU µs a request: echo, textbook and create at each concurrency."""
    bars = [
        (
            f"{name}, {each['concurrency']} at once" + (", workers run" if each["workers"] == "with" else ""),
            parts,
        )
        for each in creates
        for name in ("echo", "textbook", "create")
        if name in each and (parts := each[name]["cpu_us"])
    ]
    longest = max((sum(parts.values()) for _, parts in bars), default=1)
    scale = (_WIDTH - _LEFT - 80) / longest
    height = _TOP + len(bars) * (_BAR + _GAP) + 40
    shapes = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="24" font-size="15">{escape(title)}</text>',
    ]
    for place, (label, parts) in enumerate(bars):
        top = _TOP + place * (_BAR + _GAP)
        shapes.append(f'<text x="{_LEFT - 8}" y="{top + 15}" text-anchor="end">{escape(label)}</text>')
        left = float(_LEFT)
        for name, value in parts.items():
            wide, colour = value * scale, _COLOURS.get(name, "#888888")
            shapes.append(
                f'<rect x="{left:.1f}" y="{top}" width="{wide:.1f}" height="{_BAR}" fill="{colour}">'
                f"<title>{escape(name)}: {value:,} µs</title></rect>"
            )
            left += wide
        shapes.append(f'<text x="{left + 6:.1f}" y="{top + 15}">{sum(parts.values()):,} µs</text>')
    left = 12
    for name, colour in _COLOURS.items():
        if name in ("echo", "textbook"):
            continue
        shapes.append(f'<rect x="{left}" y="{height - 24}" width="12" height="12" fill="{colour}"/>')
        shapes.append(f'<text x="{left + 16}" y="{height - 14}">{escape(_NAMES.get(name, name))}</text>')
        left += 118
    return "\n".join([*shapes, "</svg>", ""])
