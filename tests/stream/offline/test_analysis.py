from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from dancetype.engine.classifier import Classifier
from dancetype.engine.media.track import Track, stack_landmarks
from dancetype.engine.media.video import Video
from dancetype.engine.recognizer import MultiDancerRecognizer, Prediction
from dancetype.engine.rolling import Status
from dancetype.stream.offline.analysis import analyze_video, latest_indices, replay_predictions
from tests.engine.walkers import Walker
from tests.stream.offline.clips import NoPersonEstimator

MakeVideo = Callable[..., Path]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(device="cpu")


def are_equal(first: Prediction, second: Prediction) -> bool:
    return (
        first.window_end == second.window_end
        and first.estimate.status is second.estimate.status
        and first.estimate.genre == second.estimate.genre
        and np.array_equal(first.estimate.probabilities, second.estimate.probabilities)
    )


def test_replayed_predictions_equal_those_of_a_live_run(classifier: Classifier) -> None:
    times = np.arange(180) / 25
    is_absent = (times > 3) & (times < 4.5)
    people = [
        None if absent else Walker(x=np.sin(time)).at(time)
        for time, absent in zip(times, is_absent, strict=True)
    ]
    recognizer = MultiDancerRecognizer(classifier, people=1)
    live = [
        prediction
        for time, person in zip(times, people, strict=True)
        if (prediction := recognizer.push(time, [person] if person else [])) is not None
    ]
    track = Track("clip", "", times, *stack_landmarks(people), image_size=(640, 360))
    replayed = replay_predictions(track, classifier, hop=0.25)
    assert len(replayed) == len(live) == 29
    assert all(map(are_equal, replayed, live))
    statuses = {prediction.estimate.status for prediction in replayed}
    assert {Status.WARMING_UP, Status.NO_PERSON} < statuses


def test_clip_without_a_person_is_analysed_to_the_end(
    make_video: MakeVideo, classifier: Classifier
) -> None:
    done: list[tuple[int, int | None]] = []
    analysis = analyze_video(
        make_video(frames=10, fps=10),
        NoPersonEstimator(),
        classifier,
        hop=0.5,
        on_frame=lambda frame, total: done.append((frame, total)),
    )
    assert (len(analysis.track.times), analysis.track.poses, analysis.result.genre) == (10, 0, None)
    statuses = [prediction.estimate.status for prediction in analysis.predictions]
    assert statuses == [Status.NO_PERSON] * 2
    assert done[-1] == (10, 10)


def test_clip_is_analysed_at_the_requested_frame_rate(
    make_video: MakeVideo, classifier: Classifier
) -> None:
    done: list[tuple[int, int | None]] = []
    analysis = analyze_video(
        make_video(frames=20, fps=20),
        NoPersonEstimator(),
        classifier,
        hop=0.5,
        on_frame=lambda frame, total: done.append((frame, total)),
        open_clip=partial(Video, fps=5),
    )
    np.testing.assert_allclose(analysis.track.times, [0, 0.2, 0.4, 0.6, 0.8])
    assert analysis.track.seconds == pytest.approx(1)
    assert done[-1] == (17, 20)


def test_latest_indices_refer_to_the_latest_prediction(classifier: Classifier) -> None:
    times = np.arange(25) / 25
    track = Track("", "", times, *stack_landmarks([None] * 25))
    predictions = replay_predictions(track, classifier, hop=0.25)
    indices = latest_indices(predictions, times)
    assert indices.tolist() == [0] * 7 + [1] * 6 + [2] * 6 + [3] * 6
    assert [predictions[n].window_end for n in (1, 2, 3)] == pytest.approx([0.28, 0.52, 0.76])
