"""Status of a fleet as a web page, as JSON and as Prometheus metrics."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from operator import attrgetter
from typing import Any, Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dancetype.stream.fleet.camera_state import CameraState, Phase
from dancetype.stream.fleet.supervisor import Supervisor
from dancetype.stream.messages import SourceState
from dancetype.stream.sinks.log import masked_text
from dancetype.stream.web.pages import UNAUTHORISED, Page, Route, json_page, static_pages

_PAGE: Final = "/fleet/page.html"
_INTERRUPTED: Final = (SourceState.STALLED, SourceState.RECONNECTING)


class StatusPage(Collector):
    """Pages with the state of the cameras.

    Args:
        supervisor: Supervisor of the cameras.
        error: Function that returns why the cameras file is invalid, or None.
        version: Version of dancetype.
    """

    def __init__(
        self, supervisor: Supervisor, *, error: Callable[[], str | None], version: str
    ) -> None:
        self._supervisor = supervisor
        self._error = error
        self._version = version
        self._page = static_pages()[_PAGE]
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    @property
    def routes(self) -> Mapping[str, Route]:
        """The pages, by path."""
        return {
            "/": lambda authorised: self._page,
            "/status": self.status,
            "/metrics": self.metrics,
            "/healthz": lambda authorised: json_page(HTTPStatus.OK, {"status": "ok"}),
            "/readyz": self.ready,
        }

    @property
    def summary(self) -> str:
        """Number of cameras in each state, in one line."""
        states = [f"{number} {state}" for state, number in self._states.items()]
        return f"cameras: {', '.join(states) or 'none'}"

    @property
    def _states(self) -> Counter[str]:
        return Counter(camera.state for camera in self._supervisor.cameras)

    def status(self, authorised: bool) -> Page:
        """Return the current state; docs/guides/fleet.md describes the fields."""
        if not authorised:
            return UNAUTHORISED
        reserved = self._supervisor.reserved()
        return json_page(
            HTTPStatus.OK,
            {
                "version": 1,
                "program": self._version,
                "error": self._error(),
                "cameras": {
                    state.camera.name: self._camera(state) for state in self._supervisor.cameras
                },
                "nodes": [
                    {
                        "name": node.name,
                        "cpus": node.resources.cpus,
                        "cpus_taken": reserved[node.id].cpus,
                        "gpus": node.resources.gpus,
                        "gpus_taken": reserved[node.id].gpus,
                    }
                    for node in self._supervisor.nodes
                ],
            },
        )

    def ready(self, authorised: bool) -> Page:
        """Return HTTP status 200 if at least one camera delivers frames, else 503."""
        ready = self._supervisor.live
        body: dict[str, Any] = {"status": "ready" if ready else "not_ready"}
        if not ready:
            body["reason"] = "no camera delivers frames"
        if authorised:
            body["cameras"] = self._states
        return json_page(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, body)

    def metrics(self, authorised: bool) -> Page:
        """Return the current metrics."""
        if not authorised:
            return UNAUTHORISED
        return Page(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._registry))

    def _camera(self, state: CameraState) -> dict[str, Any]:
        report, source = state.report, state.report.state
        error = state.error
        if report.version not in ("", self._version):
            error = f"its machine has dancetype {report.version}; install {self._version} there"
        if state.phase is Phase.RUNNING and source in _INTERRUPTED and report.reason:
            error = report.reason
        return {
            "source": state.camera.source_text,
            "state": state.state,
            "live": state.live,
            "reason": report.reason and masked_text(report.reason),
            "fault": report.fault,
            "since": round(self._supervisor.phase_age(state), 1),
            "node": state.node and state.node.name,
            "epoch": state.assignment and state.assignment.epoch,
            "cpus": state.camera.cpus,
            "gpus": state.camera.gpus,
            "genre": report.genre_or_status,
            "confidence": report.confidence,
            "fps": report.fps,
            "latency": None if report.latency is None else round(report.latency, 4),
            "predictions": report.predictions,
            "cpu_seconds": round(report.cpu_seconds, 1),
            "mqtt": report.connected,
            "restarts": state.restarts,
            "error": error and masked_text(error),
        }

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics. Counters of a camera start at 0 with each process."""
        cameras = self._supervisor.cameras
        for family_class, name, help_text, attribute in _CAMERA_METRICS:
            family = family_class(f"dancetype_fleet_camera_{name}", help_text, labels=["camera"])
            for state in cameras:
                value = attrgetter(attribute)(state)
                if value is not None:
                    family.add_metric([state.camera.name], value)
            yield family
        states = GaugeMetricFamily("dancetype_fleet_cameras", "Cameras by state", labels=["state"])
        for name, count in Counter(state.state for state in cameras).items():
            states.add_metric([name], count)
        yield states
        reserved = self._supervisor.reserved()
        cores = GaugeMetricFamily("dancetype_fleet_node_cpus", "Cores", labels=["node"])
        reserved_cores = GaugeMetricFamily(
            "dancetype_fleet_node_cpus_taken", "Cores reserved for cameras", labels=["node"]
        )
        for node in self._supervisor.nodes:
            # With the id, since several Ray nodes on one machine have the same address.
            label = f"{node.name}/{node.id[:6]}"
            cores.add_metric([label], node.resources.cpus)
            reserved_cores.add_metric([label], reserved[node.id].cpus)
        yield from (cores, reserved_cores)
        yield GaugeMetricFamily(
            "dancetype_fleet_file_broken",
            "1 while the cameras file is invalid",
            value=float(self._error() is not None),
        )


_CAMERA_METRICS: Final = (
    (GaugeMetricFamily, "live", "1 while the camera delivers frames", "live"),
    (GaugeMetricFamily, "fps", "Recent poses per second", "report.fps"),
    (
        GaugeMetricFamily,
        "latency_seconds",
        "Time from capture to sending, 95th percentile of the last minute",
        "report.latency",
    ),
    (GaugeMetricFamily, "mqtt_connected", "1 while connected to the broker", "report.connected"),
    (CounterMetricFamily, "restarts", "Processes lost", "restarts"),
    (CounterMetricFamily, "frames", "Frames read", "report.captured"),
    (CounterMetricFamily, "frames_posed", "Frames processed by pose estimation", "report.posed"),
    (
        CounterMetricFamily,
        "frames_dropped",
        "Frames replaced by a newer one before processing",
        "report.dropped",
    ),
    (CounterMetricFamily, "predictions", "Predictions", "report.predictions"),
    (CounterMetricFamily, "cpu_seconds", "CPU time of the process", "report.cpu_seconds"),
)
