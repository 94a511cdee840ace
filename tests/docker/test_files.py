"""What stands in docker/ is sound, as far as can be told without a container engine."""

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
from tests.messages import changed, predicted

DOCKER: Final = Path(__file__).parents[2] / "docker"
COMPOSE: Final = ("compose.yaml", "compose.gpu.yaml")
_NAME: Final = re.compile(r"\b(?:dancetype|process)_[a-z_]+")


def read(name: str) -> Any:
    return yaml.safe_load((DOCKER / name).read_text())


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read("compose.yaml")["services"]
    return found


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    result = subprocess.run([hadolint, DOCKER / "Dockerfile"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_every_script_that_the_dockerfile_or_compose_calls_is_there_and_executable() -> None:
    called = re.findall(r"^\s+docker/(\S+) ", (DOCKER / "Dockerfile").read_text(), re.MULTILINE)
    called += ["system-packages", "add-user", "healthcheck", "make-secrets"]
    called += ["mosquitto/start", "mosquitto/healthcheck"]
    assert {"build-venv", "camera/build"} <= set(called)
    for name in called:
        assert (DOCKER / name).stat().st_mode & 0o111 == 0o111, name


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_file_is_valid_by_the_specification(name: str) -> None:
    schema = resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    errors = Draft7Validator(json.loads(schema.read_text())).iter_errors(read(name))
    assert [error.message for error in errors] == []


def test_no_service_of_compose_may_do_more_than_it_has_to() -> None:
    for name, service in services().items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"cpus", "memory", "pids"} <= service["deploy"]["resources"]["limits"].keys(), name
        for port in service.get("ports", []):
            assert port.startswith(("127.0.0.1:", "${BIND:-127.0.0.1}:")), port


def test_every_service_of_compose_waits_only_for_services_that_tell_their_health() -> None:
    told = {name for name, service in services().items() if "healthcheck" in service}
    # Of our own images, the Dockerfile has it.
    told |= {name for name, service in services().items() if "build" in service}
    for service in services().values():
        for other, how in service.get("depends_on", {}).items():
            assert other in told or how["condition"] == "service_started"


def test_every_image_is_pinned_by_a_tag() -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text()
    images = [each for each in re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE) if ":" in each]
    images += [each["image"] for each in services().values() if "build" not in each]
    assert len(images) == 4
    assert [each for each in images if not re.search(r":v?\d+\.\d+", each)] == []


def test_every_secret_of_compose_is_one_that_make_secrets_makes(tmp_path: Path) -> None:
    subprocess.run([DOCKER / "make-secrets", tmp_path], check=True, capture_output=True)
    secrets = read("compose.yaml")["secrets"]
    assert {Path(each["file"]).name for each in secrets.values()} == {
        path.name for path in tmp_path.iterdir()
    }
    used = {name for service in services().values() for name in service.get("secrets", [])}
    assert used == secrets.keys()
    assert "secrets/" in (DOCKER / ".gitignore").read_text()
    assert "\ndocker/secrets\n" in (DOCKER / "Dockerfile.dockerignore").read_text()


def test_prometheus_asks_the_service_by_its_name_with_its_token() -> None:
    (job,) = read("prometheus/prometheus.yaml")["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["dancetype:8765"]}]
    assert "dancetype" in services()
    secret = Path(job["authorization"]["credentials_file"])
    assert services()["prometheus"]["secrets"] == [secret.name]


@pytest.fixture
async def exported() -> set[str]:
    """The names in the page of metrics of a run with everything."""
    state = RunState(Clock(monotonic, offset=0.0))
    metrics = Metrics(version="1", recipe="live", provider="CPU", state=state)
    state.clients = lambda: {"connected": 1, "cut_off": 0, "refused": 0}
    state.broker_links = lambda: {"clip": True}
    for message in (changed(), predicted(genre="HO")):
        await state.send(message, "")
        await metrics.send(message, "")
    page = metrics.page(authorised=True).body.decode()
    families = text_string_to_metric_families(page)
    return {sample.name for family in families for sample in family.samples} | {
        # It counts from the first fault on.
        "dancetype_source_faults_total"
    }


def test_every_figure_that_the_dashboard_shows_is_one_that_dancetype_exports(
    exported: set[str],
) -> None:
    dashboard = json.loads((DOCKER / "grafana" / "dashboards" / "dancetype.json").read_text())
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert len(shown) > 20
    for expression in shown:
        names = _NAME.findall(expression)
        assert names, expression
        assert set(names) <= exported, expression
    # Nothing worth seeing is left out.
    left = {name for name in exported if name.startswith("dancetype_")}
    left -= {name for expression in shown for name in _NAME.findall(expression)}
    assert {name for name in left if not name.endswith(("_count", "_sum"))} == {
        "dancetype_build_info",
        "dancetype_source_state_changes_total",
    }


def test_the_dashboard_asks_the_data_source_that_is_provided() -> None:
    (source,) = read("grafana/datasources/prometheus.yaml")["datasources"]
    dashboard = json.loads((DOCKER / "grafana" / "dashboards" / "dancetype.json").read_text())
    asked = [panel["datasource"] for panel in dashboard["panels"]]
    assert {(each["type"], each["uid"]) for each in asked} == {(source["type"], source["uid"])}
    assert source["url"] == "http://prometheus:9090"


def test_no_two_panels_of_the_dashboard_lie_on_each_other() -> None:
    dashboard = json.loads((DOCKER / "grafana" / "dashboards" / "dancetype.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        across = range(place["x"], place["x"] + place["w"])
        cells = {(x, y) for x in across for y in range(place["y"], place["y"] + place["h"])}
        assert max(across) < 24
        assert not taken & cells, panel["title"]
        taken |= cells


class _Ready(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/readyz" else 404)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *words: object) -> None:
        """Says nothing."""


@pytest.fixture
def answering() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), _Ready) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def check(port: int) -> int:
    environment = {"DANCETYPE_PORT": str(port)}
    command = (sys.executable, "-I", str(DOCKER / "healthcheck"))
    return subprocess.run(command, env=environment, capture_output=True).returncode


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_health_check_passes_on_what_readyz_says(
    answering: HTTPServer, monkeypatch: pytest.MonkeyPatch, status: int, code: int
) -> None:
    monkeypatch.setattr(_Ready, "status", status)
    assert check(answering.server_port) == code


def test_health_check_fails_where_nobody_listens(free_port: int) -> None:
    assert check(free_port) == 1
