import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from queue import Queue

import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.contract import Contract
from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES
from dancetype.engine.media.recording import Header, Recording, full_body
from dancetype.engine.recognizer import MultiDancerRecognizer
from dancetype.engine.rolling import Status
from dancetype.engine.skeleton import Array
from dancetype.engine.window import WindowSpec
from dancetype.stream.pipeline import Event, Predicted
from dancetype.stream.replay import Agreement, Pace, Part, Replay, length, open_recording, schedule
from dancetype.stream.sources.base import SourceState, StateChanged
from tests.engine.recordings import CLOCK, STARTED, header, recording_of, walk
from tests.engine.walkers import Walker

SPEC = WindowSpec(seconds=2.0, min_seconds=1.0, length=8)


class Judge:
    """Sees a house or a krump in a window, whichever its joints say."""

    contract = Contract(
        labels=CODES, window=SPEC, view="camera", recipe="fake", split="none", dancers=()
    )

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        probabilities = np.full((len(windows), len(CODES)), 0.01, np.float32)
        for row, window in zip(probabilities, windows, strict=True):
            row[CODES.index("HO")] += 0.9 * np.float32(abs(window.sum()) % 1)
        return probabilities


def a_recognizer(header: Header) -> MultiDancerRecognizer:
    return MultiDancerRecognizer(Judge(), people=header.people_followed, hop=header.hop)


class Rehearsal:
    """Plays takes of one source on a clock that only waiting moves on."""

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        speed: float = 1.0,
        loop: bool = False,
        until: float = 1e6,
        lap: float = 100.0,
    ) -> None:
        self.time = 1000.0
        self.events: list[Event] = []
        self.recognizers: list[Header] = []
        self.agreement = Agreement()
        self._until = 1000.0 + until
        pace = Pace(lambda: self.time, speed=speed, lap=lap)
        pace.begin()
        self.replay = Replay(
            "stage",
            parts,
            make_recognizer=self._recognizer,
            pace=pace,
            agreement=self.agreement,
            loop=loop,
            wait=self._wait,
        )

    def play(self) -> "Rehearsal":
        self.replay.start(self.events.append)
        assert self.replay.join(10)
        return self

    @property
    def predictions(self) -> list[Predicted]:
        return [event for event in self.events if isinstance(event, Predicted)]

    @property
    def states(self) -> list[tuple[str, int]]:
        states = [event for event in self.events if isinstance(event, StateChanged)]
        return [(event.state.value, event.epoch) for event in states]

    def _recognizer(self, header: Header) -> MultiDancerRecognizer:
        self.recognizers.append(header)
        return a_recognizer(header)

    def _wait(self, seconds: float) -> bool:
        self.time += seconds
        return self.time >= self._until


@pytest.fixture
def parts(tmp_path: Path) -> Callable[..., list[Part]]:
    """Saves takes, and puts those of the first one's source in order."""

    def parts(*takes: Recording) -> list[Part]:
        saved = []
        for number, take in enumerate(takes):
            path = tmp_path / f"{number}.npz"
            take.save(path)
            saved.append(Part(path, take.header, take.seconds))
        return schedule(saved)[takes[0].header.source]

    return parts


def part(seconds: float, *, started: float = 0.0, source: str = "stage", epoch: int = 0) -> Part:
    """`started` is in seconds after the first."""
    return Part(Path("a.npz"), header(source, started=STARTED + started, epoch=epoch), seconds)


def begins(parts: Sequence[Part]) -> dict[str, list[float]]:
    return {
        name: [round(part.begin, 3) for part in of_source]
        for name, of_source in schedule(parts).items()
    }


def said(rehearsal: Rehearsal) -> list[list[float]]:
    return [each.prediction.estimate.probabilities.tolist() for each in rehearsal.predictions]


def test_sources_keep_their_distances_in_time_whatever_the_order_of_their_files() -> None:
    takes = [part(60, started=20, source="left"), part(60), part(60, started=21, source="left")]
    assert begins(takes) == {"stage": [0], "left": [20, 80]}


def test_a_time_without_a_take_is_cut_short() -> None:
    takes = [part(60), part(10, started=86400), part(10, started=86401, source="left")]
    assert begins(takes) == {"stage": [0, 62], "left": [63]}


def test_a_short_pause_is_kept_as_it_was() -> None:
    assert begins([part(60), part(60, started=61)]) == {"stage": [0, 61]}


def test_all_starts_over_when_the_last_source_is_at_its_end() -> None:
    takes = [part(60), part(10, source="left")]
    assert 60 < length(schedule(takes)) < 65


@pytest.mark.parametrize(
    ("first", "second", "goes_on"),
    [
        (part(300), part(60, started=300.03), True),
        (part(300), part(60, started=303), False),
        (part(300), part(60, started=300.03, epoch=1), False),
        (part(300), part(60, started=299), False),
        (part(300), replace(part(60), header=header(started=STARTED + 300.03, clock=7.0)), False),
    ],
    ids=["next", "after a gap", "epoch", "overlap", "another machine"],
)
def test_a_take_goes_on_where_one_of_the_same_run_and_epoch_ends(
    first: Part, second: Part, goes_on: bool
) -> None:
    _, later = schedule([first, second])["stage"]
    assert later.continues is goes_on


