"""Check the files in docker/ without a container engine."""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import resources
from pathlib import Path
from time import monotonic
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft7Validator
from prometheus_client.parser import text_string_to_metric_families

from dancetype.stream.clock import Clock
from dancetype.stream.run_state import RunState
from dancetype.stream.sinks.metrics import Metrics
from tests.messages import make_prediction, make_source_message

DOCKER: Final = Path(__file__).parents[2] / "docker"
COMPOSE: Final = ("compose.yaml", "compose.gpu.yaml")
_NAME: Final = re.compile(r"\b(?:dancetype|process)_[a-z_]+")


def read(name: str) -> Any:
    return yaml.safe_load((DOCKER / name).read_text())


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read("compose.yaml")["services"]
    return found


def test_hadolint_reports_no_problem_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    result = subprocess.run([hadolint, DOCKER / "Dockerfile"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_scripts_called_by_dockerfile_and_compose_are_executable() -> None:
    called = re.findall(r"^\s+docker/(\S+) ", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
    called += ["system-packages", "add-user", "healthcheck", "make-secrets"]
    called += ["mosquitto/start", "mosquitto/healthcheck"]
    assert {"build-venv", "camera/build"} <= set(called)
    for name in called:
        assert (DOCKER / name).stat().st_mode & 0o111 == 0o111, name


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_file_follows_the_specification(name: str) -> None:
    schema = resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    errors = Draft7Validator(json.loads(schema.read_text())).iter_errors(read(name))
    assert [error.message for error in errors] == []


def test_compose_services_have_no_privileges_and_limited_resources() -> None:
    for name, service in services().items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"cpus", "memory", "pids"} <= service["deploy"]["resources"]["limits"].keys(), name
        for port in service.get("ports", []):
            assert port.startswith(("127.0.0.1:", "${BIND:-127.0.0.1}:")), port


def test_compose_services_wait_only_for_services_with_a_health_check() -> None:
    checked = {name for name, service in services().items() if "healthcheck" in service}
    # Images that are built here have their health check in the Dockerfile.
    checked |= {name for name, service in services().items() if "build" in service}
    for service in services().values():
        for dependency, options in service.get("depends_on", {}).items():
            assert dependency in checked or options["condition"] == "service_started"


def test_images_are_pinned_to_a_version() -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text()
    bases = re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)
    images = [base for base in bases if ":" in base]
    images += [service["image"] for service in services().values() if "build" not in service]
    assert len(images) == 4
    assert [image for image in images if not re.search(r":v?\d+\.\d+", image)] == []


def test_compose_secrets_are_created_by_make_secrets(tmp_path: Path) -> None:
    subprocess.run([DOCKER / "make-secrets", tmp_path], check=True, capture_output=True)
    secrets = read("compose.yaml")["secrets"]
    assert {Path(secret["file"]).name for secret in secrets.values()} == {
        path.name for path in tmp_path.iterdir()
    }
    used = {name for service in services().values() for name in service.get("secrets", [])}
    assert used == secrets.keys()
    assert "secrets/" in (DOCKER / ".gitignore").read_text()
    assert "\ndocker/secrets\n" in (DOCKER / "Dockerfile.dockerignore").read_text()


def test_prometheus_scrapes_the_service_with_its_token() -> None:
    (job,) = read("prometheus/prometheus.yaml")["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["dancetype:8765"]}]
    assert "dancetype" in services()
    secret = Path(job["authorization"]["credentials_file"])
    assert services()["prometheus"]["secrets"] == [secret.name]


@pytest.fixture
async def exported_metrics() -> set[str]:
    """Return the names of all metrics that a run can export."""
    state = RunState(Clock(monotonic, offset=0.0))
    metrics = Metrics(version="1", recipe="live", provider="CPU", state=state)
    state.clients = lambda: {"connected": 1, "cut_off": 0, "refused": 0}
    state.broker_connections = lambda: {"clip": True}
    for message in (make_source_message(), make_prediction(genre="HO")):
        await state.send(message, "")
        await metrics.send(message, "")
    page = metrics.page(authorised=True).body.decode()
    families = text_string_to_metric_families(page)
    return {sample.name for family in families for sample in family.samples} | {
        # This counter appears with the first fault.
        "dancetype_source_faults_total"
    }


def test_dashboard_shows_only_exported_metrics_and_all_of_them(
    exported_metrics: set[str],
) -> None:
    dashboard = json.loads((DOCKER / "grafana" / "dashboards" / "dancetype.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(expressions) > 20
    for expression in expressions:
        names = _NAME.findall(expression)
        assert names, expression
        assert set(names) <= exported_metrics, expression
    missing = {name for name in exported_metrics if name.startswith("dancetype_")}
    missing -= {name for expression in expressions for name in _NAME.findall(expression)}
    assert {name for name in missing if not name.endswith(("_count", "_sum"))} == {
        "dancetype_build_info",
        "dancetype_source_state_changes_total",
    }


def test_dashboard_uses_the_provisioned_data_source() -> None:
    (source,) = read("grafana/datasources/prometheus.yaml")["datasources"]
    dashboard = json.loads((DOCKER / "grafana" / "dashboards" / "dancetype.json").read_text())
    used = [panel["datasource"] for panel in dashboard["panels"]]
    assert {(panel_source["type"], panel_source["uid"]) for panel_source in used} == {
        (source["type"], source["uid"])
    }
    assert source["url"] == "http://prometheus:9090"


def test_dashboard_panels_do_not_overlap() -> None:
    dashboard = json.loads((DOCKER / "grafana" / "dashboards" / "dancetype.json").read_text())
    occupied: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        position = panel["gridPos"]
        columns = range(position["x"], position["x"] + position["w"])
        rows = range(position["y"], position["y"] + position["h"])
        cells = {(column, row) for column in columns for row in rows}
        assert max(columns) < 24
        assert not occupied & cells, panel["title"]
        occupied |= cells


class _ReadinessHandler(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/readyz" else 404)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments: object) -> None:
        """Log nothing."""


@pytest.fixture
def readiness_server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), _ReadinessHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def run_health_check(port: int) -> int:
    environment = {"DANCETYPE_PORT": str(port)}
    command = (sys.executable, "-I", str(DOCKER / "healthcheck"))
    return subprocess.run(command, env=environment, capture_output=True).returncode


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_health_check_returns_the_result_of_readyz(
    readiness_server: HTTPServer, monkeypatch: pytest.MonkeyPatch, status: int, code: int
) -> None:
    monkeypatch.setattr(_ReadinessHandler, "status", status)
    assert run_health_check(readiness_server.server_port) == code


def test_health_check_fails_without_a_server(free_port: int) -> None:
    assert run_health_check(free_port) == 1
