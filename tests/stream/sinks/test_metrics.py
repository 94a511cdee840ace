import re
import threading
from http import HTTPStatus
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dancetype.engine.errors import Fault
from dancetype.engine.rolling import Status
from dancetype.stream.clock import Clock
from dancetype.stream.messages import PredictionMessage, SourceMessage, SourceState
from dancetype.stream.run_state import RunState
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.metrics import Metrics
from tests.messages import make_prediction, make_source_message

DOCS = (Path(__file__).parents[3] / "docs/guides/operations.md").read_text()


class MetricsPage:
    """Metrics of a run, with a clock that the test sets; it starts 1000 seconds after 1970."""

    def __init__(self) -> None:
        self.now = 0.0
        self.state = RunState(Clock(lambda: self.now, 1000))
        self.sink = Metrics(version="1.2.3", recipe="live", provider="CPU", state=self.state)
        self.sinks = SinkFanOut([self.state, self.sink])

    async def send(self, *messages: PredictionMessage | SourceMessage) -> None:
        for message in messages:
            await self.sinks.send(message)

    def samples(self) -> dict[str, float]:
        """Return the value of each sample, by name and labels in the notation of Prometheus."""
        page = self.sink.page(authorised=True)
        assert page.status is HTTPStatus.OK
        samples = [
            sample
            for family in text_string_to_metric_families(page.body.decode())
            for sample in family.samples
        ]
        values = {_sample_key(sample.name, sample.labels): sample.value for sample in samples}
        assert len(values) == len(samples)
        return values

    def value(self, name: str, **labels: str) -> float | None:
        """Return a value of the source `stage`, unless `labels` name another source."""
        return self.samples().get(_sample_key(f"dancetype_{name}", {"source": "stage"} | labels))


def _sample_key(name: str, labels: dict[str, str]) -> str:
    pairs = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{pairs}}}"


@pytest.fixture
def metrics() -> MetricsPage:
    return MetricsPage()


async def test_frame_counters_follow_the_newest_prediction(metrics: MetricsPage) -> None:
    await metrics.send(make_prediction(frames=(10, 8, 1)), make_prediction(frames=(20, 15, 4)))
    assert metrics.value("frames_total") == 20
    assert metrics.value("frames_posed_total") == 15
    assert metrics.value("frames_dropped_total") == 4


async def test_frames_of_a_new_epoch_are_added_to_earlier_ones(metrics: MetricsPage) -> None:
    await metrics.send(
        make_prediction(frames=(10, 8, 1)), make_prediction(epoch=1, frames=(12, 9, 2))
    )
    assert metrics.value("frames_total") == 22
    assert metrics.value("frames_posed_total") == 17
    assert metrics.value("frames_dropped_total") == 3


async def test_late_prediction_of_an_old_epoch_does_not_reduce_counters(
    metrics: MetricsPage,
) -> None:
    await metrics.send(make_prediction(frames=(10, 8, 1)), make_prediction(frames=(0, 9, 0)))
    assert metrics.value("frames_total") == 10
    assert metrics.value("frames_posed_total") == 9
    assert metrics.value("predictions_total", status="no_person") == 2


async def test_each_source_has_its_counters(metrics: MetricsPage) -> None:
    await metrics.send(
        make_prediction("stage", frames=(10, 8, 1)), make_prediction("hall", frames=(3, 3, 0))
    )
    await metrics.send(make_prediction("stage", frames=(11, 9, 1)))
    assert metrics.value("frames_total") == 11
    assert metrics.value("frames_total", source="hall") == 3


async def test_frame_age_grows_between_scrapes(metrics: MetricsPage) -> None:
    await metrics.send(make_prediction(capture=1000.0))
    metrics.now = 7.5
    assert metrics.value("frame_age_seconds") == 7.5
    metrics.now = 9.5
    assert metrics.value("frame_age_seconds") == 9.5
    await metrics.send(make_prediction(capture=1009.0))
    assert metrics.value("frame_age_seconds") == 0.5


