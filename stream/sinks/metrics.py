"""What runs, how fast and how well, as figures for Prometheus."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final, Self

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dancetype.engine.rolling import Status
from dancetype.stream.clock import Clock
from dancetype.stream.messages import Message, PredictionMessage, SourceMessage, SourceState
from dancetype.stream.new_frames import NewFrames
from dancetype.stream.web.pages import Page, unauthorised

_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0)
_TASKS: Final = Path("/proc/self/task")
_UNAUTHORISED: Final = unauthorised("metrics are")


class Metrics:
    """Figures made of the messages that pass, and a page of them.

    A source's frames count up to its newest prediction. Labels are names of sources and words of
    the protocol, so there are never many.

    Args:
        version: of this program.
        recipe: by which the genre model was trained.
        provider: of onnxruntime's, which runs it.
        clock: that of the messages.
    """

    def __init__(self, *, version: str, recipe: str, provider: str, clock: Clock) -> None:
        self._clock = clock
        self._registry = CollectorRegistry()
        self._sources: dict[str, _Source] = {}
        build = Info("dancetype_build", "Program and genre model", registry=self._registry)
        build.info({"version": version, "model": recipe, "provider": provider})
        self._frames = self._counter("frames", "Frames read")
        self._posed = self._counter("frames_posed", "Frames through pose estimation")
        self._dropped = self._counter("frames_dropped", "Frames overtaken by a newer one")
        self._age = self._gauge("frame_age_seconds", "Since the newest frame was captured")
        self._fps = self._gauge("fps", "Poses a second, lately; 0 while not running")
        self._dancers = self._gauge("dancers", "Dancers who are followed")
        self._predictions = self._counter("predictions", "Predictions by what they say", "status")
        self._genres = self._counter("genres", "Predictions of a genre", "genre")
        self._confidence = self._gauge("confidence", "Of the newest prediction")
        self._pose = self._histogram("pose_seconds", "Pose estimation of a prediction's last frame")
        self._classify = self._histogram("classify_seconds", "Classifying, of all dancers")
        self._latency = self._histogram("latency_seconds", "From capture to sending")
        self._state = self._gauge("source_state", "1 for the state a source is in", "state")
        self._changes = self._counter("source_state_changes", "Changes to a state", "state")
        self._faults = self._counter("source_faults", "State messages that name a fault", "fault")
        self._reconnects = self._counter("reconnects", "Times a source that was lost came back")
        self._watch(_threads)
        ProcessCollector(registry=self._registry)

    async def __aenter__(self) -> Self:
        """Does nothing."""
        return self

    async def __aexit__(self, *exception: object) -> None:
        """Does nothing."""

    async def send(self, message: Message, text: str) -> None:
        """Counts `message`."""
        del text
        source = self._sources.get(message.source)
        if source is None:
            source = self._sources[message.source] = _Source()
            self._prepare(message.source)
        if isinstance(message, SourceMessage):
            self._count_state(source, message)
        else:
            self._count_prediction(source, message)

    def watch_clients(
        self, clients: Callable[[], int], cut_off: Callable[[], int], refused: Callable[[], int]
    ) -> None:
        """Asks these for the WebSocket's clients whenever the page is wanted.

        Args:
            clients: are connected.
            cut_off: were disconnected for being too slow, so far.
            refused: were not let in, so far.
        """
        name = "dancetype_websocket_"
        self._watch(
            lambda: GaugeMetricFamily(f"{name}clients", "Connected clients", value=clients()),
            lambda: CounterMetricFamily(
                f"{name}cut_off", "Clients disconnected for being too slow", value=cut_off()
            ),
            lambda: CounterMetricFamily(
                f"{name}refused", "Clients that were not let in", value=refused()
            ),
        )

    def watch_broker(self, links: Callable[[], Mapping[str, bool]]) -> None:
        """Asks `links` whether each source's connection to the MQTT broker stands."""

        def connected() -> Metric:
            family = GaugeMetricFamily(
                "dancetype_mqtt_connected", "1 while connected to the broker", labels=["source"]
            )
            for source, stands in links().items():
                family.add_metric([source], float(stands))
            return family

        self._watch(connected)

    def page(self, authorised: bool) -> Page:
        """All figures as they are now, for those who may see them."""
        if not authorised:
            return _UNAUTHORISED
        body = generate_latest(_WithoutCreated(self._registry))
        return Page(HTTPStatus.OK, CONTENT_TYPE_LATEST, body)

    def _prepare(self, source: str) -> None:
        """Has counters start at 0: a rate would not see a first value of 1."""
        for counter in (self._frames, self._posed, self._dropped, self._reconnects):
            counter.labels(source)
        for status in Status:
            self._predictions.labels(source, status.value)

    def _count_state(self, source: "_Source", message: SourceMessage) -> None:
        name, state = message.source, message.state
        if state is not source.state:
            source.state = state
            self._changes.labels(name, state.value).inc()
        for each in SourceState:
            self._state.labels(name, each.value).set(each is state)
        if message.fault is not None:
            self._faults.labels(name, message.fault.value).inc()
        if state is SourceState.RUNNING:
            if source.lost:
                self._reconnects.labels(name).inc()
            source.lost = False
            return
        source.lost = source.lost or state is SourceState.RECONNECTING
        # The last prediction's figures are none of a source that gives no frames.
        self._fps.labels(name).set(0)
        self._dancers.labels(name).set(0)
        self._confidence.labels(name).set(0)

    def _count_prediction(self, source: "_Source", message: PredictionMessage) -> None:
        name, times, latency = message.source, message.times, message.latency
        frames = source.new_frames.of(message)
        self._frames.labels(name).inc(frames.captured)
        self._posed.labels(name).inc(frames.posed)
        self._dropped.labels(name).inc(frames.dropped)
        self._predictions.labels(name, message.status.value).inc()
        if message.genre is not None:
            self._genres.labels(name, message.genre).inc()
        self._confidence.labels(name).set(message.confidence)
        self._pose.labels(name).observe(latency.pose)
        self._classify.labels(name).observe(latency.classify)
        self._latency.labels(name).observe(times.sent - times.capture)
        self._fps.labels(name).set(message.fps)
        self._dancers.labels(name).set(len(message.dancers))
        if source.captured is None:
            self._age.labels(name).set_function(partial(self._age_of, source))
        source.captured = times.capture

    def _age_of(self, source: "_Source") -> float:
        now = self._clock.unix(self._clock.monotonic())
        return now - (source.captured or now)

    def _watch(self, *asked: Callable[[], Metric]) -> None:
        self._registry.register(_Asked(*asked))

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"dancetype_{name}", about, ("source", *labels), registry=self._registry)

    def _gauge(self, name: str, about: str, *labels: str) -> Gauge:
        return Gauge(f"dancetype_{name}", about, ("source", *labels), registry=self._registry)

    def _histogram(self, name: str, about: str) -> Histogram:
        return Histogram(
            f"dancetype_{name}", about, ("source",), registry=self._registry, buckets=_BUCKETS
        )


class _Source:
    """What is remembered of a source from message to message."""

    def __init__(self) -> None:
        self.captured: float | None = None
        self.state: SourceState | None = None
        self.lost = False
        self.new_frames = NewFrames()


class _Asked(Collector):
    """Figures that are asked for when the page is wanted."""

    def __init__(self, *asked: Callable[[], Metric]) -> None:
        self._asked = asked

    def collect(self) -> Iterable[Metric]:
        return [ask() for ask in self._asked]


class _WithoutCreated(Collector):
    """A registry without the time at which each figure was first counted, which doubles it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for family in self._registry.collect():
            family.samples = [each for each in family.samples if not each.name.endswith("_created")]
            yield family


def _threads() -> Metric:
    """Threads of the process; none where the system does not say, as outside Linux."""
    family = GaugeMetricFamily("process_threads", "Threads, those of native libraries included")
    with suppress(OSError):
        family.add_metric([], sum(1 for _ in _TASKS.iterdir()))
    return family