@pytest.mark.parametrize("speed", [1.0, 4.0, 0.5])
def test_frames_come_at_the_pace_asked_for(parts: Callable[..., list[Part]], speed: float) -> None:
    rehearsal = Rehearsal(parts(walk(header())), speed=speed).play()
    captures = [event.capture - 1000 for event in rehearsal.predictions]
    tenths = np.array([0, 3, 5, 8, 10, 13, 15, 18, 20, 23, 25, 28, 30])
    np.testing.assert_allclose(captures, tenths / 10 / speed, atol=1e-6)
    for event in rehearsal.predictions:
        assert event.capture == event.taken == event.posed == event.predicted
        assert event.capture == event.prediction.window_end
    assert rehearsal.predictions[-1].fps == pytest.approx(10 * speed)
    assert rehearsal.predictions[-1].frame_counts == (31, 31, 0)
    assert rehearsal.predictions[-1].image_size == (640, 360)


def test_without_a_pace_no_time_passes(parts: Callable[..., list[Part]]) -> None:
    rehearsal = Rehearsal(parts(walk(header(), seconds=60)), speed=0).play()
    assert rehearsal.time == 1000
    assert len(rehearsal.predictions) > 200


def test_what_is_said_does_not_depend_on_the_pace(parts: Callable[..., list[Part]]) -> None:
    takes = parts(walk(header(), seconds=20, fps=30))
    slow, fast = (Rehearsal(takes, speed=speed).play() for speed in (1.0, 0.0))
    assert said(slow) == said(fast)
    assert len({tuple(each) for each in said(slow)}) > 10


def test_a_replay_tells_its_states_and_ends(parts: Callable[..., list[Part]]) -> None:
    rehearsal = Rehearsal(parts(walk(header()))).play()
    assert rehearsal.states == [("connecting", 0), ("running", 0), ("ended", 0)]
    assert isinstance(rehearsal.events[2], Predicted)
    last = rehearsal.events[-1]
    assert isinstance(last, StateChanged)
    assert last.final


def test_each_take_is_a_new_epoch_that_knows_nothing_of_the_last(
    parts: Callable[..., list[Part]],
) -> None:
    takes = parts(walk(header()), walk(header(started=STARTED + 60, epoch=4)))
    rehearsal = Rehearsal(takes).play()
    assert [state for state, _ in rehearsal.states] == ["connecting", "running", "ended"] * 2
    assert [epoch for _, epoch in rehearsal.states] == [0, 0, 0, 1, 1, 1]
    first = next(event for event in rehearsal.predictions if event.epoch == 1)
    assert first.prediction.estimate.status is Status.WARMING_UP
    assert first.frame_counts == (1, 1, 0)
    assert first.capture - 1000 == pytest.approx(5)


def test_a_take_that_goes_on_is_played_as_one_with_that_before(
    parts: Callable[..., list[Part]],
) -> None:
    frames = [(n / 10, [Walker().at(n / 10)]) for n in range(80)]
    later = [(time - 4, people) for time, people in frames[40:]]
    whole = Rehearsal(parts(recording_of(frames, header()))).play()
    parted = Rehearsal(
        parts(recording_of(frames[:40], header()), recording_of(later, header(started=STARTED + 4)))
    ).play()
    assert parted.states == whole.states
    assert len(said(parted)) == len(said(whole))
    np.testing.assert_allclose(said(parted), said(whole), atol=1e-5)
    assert parted.predictions[-1].frame_counts == whole.predictions[-1].frame_counts


def test_a_loop_starts_over_in_a_new_epoch_until_it_is_stopped(
    parts: Callable[..., list[Part]],
) -> None:
    rehearsal = Rehearsal(parts(walk(header())), loop=True, lap=10.0, until=22.0).play()
    assert rehearsal.states[3:5] == [("connecting", 1), ("running", 1)]
    assert rehearsal.states[-1] == ("running", 2)
    firsts = {event.epoch: event.capture for event in reversed(rehearsal.predictions)}
    assert firsts == {0: 1000, 1: 1010, 2: 1020}


def test_dancers_of_a_new_take_have_new_ids(parts: Callable[..., list[Part]]) -> None:
    pair = (Walker(x=-2), Walker(x=2))
    takes = [walk(header(started=STARTED + n * 60, people=2), walkers=pair) for n in range(2)]
    last = Rehearsal(parts(*takes)).play().predictions[-1]
    assert [dancer.id for dancer in last.prediction.dancers] == [3, 4]
    assert last.prediction.window_end == last.capture


def test_a_take_made_with_other_settings_is_played_with_them(
    parts: Callable[..., list[Part]],
) -> None:
    takes = [walk(header(started=STARTED + n * 60, hop=hop)) for n, hop in enumerate((0.25, 1.0))]
    rehearsal = Rehearsal(parts(*takes)).play()
    assert [made.hop for made in rehearsal.recognizers] == [0.25, 1.0]
    assert len([event for event in rehearsal.predictions if event.epoch == 1]) == 4


