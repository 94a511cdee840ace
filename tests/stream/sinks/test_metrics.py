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
from tests.messages import changed, predicted

DOCS = (Path(__file__).parents[3] / "docs/guides/operations.md").read_text()


class Watch:
    """Metrics on a clock that stands at 1000 seconds since 1970 until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0
        self.state = RunState(Clock(lambda: self.now, 1000))
        self.metrics = Metrics(version="1.2.3", recipe="live", provider="CPU", state=self.state)
        self.sinks = SinkFanOut([self.state, self.metrics])

    async def says(self, *messages: PredictionMessage | SourceMessage) -> None:
        for message in messages:
            await self.sinks.send(message)

    def figures(self) -> dict[str, float]:
        """Every sample of the page, by name and labels as Prometheus writes them."""
        page = self.metrics.page(authorised=True)
        assert page.status is HTTPStatus.OK
        samples = [
            sample
            for family in text_string_to_metric_families(page.body.decode())
            for sample in family.samples
        ]
        figures = {_named(each.name, each.labels): each.value for each in samples}
        assert len(figures) == len(samples)
        return figures

    def figure(self, name: str, **labels: str) -> float | None:
        """One figure of the source `stage`."""
        return self.figures().get(_named(f"dancetype_{name}", {"source": "stage"} | labels))


def _named(name: str, labels: dict[str, str]) -> str:
    inside = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inside}}}"


@pytest.fixture
def watch() -> Watch:
    return Watch()


async def test_frames_add_up_over_predictions(watch: Watch) -> None:
    await watch.says(predicted(frames=(10, 8, 1)), predicted(frames=(20, 15, 4)))
    assert watch.figure("frames_total") == 20
    assert watch.figure("frames_posed_total") == 15
    assert watch.figure("frames_dropped_total") == 4


async def test_frames_of_a_new_epoch_are_added_to_those_before(watch: Watch) -> None:
    await watch.says(predicted(frames=(10, 8, 1)), predicted(epoch=1, frames=(12, 9, 2)))
    assert watch.figure("frames_total") == 22
    assert watch.figure("frames_posed_total") == 17
    assert watch.figure("frames_dropped_total") == 3


async def test_a_frame_that_outlives_its_epoch_spoils_no_count(watch: Watch) -> None:
    await watch.says(predicted(frames=(10, 8, 1)), predicted(frames=(0, 9, 0)))
    assert watch.figure("frames_total") == 10
    assert watch.figure("frames_posed_total") == 9
    assert watch.figure("predictions_total", status="no_person") == 2


async def test_each_source_counts_for_itself(watch: Watch) -> None:
    await watch.says(predicted("stage", frames=(10, 8, 1)), predicted("hall", frames=(3, 3, 0)))
    await watch.says(predicted("stage", frames=(11, 9, 1)))
    assert watch.figure("frames_total") == 11
    assert watch.figure("frames_total", source="hall") == 3


async def test_a_frame_grows_old_between_scrapes(watch: Watch) -> None:
    await watch.says(predicted(capture=1000.0))
    watch.now = 7.5
    assert watch.figure("frame_age_seconds") == 7.5
    watch.now = 9.5
    assert watch.figure("frame_age_seconds") == 9.5
    await watch.says(predicted(capture=1009.0))
    assert watch.figure("frame_age_seconds") == 0.5


async def test_without_a_frame_there_is_no_age(watch: Watch) -> None:
    await watch.says(changed(SourceState.CONNECTING))
    assert watch.figure("frame_age_seconds") is None


@pytest.mark.parametrize("latency", [0.0008, 0.003, 0.08, 1.2, 4.9])
async def test_a_latency_from_one_millisecond_to_five_seconds_is_told_to_a_factor_of_two_and_a_half(
    watch: Watch, latency: float
) -> None:
    await watch.says(predicted(latency=latency))
    counts = {
        float(found[1]): count
        for name, count in watch.figures().items()
        if (found := re.match(r'dancetype_latency_seconds_bucket{le="(.+)",', name))
    }
    within = min(bound for bound, count in counts.items() if count)
    below = max((bound for bound, count in counts.items() if not count), default=0.0)
    assert below < latency <= within <= max(0.001, 2.5 * below)
    assert watch.figure("latency_seconds_sum") == pytest.approx(latency)


async def test_pose_and_classifying_are_timed_apart(watch: Watch) -> None:
    await watch.says(predicted(latency=0.5), predicted(latency=0.25))
    assert watch.figure("pose_seconds_sum") == pytest.approx(0.75)
    assert watch.figure("classify_seconds_count") == 2
    assert watch.figure("classify_seconds_sum") == pytest.approx(0.375)


async def test_predictions_are_counted_by_what_they_say(watch: Watch) -> None:
    await watch.says(predicted(), predicted(), predicted(status=Status.GENRE, genre="HO"))
    assert watch.figure("predictions_total", status="no_person") == 2
    assert watch.figure("predictions_total", status="genre") == 1
    assert watch.figure("predictions_total", status="not_sure") == 0
    assert watch.figure("genres_total", genre="HO") == 1


async def test_a_source_is_in_one_state_at_a_time(watch: Watch) -> None:
    await watch.says(changed(SourceState.CONNECTING), changed(SourceState.RUNNING))
    states = {state: watch.figure("source_state", state=state.value) for state in SourceState}
    assert [state for state, value in states.items() if value] == [SourceState.RUNNING]
    assert set(states.values()) == {0, 1}


async def test_a_source_that_gives_no_frames_has_no_pace_and_no_dancers(watch: Watch) -> None:
    await watch.says(changed(SourceState.RUNNING), predicted(dancers=2))
    assert (watch.figure("fps"), watch.figure("dancers")) == (25, 2)
    await watch.says(changed(SourceState.STALLED, fault=Fault.TIMED_OUT))
    assert (watch.figure("fps"), watch.figure("dancers")) == (0, 0)


async def test_each_try_in_vain_is_a_fault_and_no_new_state(watch: Watch) -> None:
    away = changed(SourceState.RECONNECTING, fault=Fault.REFUSED)
    await watch.says(changed(SourceState.RUNNING), away, away, away)
    assert watch.figure("source_faults_total", fault="refused") == 3
    assert watch.figure("source_state_changes_total", state="reconnecting") == 1


async def test_a_source_that_comes_back_after_many_tries_has_reconnected_once(
    watch: Watch,
) -> None:
    running, away = changed(SourceState.RUNNING), changed(SourceState.RECONNECTING)
    await watch.says(running)
    assert watch.figure("reconnects_total") == 0
    await watch.says(away, away, running)
    assert watch.figure("reconnects_total") == 1


async def test_going_on_after_a_stall_is_no_reconnect(watch: Watch) -> None:
    running = changed(SourceState.RUNNING)
    await watch.says(running, changed(SourceState.STALLED), running)
    assert watch.figure("reconnects_total") == 0


def test_clients_are_asked_for_when_the_page_is_wanted(watch: Watch) -> None:
    clients = {"connected": 2, "most": 256, "cut_off": 0, "refused": 1}
    watch.state.clients = lambda: clients
    watch.figures()
    clients |= {"connected": 5, "cut_off": 3}
    figures = watch.figures()
    assert figures["dancetype_websocket_clients{}"] == 5
    assert figures["dancetype_websocket_cut_off_total{}"] == 3
    assert figures["dancetype_websocket_refused_total{}"] == 1


def test_each_source_tells_whether_it_is_connected_to_the_broker(watch: Watch) -> None:
    links: dict[str, bool] = {}
    watch.state.broker_links = lambda: links
    assert watch.figure("mqtt_connected") is None
    links |= {"stage": True, "hall": False}
    assert watch.figure("mqtt_connected") == 1
    assert watch.figure("mqtt_connected", source="hall") == 0


async def test_a_name_of_a_source_cannot_forge_a_figure(watch: Watch) -> None:
    name = 'a"} 7\ndancetype_fps{source="b'
    await watch.says(predicted(name))
    assert watch.figure("fps", source=name) == 25
    assert watch.figure("fps", source="b") is None


def test_the_page_says_which_program_and_model_run(watch: Watch) -> None:
    assert watch.figures()['dancetype_build_info{model="live",provider="CPU",version="1.2.3"}'] == 1


def test_the_page_tells_memory_time_files_and_threads_of_the_process(watch: Watch) -> None:
    figures = watch.figures()
    assert figures["process_resident_memory_bytes{}"] > 1e6
    assert figures["process_cpu_seconds_total{}"] > 0
    assert figures["process_open_fds{}"] >= 3
    held, threads = threading.Event(), figures["process_threads{}"]
    waiting = threading.Thread(target=held.wait, daemon=True)
    waiting.start()
    assert watch.figures()["process_threads{}"] == threads + 1
    held.set()
    waiting.join()


async def test_two_of_them_share_nothing() -> None:
    one, other = Watch(), Watch()
    await one.says(predicted(frames=(5, 5, 0)))
    assert other.figure("frames_total") is None


async def test_no_figure_comes_with_the_time_of_its_making(watch: Watch) -> None:
    await watch.says(predicted(), changed(SourceState.RUNNING))
    assert not [name for name in watch.figures() if "_created" in name]


async def test_who_may_not_know_sees_no_figure(watch: Watch) -> None:
    await watch.says(predicted())
    page = watch.metrics.page(authorised=False)
    assert page.status is HTTPStatus.UNAUTHORIZED
    assert b"Bearer" in page.body
    assert b"stage" not in page.body


async def test_the_docs_name_every_figure_and_no_other(watch: Watch) -> None:
    watch.state.clients = lambda: {"connected": 0, "cut_off": 0, "refused": 0}
    watch.state.broker_links = lambda: {"stage": True}
    await watch.says(
        predicted(status=Status.GENRE, genre="HO"),
        changed(SourceState.FAILED, fault=Fault.OTHER),
    )
    histogram = re.compile(r"_(bucket|sum|count)$")
    figures = {histogram.sub("", name.partition("{")[0]) for name in watch.figures()}
    named = {histogram.sub("", name) for name in re.findall(r"(?:dancetype|process)_\w+", DOCS)}
    assert {name for name in figures if name.startswith("dancetype")} <= named <= figures
