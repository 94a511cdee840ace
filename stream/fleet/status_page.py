"""State of a fleet: a page, the same as JSON, and metrics for Prometheus."""

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

from dancetype.stream.fleet.supervisor import CameraState, Phase, Supervisor
from dancetype.stream.messages import SourceState
from dancetype.stream.sinks.log import masked_text
from dancetype.stream.web.pages import Page, Route, json_page, static_pages, unauthorised

_PAGE: Final = "/fleet/page.html"
_TROUBLED: Final = (SourceState.STALLED, SourceState.RECONNECTING)
_UNAUTHORISED: Final = unauthorised("this is")


class StatusPage(Collector):
    """Pages with the state of the cameras; `error` returns what is wrong in their file."""

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

    def status(self, authorised: bool) -> Page:
        """Return the current state; docs/guides/fleet.md describes the fields."""
        if not authorised:
            return _UNAUTHORISED
        taken = self._supervisor.taken()
        return json_page(
            HTTPStatus.OK,
            {
                "version": 1,
                "program": self._version,
                "error": self._error(),
                "cameras": {
                    each.camera.name: self._camera(each) for each in self._supervisor.cameras
                },
                "nodes": [
                    {
                        "name": node.name,
                        "cpus": node.resources.cpus,
                        "cpus_taken": taken[node.id].cpus,
                        "gpus": node.resources.gpus,
                        "gpus_taken": taken[node.id].gpus,
                    }
                    for node in self._supervisor.nodes
                ],
            },
        )

    def ready(self, authorised: bool) -> Page:
        """Return status 200 if at least one camera delivers frames, else 503."""
        cameras = self._supervisor.cameras
        ready = any(each.live for each in cameras)
        body: dict[str, Any] = {"status": "ready" if ready else "not_ready"}
        if not ready:
            body["reason"] = "no camera gives frames"
        if authorised:
            body["cameras"] = Counter(each.state for each in cameras)
        return json_page(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, body)

    def metrics(self, authorised: bool) -> Page:
        """Return the current metrics."""
        if not authorised:
            return _UNAUTHORISED
        return Page(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._registry))

    def _camera(self, state: CameraState) -> dict[str, Any]:
        report, source = state.report, state.report.state
        wrong = report.version not in ("", self._version)
        error = f"runs dancetype {report.version}, not {self._version}" if wrong else state.error
        if state.phase is Phase.RUNNING and source in _TROUBLED and report.reason:
            error = report.reason
        return {
            "source": state.camera.shown,
            "state": state.state,
            "live": state.live,
            "reason": report.reason and masked_text(report.reason),
            "fault": report.fault,
            "since": round(self._supervisor.age(state), 1),
            "node": state.node and state.node.name,
            "epoch": state.assignment and state.assignment.epoch,
            "cpus": state.camera.cpus,
            "gpus": state.camera.gpus,
            "genre": report.word,
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
        """Yield the metrics; those of a camera start at 0 with each process."""
        cameras = self._supervisor.cameras
        for kind, name, about, attribute in _OF_CAMERAS:
            family = kind(f"dancetype_fleet_camera_{name}", about, labels=["camera"])
            for state in cameras:
                value = attrgetter(attribute)(state)
                if value is not None:
                    family.add_metric([state.camera.name], value)
            yield family
        states = GaugeMetricFamily(
            "dancetype_fleet_cameras", "Cameras by what they do", labels=["state"]
        )
        for word, count in Counter(each.state for each in cameras).items():
            states.add_metric([word], count)
        yield states
        taken = self._supervisor.taken()
        cores = GaugeMetricFamily("dancetype_fleet_node_cpus", "Cores", labels=["node"])
        used = GaugeMetricFamily(
            "dancetype_fleet_node_cpus_taken", "Cores reckoned for cameras", labels=["node"]
        )
        for node in self._supervisor.nodes:
            # Nodes with the same address exist where one machine acts as several.
            cores.add_metric([f"{node.name}/{node.id[:6]}"], node.resources.cpus)
            used.add_metric([f"{node.name}/{node.id[:6]}"], taken[node.id].cpus)
        yield from (cores, used)
        yield GaugeMetricFamily(
            "dancetype_fleet_file_broken",
            "1 while the file of cameras makes no sense",
            value=float(self._error() is not None),
        )


_OF_CAMERAS: Final = (
    (GaugeMetricFamily, "live", "1 while it gives frames", "live"),
    (GaugeMetricFamily, "fps", "Poses a second, lately", "report.fps"),
    (
        GaugeMetricFamily,
        "latency_seconds",
        "From capture to sending, 95th percentile of the last minute",
        "report.latency",
    ),
    (GaugeMetricFamily, "mqtt_connected", "1 while connected to the broker", "report.connected"),
    (CounterMetricFamily, "restarts", "Processes lost", "restarts"),
    (CounterMetricFamily, "frames", "Frames read", "report.captured"),
    (CounterMetricFamily, "frames_posed", "Frames through pose estimation", "report.posed"),
    (CounterMetricFamily, "frames_dropped", "Frames overtaken by a newer", "report.dropped"),
    (CounterMetricFamily, "predictions", "Predictions", "report.predictions"),
    (CounterMetricFamily, "cpu_seconds", "Processor time of its process", "report.cpu_seconds"),
)
