"""How a fleet stands: a page, the same as JSON, and figures for Prometheus."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dancetype.stream.fleet.placing import Room
from dancetype.stream.fleet.supervisor import Phase, Supervisor, View
from dancetype.stream.messages import SourceState
from dancetype.stream.sinks.log import masked_text
from dancetype.stream.web.pages import Page, Route, document, static_pages, unauthorised

_PAGE: Final = "/fleet/page.html"
_TROUBLED: Final = (SourceState.STALLED, SourceState.RECONNECTING)
_UNAUTHORISED: Final = unauthorised("this is")


class Board:
    """Tells how a supervisor's cameras stand.

    Args:
        supervisor: of the fleet.
        error: what is wrong with the file of cameras, if anything.
        version: of this program.
    """

    def __init__(
        self, supervisor: Supervisor, *, error: Callable[[], str | None], version: str
    ) -> None:
        self._supervisor = supervisor
        self._error = error
        self._version = version
        self._page = static_pages()[_PAGE]
        self._registry = CollectorRegistry()
        self._registry.register(_Figures(supervisor, error))
        ProcessCollector(registry=self._registry)

    @property
    def routes(self) -> Mapping[str, Route]:
        """Its pages, by path."""
        return {
            "/": lambda authorised: self._page,
            "/status": self.status,
            "/metrics": self.metrics,
            "/healthz": lambda authorised: document(HTTPStatus.OK, {"status": "ok"}),
            "/readyz": self.ready,
        }

    def status(self, authorised: bool) -> Page:
        """All of it as it is now, for those who may see it; docs/scaling.md tells the fields."""
        if not authorised:
            return _UNAUTHORISED
        taken = self._supervisor.taken()
        views = self._supervisor.views()
        return document(
            HTTPStatus.OK,
            {
                "version": 1,
                "program": self._version,
                "error": self._error(),
                "cameras": {view.camera.name: self._told(view) for view in views},
                "nodes": [
                    {
                        "name": node.name,
                        "cpus": node.room.cpus,
                        "cpus_taken": taken.get(node.id, Room()).cpus,
                        "gpus": node.room.gpus,
                        "gpus_taken": taken.get(node.id, Room()).gpus,
                    }
                    for node in self._supervisor.nodes
                ],
            },
        )

    def ready(self, authorised: bool) -> Page:
        """Whether at least one camera gives frames; else status 503.

        Args:
            authorised: whether the asker may know how many cameras do what.
        """
        views = self._supervisor.views()
        ready = any(view.live for view in views)
        body: dict[str, Any] = {"status": "ready" if ready else "not_ready"}
        if not ready:
            body["reason"] = "no camera gives frames"
        if authorised:
            body["cameras"] = Counter(view.state for view in views)
        return document(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, body)

    def metrics(self, authorised: bool) -> Page:
        """All figures as they are now, for those who may see them."""
        if not authorised:
            return _UNAUTHORISED
        return Page(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._registry))

    def _told(self, view: View) -> dict[str, Any]:
        report, source = view.report, view.report.state
        wrong = report.version not in ("", self._version)
        error = f"runs dancetype {report.version}, not {self._version}" if wrong else view.error
        if view.phase is Phase.RUNNING and source in _TROUBLED and report.reason:
            error = report.reason
        return {
            "source": view.camera.shown,
            "state": view.state,
            "live": view.live,
            "reason": report.reason and masked_text(report.reason),
            "fault": report.fault,
            "since": round(view.since, 1),
            "node": view.node and view.node.name,
            "epoch": view.epoch,
            "cpus": view.camera.cpus,
            "gpus": view.camera.gpus,
            "genre": report.word,
            "confidence": report.confidence,
            "fps": report.fps,
            "latency": None if report.latency is None else round(report.latency, 4),
            "predictions": report.predictions,
            "cpu_seconds": round(report.cpu_seconds, 1),
            "mqtt": report.connected,
            "restarts": view.restarts,
            "error": error and masked_text(error),
        }


class _Figures(Collector):
    """Figures made when they are asked for; those of a camera begin anew with its process."""

    def __init__(self, supervisor: Supervisor, error: Callable[[], str | None]) -> None:
        self._supervisor = supervisor
        self._error = error

    def collect(self) -> Iterator[Metric]:
        """One family a figure."""
        views = self._supervisor.views()
        for counted, name, about, value in _OF_CAMERAS:
            kind = CounterMetricFamily if counted else GaugeMetricFamily
            family = kind(f"dancetype_fleet_camera_{name}", about, labels=["camera"])
            for view in views:
                number = value(view)
                if number is not None:
                    family.add_metric([view.camera.name], number)
            yield family
        states = GaugeMetricFamily(
            "dancetype_fleet_cameras", "Cameras by what they do", labels=["state"]
        )
        for state, count in Counter(view.state for view in views).items():
            states.add_metric([state], count)
        yield states
        taken = self._supervisor.taken()
        cores = GaugeMetricFamily("dancetype_fleet_node_cpus", "Cores", labels=["node"])
        used = GaugeMetricFamily(
            "dancetype_fleet_node_cpus_taken", "Cores reckoned for cameras", labels=["node"]
        )
        for node in self._supervisor.nodes:
            # Several of one address are only found on one machine that plays several.
            cores.add_metric([f"{node.name}/{node.id[:6]}"], node.room.cpus)
            used.add_metric([f"{node.name}/{node.id[:6]}"], taken.get(node.id, Room()).cpus)
        yield from (cores, used)
        yield GaugeMetricFamily(
            "dancetype_fleet_file_broken",
            "1 while the file of cameras makes no sense",
            value=float(self._error() is not None),
        )


_OF_CAMERAS: Final[tuple[tuple[bool, str, str, Callable[[View], float | None]], ...]] = (
    (False, "live", "1 while it gives frames", lambda view: float(view.live)),
    (False, "fps", "Poses a second, lately", lambda view: view.report.fps),
    (
        False,
        "latency_seconds",
        "From capture to sending, 95th percentile of the last minute",
        lambda view: view.report.latency,
    ),
    (
        False,
        "mqtt_connected",
        "1 while connected to the broker",
        lambda view: float(view.report.connected),
    ),
    (True, "restarts", "Processes lost", lambda view: view.restarts),
    (True, "frames", "Frames read", lambda view: view.report.captured),
    (True, "frames_posed", "Frames through pose estimation", lambda view: view.report.posed),
    (True, "frames_dropped", "Frames overtaken by a newer", lambda view: view.report.dropped),
    (True, "predictions", "Predictions", lambda view: view.report.predictions),
    (True, "cpu_seconds", "Processor time of its process", lambda view: view.report.cpu_seconds),
)