async def test_frame_age_has_no_value_before_the_first_frame(metrics: MetricsPage) -> None:
    await metrics.send(make_source_message(SourceState.CONNECTING))
    assert metrics.value("frame_age_seconds") is None


@pytest.mark.parametrize("latency", [0.0008, 0.003, 0.08, 1.2, 4.9])
async def test_latency_buckets_from_1_ms_to_5_s_are_at_most_a_factor_of_2_5_apart(
    metrics: MetricsPage, latency: float
) -> None:
    await metrics.send(make_prediction(latency=latency))
    counts = {
        float(match[1]): count
        for name, count in metrics.samples().items()
        if (match := re.match(r'dancetype_latency_seconds_bucket{le="(.+)",', name))
    }
    upper = min(bound for bound, count in counts.items() if count)
    lower = max((bound for bound, count in counts.items() if not count), default=0.0)
    assert lower < latency <= upper <= max(0.001, 2.5 * lower)
    assert metrics.value("latency_seconds_sum") == pytest.approx(latency)


async def test_pose_estimation_and_classification_have_separate_histograms(
    metrics: MetricsPage,
) -> None:
    await metrics.send(make_prediction(latency=0.5), make_prediction(latency=0.25))
    assert metrics.value("pose_seconds_sum") == pytest.approx(0.75)
    assert metrics.value("classify_seconds_count") == 2
    assert metrics.value("classify_seconds_sum") == pytest.approx(0.375)


async def test_dancing_has_a_value_only_if_the_newest_prediction_has_one(
    metrics: MetricsPage,
) -> None:
    await metrics.send(make_prediction(status=Status.NOT_SURE, dancing=0.25))
    assert metrics.value("dancing") == 0.25
    await metrics.send(make_prediction())
    assert metrics.value("dancing") is None


async def test_predictions_are_counted_by_status_and_genre(metrics: MetricsPage) -> None:
    await metrics.send(
        make_prediction(), make_prediction(), make_prediction(status=Status.GENRE, genre="HO")
    )
    assert metrics.value("predictions_total", status="no_person") == 2
    assert metrics.value("predictions_total", status="genre") == 1
    assert metrics.value("predictions_total", status="not_sure") == 0
    assert metrics.value("genres_total", genre="HO") == 1


async def test_exactly_one_source_state_is_set(metrics: MetricsPage) -> None:
    await metrics.send(
        make_source_message(SourceState.CONNECTING), make_source_message(SourceState.RUNNING)
    )
    states = {state: metrics.value("source_state", state=state.value) for state in SourceState}
    assert [state for state, value in states.items() if value] == [SourceState.RUNNING]
    assert set(states.values()) == {0, 1}


async def test_fps_and_dancers_are_zero_while_a_source_is_stalled(metrics: MetricsPage) -> None:
    await metrics.send(make_source_message(SourceState.RUNNING), make_prediction(dancers=2))
    assert (metrics.value("fps"), metrics.value("dancers")) == (25, 2)
    await metrics.send(make_source_message(SourceState.STALLED, fault=Fault.TIMED_OUT))
    assert (metrics.value("fps"), metrics.value("dancers")) == (0, 0)


async def test_each_failed_attempt_counts_as_a_fault_but_not_as_a_state_change(
    metrics: MetricsPage,
) -> None:
    lost = make_source_message(SourceState.RECONNECTING, fault=Fault.REFUSED)
    await metrics.send(make_source_message(SourceState.RUNNING), lost, lost, lost)
    assert metrics.value("source_faults_total", fault="refused") == 3
    assert metrics.value("source_state_changes_total", state="reconnecting") == 1


async def test_one_reconnect_is_counted_after_several_attempts(metrics: MetricsPage) -> None:
    running, lost = (
        make_source_message(SourceState.RUNNING),
        make_source_message(SourceState.RECONNECTING),
    )
    await metrics.send(running)
    assert metrics.value("reconnects_total") == 0
    await metrics.send(lost, lost, running)
    assert metrics.value("reconnects_total") == 1


async def test_recovery_from_a_stall_is_not_counted_as_a_reconnect(metrics: MetricsPage) -> None:
    running = make_source_message(SourceState.RUNNING)
    await metrics.send(running, make_source_message(SourceState.STALLED), running)
    assert metrics.value("reconnects_total") == 0


