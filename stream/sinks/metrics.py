"""Metrics for Prometheus."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Final, TypeVar

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dancetype.engine.rolling import Status
from dancetype.stream.messages import Message, PredictionMessage, SourceState
from dancetype.stream.run_state import RunState
from dancetype.stream.sink import Sink
from dancetype.stream.web.pages import UNAUTHORISED, Page

_Label = TypeVar("_Label", bound=str)

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0)
_THREADS_FOLDER: Final = Path("/proc/self/task")


class Metrics(Sink, Collector):
    """Metrics page of a run.

    Histograms observe each prediction; everything else is read from the state of the run when
    the page is requested. Label values are source names and terms of the protocol, which limits
    the number of time series.

    Args:
        version: Version of dancetype.
        recipe: Training recipe of the genre model.
        provider: onnxruntime provider that runs the model.
        state: State of the run.
    """

    def __init__(self, *, version: str, recipe: str, provider: str, state: RunState) -> None:
        # Creation times of histograms are not needed.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._state = state
        self._registry = CollectorRegistry()
        build = Info("dancetype_build", "Version and genre model", registry=self._registry)
        build.info({"version": version, "model": recipe, "provider": provider})
        self._pose = self._histogram("pose_seconds", "Pose estimation of a prediction's last frame")
        self._classify = self._histogram("classify_seconds", "Classification of all dancers")
        self._latency = self._histogram("latency_seconds", "Time from capture to sending")
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    async def send(self, message: Message, text: str) -> None:
        """Observe the latencies of a prediction."""
        if isinstance(message, PredictionMessage):
            name, times, latency = message.source, message.times, message.latency
            self._pose.labels(name).observe(latency.pose)
            self._classify.labels(name).observe(latency.classify)
            self._latency.labels(name).observe(times.sent - times.capture)

    def page(self, authorised: bool) -> Page:
        """Return all metrics, or an error page if the request is not authorised."""
        if not authorised:
            return UNAUTHORISED
        return Page(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._registry))

    def _histogram(self, name: str, help_text: str) -> Histogram:
        return Histogram(
            f"dancetype_{name}", help_text, ("source",), registry=self._registry, buckets=_BUCKETS
        )

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics that are read from the state of the run."""
        yield from self._source_metrics()
        if self._state.clients:
            clients, name = self._state.clients(), "dancetype_websocket"
            yield GaugeMetricFamily(f"{name}_clients", "Connected clients", clients["connected"])
            yield CounterMetricFamily(
                f"{name}_cut_off", "Clients disconnected for being too slow", clients["cut_off"]
            )
            yield CounterMetricFamily(
                f"{name}_refused", "Clients whose connection was refused", clients["refused"]
            )
        if self._state.broker_connections:
            connected = _gauge("mqtt_connected", "1 while connected to the broker")
            for source, is_connected in self._state.broker_connections().items():
                connected.add_metric([source], float(is_connected))
            yield connected
        yield _thread_count()

    def _source_metrics(self) -> Iterable[Metric]:
        frames = _counter("frames", "Frames read")
        posed = _counter("frames_posed", "Frames processed by pose estimation")
        dropped = _counter("frames_dropped", "Frames replaced by a newer one before processing")
        age = _gauge("frame_age_seconds", "Age of the newest frame with a prediction")
        fps = _gauge("fps", "Recent poses per second; 0 while not running")
        pose_fps = _gauge("pose_fps", "Maximum poses per second; lower while short of time")
        dancers = _gauge("dancers", "Tracked dancers")
        predictions = _counter("predictions", "Predictions by status", "status")
        genres = _counter("genres", "Predictions by genre", "genre")
        confidence = _gauge("confidence", "Confidence of the newest prediction")
        dancing = _gauge("dancing", "Probability of the newest prediction that the person dances")
        states = _gauge("source_state", "1 for the current state of the source, else 0", "state")
        changes = _counter("source_state_changes", "Changes to each state", "state")
        faults = _counter("source_faults", "State messages with a fault", "fault")
        reconnects = _counter("reconnects", "Successful reconnects")
        for source, run in self._state.sources.items():
            # Counters start at 0: Prometheus would not count a first value of 1 as an increase.
            frames.add_metric([source], run.frames.captured)
            posed.add_metric([source], run.frames.posed)
            dropped.add_metric([source], run.frames.dropped)
            reconnects.add_metric([source], run.reconnects)
            current = run.current
            fps.add_metric([source], current.fps if current else 0)
            if current and current.pose_fps is not None:
                pose_fps.add_metric([source], current.pose_fps)
            dancers.add_metric([source], len(current.dancers) if current else 0)
            confidence.add_metric([source], current.confidence if current else 0)
            if current and current.dancing is not None:
                dancing.add_metric([source], current.dancing)
            if run.prediction:
                age.add_metric([source], self._state.now - run.prediction.times.capture)
            if run.state:
                for state in SourceState:
                    states.add_metric([source, state], run.state.state is state)
            _add_counts(predictions, source, {status: run.statuses[status] for status in Status})
            _add_counts(genres, source, run.genres)
            _add_counts(changes, source, run.states)
            _add_counts(faults, source, run.faults)
        return (
            *(frames, posed, dropped, age, fps, pose_fps, dancers, predictions, genres),
            *(confidence, dancing, states, changes, faults, reconnects),
        )


def _counter(name: str, help_text: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"dancetype_{name}", help_text, labels=["source", *labels])


def _gauge(name: str, help_text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"dancetype_{name}", help_text, labels=["source", *labels])


def _add_counts(family: CounterMetricFamily, source: str, counts: Mapping[_Label, int]) -> None:
    for label, count in counts.items():
        family.add_metric([source, label], count)


def _thread_count() -> Metric:
    """Return the number of threads, which is known on Linux only."""
    family = GaugeMetricFamily("process_threads", "Threads, including those of native libraries")
    with suppress(OSError):
        family.add_metric([], sum(1 for _ in _THREADS_FOLDER.iterdir()))
    return family
