"""Looking at a page as a whole: is anything cut off, and can everybody use it."""

import json
from functools import cache
from hashlib import sha256
from pathlib import Path

from playwright.sync_api import Page

VENDOR = Path(__file__).parent / "vendor"
WIDTHS = (320, 768, 1280, 1920)
GRAVE = ("serious", "critical")
_OVERFLOW = """() => {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  const wide = [...document.body.querySelectorAll("*")].filter(
    (one) => one.getBoundingClientRect().right > root.clientWidth + 1 && getComputedStyle(one).position !== "fixed");
  return [`${root.scrollWidth} > ${root.clientWidth}`, ...wide.slice(0, 5).map((one) => one.outerHTML.slice(0, 120))];
}"""
_AXE = """async (rules) => {
  const found = await axe.run(document, {
    iframes: false, resultTypes: ["violations"], ...(rules ? { runOnly: { type: "rule", values: rules } } : {}),
  });
  return found.violations.map((one) => [one.impact, one.id, one.nodes.map((node) => `${node.target}: ${node.html}`)]);
}"""


def overflowing(page: Page) -> dict[int, list[str]]:
    """By width of the window, what a reader would have to scroll sideways for."""
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        found[width] = page.evaluate(_OVERFLOW)
    return {width: what for width, what in found.items() if what}


def grave_violations(page: Page, *rules: str) -> list[str]:
    """What axe-core finds on the page that is serious or critical; of these `rules` only, if any are named."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_axe_core())
    return [
        f"{rule} ({impact}): {node[:300]}"
        for impact, rule, nodes in page.evaluate(_AXE, list(rules) or None)
        if impact in GRAVE
        for node in nodes[:3]
    ]


def vendored() -> dict[str, str]:
    """The digests that the manifest names, by file."""
    manifest: dict[str, str] = json.loads((VENDOR / "axe-core" / "manifest.json").read_text())["sha256"]
    return manifest


def digests() -> dict[str, str]:
    """The digests of the files as they are."""
    files = sorted((VENDOR / "axe-core").iterdir())
    return {one.name: sha256(one.read_bytes()).hexdigest() for one in files if one.name != "manifest.json"}


@cache
def _axe_core() -> str:
    return (VENDOR / "axe-core" / "axe.min.js").read_text()
