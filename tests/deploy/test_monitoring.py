"""The dashboard and the alerts speak of metrics that are exported, in PromQL, and lead to a page that helps."""

import json
import re
from collections.abc import Iterator

import promql_parser
import pytest
import yaml

import measures
from tests.contracts.source import ROOT

DASHBOARD = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text())
ALERTS = [
    rule
    for group in yaml.safe_load((ROOT / "deploy/prometheus-alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
PAGE = (ROOT / "docs/metrics.md").read_text()
RUNBOOK = (ROOT / "docs/operations.md").read_text()
QUERIES = {
    **{
        f"panel {panel['title']} {t['refId']}": t["expr"]
        for panel in DASHBOARD["panels"]
        for t in panel["targets"]
    },
    **{f"alert {rule['alert']}": rule["expr"] for rule in ALERTS},
}


def selectors(node: object) -> Iterator[promql_parser.VectorSelector]:
    """Every selector of series in a query."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for part in ("expr", "lhs", "rhs", "vector_selector", "vs"):
        yield from selectors(getattr(node, part)) if hasattr(node, part) else ()
    for argument in getattr(node, "args", ()):
        yield from selectors(argument)


def parsed(query: str) -> list[promql_parser.VectorSelector]:
    return list(selectors(promql_parser.parse(query.replace("$__rate_interval", "5m"))))


def exported_names() -> set[str]:
    """The name of every series that can be exported."""
    names = {measures.PREFIX + name for name in measures.READ_AT_SCRAPE}
    for metric in measures.REGISTRY.collect():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(
            metric.type, ("",)
        )
        names |= {metric.name + suffix for suffix in suffixes}
    return names


def labels() -> dict[str, set[str]]:
    """The labels of every exported series."""
    known = {measures.PREFIX + name: set(names) for name, (_, names) in measures.READ_AT_SCRAPE.items()}
    for metric in vars(measures).values():
        for described in (
            metric.describe() if hasattr(metric, "describe") and hasattr(metric, "_labelnames") else ()
        ):
            for suffix in ("", "_total", "_count", "_sum", "_bucket"):
                extra = {"le"} if suffix == "_bucket" else set()
                known[described.name + suffix] = set(metric._labelnames) | extra
    return known


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES.keys())
def test_a_query_asks_for_series_and_labels_that_are_exported(query: str) -> None:
    found = parsed(query)
    named = set(re.findall(r"appointments_\w+", query))
    assert {selector.name for selector in found} == named != set()
    assert named <= exported_names()
    for selector in found:
        assert {matcher.name for matcher in selector.matchers.matchers} <= labels()[selector.name]


def test_every_metric_is_shown_or_watched_and_explained() -> None:
    families = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in exported_names()}
    used = {
        re.sub(r"_(total|bucket|sum|count)$", "", name)
        for name in re.findall(r"appointments_\w+", str(QUERIES))
    }
    assert used == families
    for name in families:
        assert name in PAGE, name


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_wrong_and_where_to_read_on(rule: dict) -> None:
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{rule['alert'].lower()}"


def test_the_runbook_has_a_section_for_every_alert_and_for_no_other() -> None:
    alerts = RUNBOOK[RUNBOOK.index("## Alerts\n") : RUNBOOK.index("## Backup\n")]
    sections = re.findall(r"^### (\w+)\n\*(page|ticket)\.\* \S", alerts, re.MULTILINE)
    assert sections == [(rule["alert"], rule["labels"]["severity"]) for rule in ALERTS]
    assert len(re.findall("^### ", alerts, re.MULTILINE)) == len(ALERTS)


def test_panels_have_names_and_places_of_their_own() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["title"] for panel in panels}) == len({panel["id"] for panel in panels}) == len(panels)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)
