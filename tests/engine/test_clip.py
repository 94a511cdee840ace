from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.clip import classify_track, clip_windows
from dancetype.engine.contract import Contract
from dancetype.engine.skeleton import JOINTS, Array
from dancetype.engine.window import WindowSpec


class DriftingClassifier:
    """Classifier whose probability of pop rises from 0 by 0.1 with each window."""

    contract = Contract(("BR", "PO"), WindowSpec(4.0, 1.0, 60), "camera", "none", "none", ())

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        pop = np.minimum((sum(self.batches) + np.arange(len(windows))) / 10, 1)
        self.batches.append(len(windows))
        return np.stack([1 - pop, pop], axis=1).astype(np.float32)


def random_dance(seconds: float, *, rate: int = 30) -> tuple[NDArray[np.float64], Array]:
    times = 7 + np.arange(round(seconds * rate) + 1) / rate
    rest_pose = np.random.default_rng(0).uniform(-1, 1, (len(JOINTS), 3))
    joints = rest_pose + 0.2 * np.sin(5 * times[:, None, None] + 9 * rest_pose)
    return times, joints.astype(np.float32)


@pytest.mark.parametrize(
    ("seconds", "windows"), [(1, 1), (2.5, 1), (4, 1), (4.5, 2), (10, 13), (10.4, 13)]
)
@pytest.mark.parametrize("rate", [15, 30, 60])
def test_window_ends_every_half_second_after_first_full_window(
    seconds: float, windows: int, rate: int
) -> None:
    result = classify_track(*random_dance(seconds, rate=rate), DriftingClassifier())
    assert result.windows.shape == (windows, 2)


def test_genre_of_clip_has_highest_mean_probability() -> None:
    result = classify_track(*random_dance(10), DriftingClassifier())
    pop = np.minimum(np.arange(13) / 10, 1)
    assert result.genre == "PO"
    assert result.confidence == pytest.approx(pop.mean(), abs=1e-6)
    np.testing.assert_allclose(result.probabilities, [1 - pop.mean(), pop.mean()], atol=1e-6)
    np.testing.assert_allclose(result.windows[:, 1], pop, atol=1e-6)


def test_dancing_is_the_mean_of_the_windows() -> None:
    class DanceClassifier:
        contract = replace(DriftingClassifier.contract, dancing=True)

        def __call__(self, windows: Array) -> NDArray[np.float32]:
            return np.linspace([0.1, 0.2], [0.5, 0.2], len(windows), dtype=np.float32)

    result = classify_track(*random_dance(10), DanceClassifier())
    assert result.dancing == pytest.approx(0.5)
    assert result.confidence == pytest.approx(0.3)
    assert classify_track(*random_dance(0.5), DanceClassifier()).dancing is None
    assert classify_track(*random_dance(10), DriftingClassifier()).dancing is None


def test_long_clip_is_classified_in_batches() -> None:
    classifier = DriftingClassifier()
    result = classify_track(*random_dance(60), classifier)
    assert max(classifier.batches) <= 64
    assert sum(classifier.batches) == len(result.windows) == 113


def test_clip_without_person_has_no_genre() -> None:
    times, joints = random_dance(10)
    result = classify_track(times, np.full_like(joints, np.nan), DriftingClassifier())
    assert result.genre is None
    assert result.confidence == 0
    assert result.probabilities.tolist() == [0, 0]
    assert result.windows.shape == (0, 2)


@pytest.mark.parametrize("seconds", [0, 0.5, 0.9])
def test_short_clip_has_no_genre(seconds: float) -> None:
    assert classify_track(*random_dance(seconds), DriftingClassifier()).genre is None


def test_clip_without_frames_has_no_genre() -> None:
    result = classify_track(
        np.empty(0), np.empty((0, len(JOINTS), 3), np.float32), DriftingClassifier()
    )
    assert result.genre is None


def test_there_are_no_windows_in_gap_without_person() -> None:
    times, joints = random_dance(20)
    joints[(times > 15.2) & (times < 20)] = np.nan
    complete = clip_windows(*random_dance(20), DriftingClassifier())
    interrupted = clip_windows(times, joints, DriftingClassifier())
    # Windows are missing from 0.5 s after the last pose to 1 s after the first pose of the return.
    assert len(complete) - len(interrupted) == 10


def test_person_visible_for_less_than_a_full_window_is_classified() -> None:
    times, joints = random_dance(20)
    joints[times > times[0] + 2.3] = np.nan
    windows = clip_windows(times, joints, DriftingClassifier())
    assert 1 <= len(windows) <= 5


def test_hop_is_configurable() -> None:
    assert clip_windows(*random_dance(10), DriftingClassifier(), hop=2.0).shape == (4, 60, 68)
