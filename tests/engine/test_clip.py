import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.clip import classify_track, clip_windows
from dancetype.engine.contract import Contract
from dancetype.engine.skeleton import JOINTS, Array
from dancetype.engine.window import WindowSpec


class Drifting:
    """Calls its first window break and is surer of pop with each one more."""

    contract = Contract(("BR", "PO"), WindowSpec(4.0, 1.0, 60), "camera", "none", "none", ())

    def __init__(self) -> None:
        self.batches: list[int] = []

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        pop = np.minimum((sum(self.batches) + np.arange(len(windows))) / 10, 1)
        self.batches.append(len(windows))
        return np.stack([1 - pop, pop], axis=1).astype(np.float32)


def dance(seconds: float, *, rate: int = 30) -> tuple[NDArray[np.float64], Array]:
    times = 7 + np.arange(round(seconds * rate) + 1) / rate
    rest = np.random.default_rng(0).uniform(-1, 1, (len(JOINTS), 3))
    joints = rest + 0.2 * np.sin(5 * times[:, None, None] + 9 * rest)
    return times, joints.astype(np.float32)


@pytest.mark.parametrize(
    ("seconds", "windows"), [(1, 1), (2.5, 1), (4, 1), (4.5, 2), (10, 13), (10.4, 13)]
)
@pytest.mark.parametrize("rate", [15, 30, 60])
def test_a_window_ends_every_half_second_from_the_first_full_one_on(
    seconds: float, windows: int, rate: int
) -> None:
    result = classify_track(*dance(seconds, rate=rate), Drifting())
    assert result.windows.shape == (windows, 2)


def test_the_clips_genre_is_the_likeliest_over_all_windows() -> None:
    result = classify_track(*dance(10), Drifting())
    pop = np.minimum(np.arange(13) / 10, 1)
    assert result.genre == "PO"
    assert result.confidence == pytest.approx(pop.mean(), abs=1e-6)
    np.testing.assert_allclose(result.probabilities, [1 - pop.mean(), pop.mean()], atol=1e-6)
    np.testing.assert_allclose(result.windows[:, 1], pop, atol=1e-6)


def test_a_long_clip_is_classified_in_batches_and_each_window_once() -> None:
    classifier = Drifting()
    result = classify_track(*dance(60), classifier)
    assert max(classifier.batches) <= 64
    assert sum(classifier.batches) == len(result.windows) == 113


def test_a_clip_with_nobody_in_it_has_no_genre() -> None:
    times, joints = dance(10)
    result = classify_track(times, np.full_like(joints, np.nan), Drifting())
    assert result.genre is None
    assert result.confidence == 0
    assert result.probabilities.tolist() == [0, 0]
    assert result.windows.shape == (0, 2)


@pytest.mark.parametrize("seconds", [0, 0.5, 0.9])
def test_a_clip_that_is_too_short_has_no_genre(seconds: float) -> None:
    assert classify_track(*dance(seconds), Drifting()).genre is None


def test_a_clip_without_a_frame_has_no_genre() -> None:
    result = classify_track(np.empty(0), np.empty((0, len(JOINTS), 3), np.float32), Drifting())
    assert result.genre is None


def test_where_nobody_is_seen_there_are_no_windows() -> None:
    times, joints = dance(20)
    joints[(times > 15.2) & (times < 20)] = np.nan
    everybody = clip_windows(*dance(20), Drifting())
    somebody = clip_windows(times, joints, Drifting())
    # From half a second after the last was seen to one second after the first was seen again.
    assert len(everybody) - len(somebody) == 10


def test_the_hop_can_be_chosen() -> None:
    assert clip_windows(*dance(10), Drifting(), hop=2.0).shape == (4, 60, 68)
