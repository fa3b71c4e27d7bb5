"""compose.yaml: valid, one service for each process of the Procfile, nothing open to the world, time to stop in."""

import json
from importlib.resources import files

import jsonschema
import pytest
import yaml

from tests.deploy.manifests import DEPLOY, KNOWN, LONGEST_S, PROCESSES, exported, seconds

COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("appointments:")}
STORES = {"postgres", "redis"}


def test_it_is_a_compose_file() -> None:
    schema = files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    jsonschema.validate(COMPOSE, json.loads(schema.read_text()))


def test_every_process_is_a_service_and_every_service_a_process() -> None:
    beside = STORES | {"migrate", "prometheus", "clocks-metrics", "mail-metrics", "relay-metrics"}
    assert SERVICES.keys() - beside == PROCESSES.keys()
    for name in PROCESSES:
        assert SERVICES[name]["command"][0] == name
        assert SERVICES[name]["environment"]["PROCESS_NAME"] == name


@pytest.mark.parametrize("name", PROCESSES)
def test_a_stop_allows_more_than_the_longest_task(name: str) -> None:
    assert seconds(SERVICES[name]["stop_grace_period"]) > LONGEST_S[name]


def test_every_variable_is_one_that_something_reads() -> None:
    for name, service in SERVICES.items():
        assert service.get("environment", {}).keys() <= KNOWN, name
    assert exported(DEPLOY / "compose.env.example").keys() <= KNOWN


def test_no_file_holds_a_secret() -> None:
    given = exported(DEPLOY / "compose.env.example")
    for name in ("POSTGRES_PASSWORD", "SECRET_KEY", "MANDRILL_API_KEY", "METRICS_TOKEN", "FLOWER_BASIC_AUTH"):
        assert given[name] == ""
    for service in OURS.values():
        assert service["env_file"] == [".env"]
        assert "${POSTGRES_PASSWORD:?" in service["environment"].get("DATABASE_URL", "${POSTGRES_PASSWORD:?")


def test_only_this_host_reaches_a_published_port_and_nobody_the_stores() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), name
    for name in STORES:
        assert "ports" not in SERVICES[name]
        assert SERVICES[name]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}


def test_everything_that_works_waits_for_the_migrations() -> None:
    for name, service in OURS.items():
        if name in ("migrate", "mandrill") or "pid" in service:
            continue
        waits = service["depends_on"]
        assert waits["migrate"] == {"condition": "service_completed_successfully"}, name
        assert waits["redis"] == {"condition": "service_healthy"}, name
    migrate = SERVICES["migrate"]
    assert migrate["command"] == ["alembic", "upgrade", "head"]
    assert migrate["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert migrate["restart"].startswith("on-failure")
    assert SERVICES["web"]["depends_on"].keys() >= {"worker-clocks", "worker-mail"}


def test_every_service_is_started_again_and_bounded() -> None:
    for name, service in SERVICES.items():
        assert service["restart"] == "unless-stopped" or name == "migrate", name
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert ":latest" not in service["image"], name
        assert ":" in service["image"], name
    for name in STORES:
        assert "healthcheck" in SERVICES[name]


def test_our_processes_may_nothing_that_they_do_not_need() -> None:
    for name, service in OURS.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_two_containers_count_in_one_directory_only_where_they_see_each_others_processes() -> None:
    by_volume: dict[str, set[str]] = {}
    for name, service in OURS.items():
        for volume in service.get("volumes", ()):
            by_volume.setdefault(volume, set()).add(name)
    shared = {volume: names for volume, names in by_volume.items() if len(names) > 1}
    assert len(shared) == 3
    for volume, names in shared.items():
        assert volume.endswith(":/tmp/metrics")
        exporter, counted = sorted(names, key=lambda name: "pid" not in SERVICES[name])
        assert SERVICES[exporter]["pid"] == f"service:{counted}"


def test_prometheus_scrapes_services_and_reads_our_alerts() -> None:
    configured = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    (job,) = configured["scrape_configs"]
    for target in job["static_configs"][0]["targets"]:
        assert target.partition(":")[0] in SERVICES
    mounted = {volume.split(":")[1] for volume in SERVICES["prometheus"]["volumes"]}
    assert set(configured["rule_files"]) <= mounted