def test_only_predictions_are_compared_whatever_other_fields_they_have(tmp_path: Path) -> None:
    messages = [
        '{"type":"source","state":"running","times":{"sent":1.0}}',
        '{"type":"prediction","status":"genre","genre":"HO","times":{"capture":2.5},"new":[]}',
    ]
    walk(header(), messages=messages).save(tmp_path / "a.npz")
    _, predictions = open_recording(tmp_path / "a.npz")
    assert predictions == [(2.5, "genre", "HO")]


def test_messages_that_are_none_are_refused_with_the_file_and_the_reason(tmp_path: Path) -> None:
    walk(header(), messages=["{"]).save(tmp_path / "stage.npz")
    reason = "EOF|Invalid JSON|validation error"
    with pytest.raises(FileError, match=f"stage.npz: not a recording: .*{reason}") as caught:
        open_recording(tmp_path / "stage.npz")
    assert str(caught.value).isprintable()


def test_a_labelled_recording_is_classified_as_if_it_were_live(
    parts: Callable[..., list[Part]],
) -> None:
    labelled = walk(header(genre="HO", dancer="Ann"), seconds=20, encode=full_body)
    rehearsal = Rehearsal(parts(labelled)).play()
    assert len({tuple(each) for each in said(rehearsal)}) > 10
    assert rehearsal.predictions[-1].prediction.window_seconds > 1.9
    assert rehearsal.agreement.compared == 0


def recorded(seconds: float, status: str, genre: str) -> str:
    return (
        f'{{"type":"prediction","status":"{status}","genre":{genre},'
        f'"times":{{"capture":{STARTED + seconds:.6f}}}}}'
    )


def test_predictions_are_compared_with_those_recorded_of_the_same_frames(
    parts: Callable[..., list[Part]],
) -> None:
    messages = [
        recorded(0, "warming_up", "null"),
        recorded(0.3, "genre", '"BR"'),
        recorded(0.5, "warming_up", '"BR"'),
        recorded(0.6, "warming_up", "null"),
        recorded(7, "warming_up", "null"),
    ]
    rehearsal = Rehearsal(parts(walk(header(), messages=messages))).play()
    assert (rehearsal.agreement.same, rehearsal.agreement.compared) == (1, 3)


def test_a_take_that_is_gone_when_it_is_due_fails_the_source(
    parts: Callable[..., list[Part]],
) -> None:
    takes = parts(walk(header()))
    takes[0].path.unlink()
    told: Queue[Event] = Queue()
    replay = a_replay(takes)
    replay.start(told.put)
    assert isinstance(told.get(timeout=10), StateChanged)
    last = told.get(timeout=10)
    assert isinstance(last, StateChanged)
    assert (last.state, last.final) == (SourceState.FAILED, True)
    assert "0.npz: cannot be read: No such file" in str(last.reason)
    assert replay.join(10)


def test_a_crash_is_logged_and_told(
    parts: Callable[..., list[Part]], caplog: pytest.LogCaptureFixture
) -> None:
    def crash(made: Header) -> MultiDancerRecognizer:
        if made.hop == 1:
            raise RuntimeError("a bug")
        return a_recognizer(made)

    told: Queue[Event] = Queue()
    takes = parts(walk(header()), walk(header(started=STARTED + 60, hop=1.0)))
    replay = a_replay(takes, make_recognizer=crash)
    with caplog.at_level(logging.ERROR):
        replay.start(told.put)
        assert replay.join(10)
    last = list(told.queue)[-1]
    assert last.reason == "its replay crashed: RuntimeError('a bug')"
    assert "a bug" in caplog.text


def test_stopping_ends_the_thread_in_the_middle_of_a_take(
    parts: Callable[..., list[Part]],
) -> None:
    told: Queue[Event] = Queue()
    replay = a_replay(parts(walk(header(), seconds=600, fps=1)), speed=1.0)
    replay.start(told.put)
    while not isinstance(told.get(timeout=10), Predicted):
        pass
    assert not replay.join(0)
    replay.stop()
    assert replay.join(10)
    assert told.empty()


def test_one_that_was_never_started_is_at_its_end(parts: Callable[..., list[Part]]) -> None:
    replay = a_replay(parts(walk(header())))
    replay.stop()
    assert replay.join(0)


@pytest.mark.parametrize("speed", [-1.0, float("nan"), float("inf")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="a speed is 0 or more"):
        Pace(lambda: CLOCK, speed=speed, lap=1.0)


def a_replay(
    parts: Sequence[Part],
    *,
    speed: float = 0.0,
    make_recognizer: Callable[[Header], MultiDancerRecognizer] = a_recognizer,
) -> Replay:
    """On a thread, with real time."""
    return Replay(
        "stage",
        parts,
        make_recognizer=make_recognizer,
        pace=Pace(lambda: 1000.0, speed=speed, lap=1.0),
        agreement=Agreement(),
    )
