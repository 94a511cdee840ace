"""Metrics for Prometheus: what runs, how fast and how well."""

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
from dancetype.stream.web.pages import Page, unauthorised

_Label = TypeVar("_Label", bound=str)

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0)
_TASKS: Final = Path("/proc/self/task")
_UNAUTHORISED: Final = unauthorised("metrics are")


class Metrics(Sink, Collector):
    """The page of metrics of a run.

    Histograms observe each prediction; everything else is read from the state of the run when
    the page is requested. Labels are source names and words of the protocol, which keeps their
    number small.

    Args:
        version: Version of dancetype.
        recipe: Recipe by which the genre model was trained.
        provider: Provider of onnxruntime that runs the model.
        state: State of the run.
    """

    def __init__(self, *, version: str, recipe: str, provider: str, state: RunState) -> None:
        # A creation time for each histogram would be of no use.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._state = state
        self._registry = CollectorRegistry()
        build = Info("dancetype_build", "Program and genre model", registry=self._registry)
        build.info({"version": version, "model": recipe, "provider": provider})
        self._pose = self._histogram("pose_seconds", "Pose estimation of a prediction's last frame")
        self._classify = self._histogram("classify_seconds", "Classifying, of all dancers")
        self._latency = self._histogram("latency_seconds", "From capture to sending")
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
        """Return all metrics, if the request may see everything."""
        if not authorised:
            return _UNAUTHORISED
        return Page(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._registry))

    def _histogram(self, name: str, about: str) -> Histogram:
        return Histogram(
            f"dancetype_{name}", about, ("source",), registry=self._registry, buckets=_BUCKETS
        )

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics that are read from the state of the run."""
        yield from self._sources()
        if self._state.clients:
            clients, name = self._state.clients(), "dancetype_websocket"
            yield GaugeMetricFamily(f"{name}_clients", "Connected clients", clients["connected"])
            yield CounterMetricFamily(
                f"{name}_cut_off", "Clients disconnected for being too slow", clients["cut_off"]
            )
            yield CounterMetricFamily(
                f"{name}_refused", "Clients that were not let in", clients["refused"]
            )
        if self._state.broker_links:
            connected = _gauge("mqtt_connected", "1 while connected to the broker")
            for source, stands in self._state.broker_links().items():
                connected.add_metric([source], float(stands))
            yield connected
        yield _threads()

    def _sources(self) -> Iterable[Metric]:
        frames = _counter("frames", "Frames read")
        posed = _counter("frames_posed", "Frames through pose estimation")
        dropped = _counter("frames_dropped", "Frames overtaken by a newer one")
        age = _gauge("frame_age_seconds", "Since the newest frame was captured")
        fps = _gauge("fps", "Poses a second, lately; 0 while not running")
        dancers = _gauge("dancers", "Dancers who are followed")
        predictions = _counter("predictions", "Predictions by what they say", "status")
        genres = _counter("genres", "Predictions of a genre", "genre")
        confidence = _gauge("confidence", "Of the newest prediction")
        states = _gauge("source_state", "1 for the state a source is in", "state")
        changes = _counter("source_state_changes", "Changes to a state", "state")
        faults = _counter("source_faults", "State messages that name a fault", "fault")
        reconnects = _counter("reconnects", "Times a source that was lost came back")
        for source, run in self._state.sources.items():
            # Counters start at 0: a rate would not notice a first value of 1.
            frames.add_metric([source], run.frames.captured)
            posed.add_metric([source], run.frames.posed)
            dropped.add_metric([source], run.frames.dropped)
            reconnects.add_metric([source], run.reconnects)
            current = run.current
            fps.add_metric([source], current.fps if current else 0)
            dancers.add_metric([source], len(current.dancers) if current else 0)
            confidence.add_metric([source], current.confidence if current else 0)
            if run.prediction:
                age.add_metric([source], self._state.now - run.prediction.times.capture)
            if run.state:
                for state in SourceState:
                    states.add_metric([source, state], run.state.state is state)
            _add(predictions, source, {status: run.statuses[status] for status in Status})
            _add(genres, source, run.genres)
            _add(changes, source, run.states)
            _add(faults, source, run.faults)
        return (
            *(frames, posed, dropped, age, fps, dancers, predictions, genres, confidence),
            *(states, changes, faults, reconnects),
        )


def _counter(name: str, about: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"dancetype_{name}", about, labels=["source", *labels])


def _gauge(name: str, about: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"dancetype_{name}", about, labels=["source", *labels])


def _add(family: CounterMetricFamily, source: str, counts: Mapping[_Label, int]) -> None:
    for label, count in counts.items():
        family.add_metric([source, label], count)


def _threads() -> Metric:
    """Return the number of threads; no value outside Linux."""
    family = GaugeMetricFamily("process_threads", "Threads, those of native libraries included")
    with suppress(OSError):
        family.add_metric([], sum(1 for _ in _TASKS.iterdir()))
    return family