def test_client_counts_are_read_when_the_page_is_requested(metrics: MetricsPage) -> None:
    clients = {"connected": 2, "most": 256, "cut_off": 0, "refused": 1}
    metrics.state.clients = lambda: clients
    metrics.samples()
    clients |= {"connected": 5, "cut_off": 3}
    samples = metrics.samples()
    assert samples["dancetype_websocket_clients{}"] == 5
    assert samples["dancetype_websocket_cut_off_total{}"] == 3
    assert samples["dancetype_websocket_refused_total{}"] == 1


def test_mqtt_connected_has_a_value_for_each_source(metrics: MetricsPage) -> None:
    connections: dict[str, bool] = {}
    metrics.state.broker_connections = lambda: connections
    assert metrics.value("mqtt_connected") is None
    connections |= {"stage": True, "hall": False}
    assert metrics.value("mqtt_connected") == 1
    assert metrics.value("mqtt_connected", source="hall") == 0


async def test_reduced_pose_rate_has_a_value_and_no_limit_has_none(metrics: MetricsPage) -> None:
    await metrics.send(make_prediction(pose_fps=8.0))
    assert metrics.value("pose_fps") == 8
    await metrics.send(make_prediction(pose_fps=None))
    assert metrics.value("pose_fps") is None


async def test_source_name_cannot_inject_a_metric(metrics: MetricsPage) -> None:
    name = 'a"} 7\ndancetype_fps{source="b'
    await metrics.send(make_prediction(name))
    assert metrics.value("fps", source=name) == 25
    assert metrics.value("fps", source="b") is None


def test_build_info_has_version_model_and_provider(metrics: MetricsPage) -> None:
    assert (
        metrics.samples()['dancetype_build_info{model="live",provider="CPU",version="1.2.3"}'] == 1
    )


def test_page_has_memory_cpu_time_open_files_and_threads_of_the_process(
    metrics: MetricsPage,
) -> None:
    samples = metrics.samples()
    assert samples["process_resident_memory_bytes{}"] > 1e6
    assert samples["process_cpu_seconds_total{}"] > 0
    assert samples["process_open_fds{}"] >= 3
    release, threads = threading.Event(), samples["process_threads{}"]
    thread = threading.Thread(target=release.wait, daemon=True)
    thread.start()
    assert metrics.samples()["process_threads{}"] == threads + 1
    release.set()
    thread.join()


async def test_two_instances_share_no_state() -> None:
    first, second = MetricsPage(), MetricsPage()
    await first.send(make_prediction(frames=(5, 5, 0)))
    assert second.value("frames_total") is None


async def test_page_has_no_creation_times(metrics: MetricsPage) -> None:
    await metrics.send(make_prediction(), make_source_message(SourceState.RUNNING))
    assert not [name for name in metrics.samples() if "_created" in name]


async def test_unauthorised_request_gets_no_metrics(metrics: MetricsPage) -> None:
    await metrics.send(make_prediction())
    page = metrics.sink.page(authorised=False)
    assert page.status is HTTPStatus.UNAUTHORIZED
    assert b"Bearer" in page.body
    assert b"stage" not in page.body


async def test_docs_list_exactly_the_existing_metrics(metrics: MetricsPage) -> None:
    metrics.state.clients = lambda: {"connected": 0, "cut_off": 0, "refused": 0}
    metrics.state.broker_connections = lambda: {"stage": True}
    await metrics.send(
        make_prediction(status=Status.GENRE, genre="HO"),
        make_source_message(SourceState.FAILED, fault=Fault.OTHER),
        make_prediction("hall", dancing=0.5, pose_fps=15.0),
    )
    suffix = re.compile(r"_(bucket|sum|count)$")
    existing = {suffix.sub("", name.partition("{")[0]) for name in metrics.samples()}
    documented = {suffix.sub("", name) for name in re.findall(r"(?:dancetype|process)_\w+", DOCS)}
    assert {name for name in existing if name.startswith("dancetype")} <= documented <= existing
