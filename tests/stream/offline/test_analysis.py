from collections.abc import Callable
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.classifier import Classifier
from dancetype.engine.landmarks import Landmarks
from dancetype.engine.media.track import Track, stack_landmarks
from dancetype.engine.recognizer import MultiDancerRecognizer, Prediction
from dancetype.engine.rolling import Status
from dancetype.stream.offline.analysis import analyze_video, latest, replay_predictions
from tests.engine.walkers import Walker

MakeVideo = Callable[..., Path]


class EmptyRoom:
    """Sees nobody."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def landmarks(self, image: NDArray[np.uint8], time: float) -> Landmarks | None:
        return None

    def reset(self, reason: str) -> None:
        pass


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(device="cpu")


def same(one: Prediction, other: Prediction) -> bool:
    return (
        one.window_end == other.window_end
        and one.estimate.status is other.estimate.status
        and one.estimate.genre == other.estimate.genre
        and np.array_equal(one.estimate.probabilities, other.estimate.probabilities)
    )


def test_along_a_track_is_said_what_a_live_run_says(classifier: Classifier) -> None:
    times = np.arange(180) / 25
    gone = (times > 3) & (times < 4.5)
    seen = [None if away else Walker().at(t) for t, away in zip(times, gone, strict=True)]
    recognizer = MultiDancerRecognizer(classifier, people=1)
    live = [recognizer.push(t, [each] if each else []) for t, each in zip(times, seen, strict=True)]
    told = [prediction for prediction in live if prediction is not None]
    said = replay_predictions(
        Track("clip", "", times, *stack_landmarks(seen)), classifier, hop=0.25
    )
    assert len(said) == len(told) == 29
    assert all(map(same, said, told))
    assert {Status.WARMING_UP, Status.NO_PERSON} < {each.estimate.status for each in said}


def test_a_clip_with_nobody_in_it_is_seen_through(
    make_video: MakeVideo, classifier: Classifier
) -> None:
    done: list[tuple[int, int | None]] = []
    analysis = analyze_video(
        make_video(frames=10, fps=10),
        EmptyRoom(),
        classifier,
        hop=0.5,
        on_frame=lambda frame, of: done.append((frame, of)),
    )
    assert (len(analysis.track.times), analysis.track.poses, analysis.result.genre) == (10, 0, None)
    assert [each.estimate.status for each in analysis.predictions] == [Status.NO_PERSON] * 2
    assert done[-1] == (10, 10)


def test_of_a_clip_as_many_frames_a_second_are_looked_at_as_are_wanted(
    make_video: MakeVideo, classifier: Classifier
) -> None:
    done: list[tuple[int, int | None]] = []
    analysis = analyze_video(
        make_video(frames=20, fps=20),
        EmptyRoom(),
        classifier,
        hop=0.5,
        on_frame=lambda frame, of: done.append((frame, of)),
        fps=5,
    )
    assert analysis.fps == 5
    np.testing.assert_allclose(analysis.track.times, [0, 0.2, 0.4, 0.6, 0.8])
    assert analysis.track.seconds == pytest.approx(1)
    assert done[-1] == (17, 20)


def test_at_each_moment_the_last_prediction_holds(classifier: Classifier) -> None:
    times = np.arange(25) / 25
    said = replay_predictions(
        Track("", "", times, *stack_landmarks([None] * 25)), classifier, hop=0.25
    )
    held = latest(said, times)
    assert held.tolist() == [0] * 7 + [1] * 6 + [2] * 6 + [3] * 6
    assert [said[n].window_end for n in (1, 2, 3)] == pytest.approx([0.28, 0.52, 0.76])
