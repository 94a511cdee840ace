from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import FileError
from dancetype.engine.landmarks import COCO_LANDMARKS, LANDMARKS, Landmarks
from dancetype.engine.media.recording import compact_body, full_body, read_recording
from dancetype.engine.pose.opening import open_estimator
from dancetype.engine.recognizer import MultiDancerRecognizer, Prediction
from dancetype.stream.sources.file import FileSource
from tests.engine.recordings import header, recording_of, walk
from tests.engine.walkers import Walker

PAIR = (Walker(x=-2), Walker(x=2))


def entries(path: Path) -> dict[str, Any]:
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A take of two people, with two messages."""
    path = tmp_path / "stage.npz"
    walk(
        header(people=2),
        walkers=PAIR,
        messages=[
            '{"type":"source","state":"running","times":{"sent":1.0}}',
            '{"type":"prediction","status":"genre","genre":"HO","times":{"capture":2.5},"new":[]}',
        ],
    ).save(path)
    return path


def test_a_take_comes_back_as_it_was_saved(path: Path) -> None:
    take, again = walk(header(people=2), walkers=PAIR), read_recording(path)
    np.testing.assert_equal(asdict(again.header), asdict(take.header))
    for name in ("times", "people", "world", "image", "visibility"):
        np.testing.assert_array_equal(getattr(again, name), getattr(take, name))
    assert again.seconds == 3.0


def test_a_full_recording_keeps_all_landmarks_and_its_label(tmp_path: Path) -> None:
    label: dict[str, Any] = {"genre": "HO", "dancer": "Ann", "sequence": "s"}
    full = walk(header(people=2, sequence_start=1.5, **label), walkers=PAIR, encode=full_body)
    full.save(tmp_path / "a.npz")
    again = read_recording(tmp_path / "a.npz")
    assert again.header == full.header
    for index, (_, people) in enumerate(again.frames()):
        for walker, seen in zip(PAIR, people, strict=True):
            there = walker.at(index / 10)
            np.testing.assert_array_equal(seen.world, there.world)
            np.testing.assert_array_equal(seen.image, there.image)
            np.testing.assert_array_equal(seen.visibility, there.visibility)


def test_a_take_of_version_1_is_read_without_a_label(path: Path) -> None:
    new, old = read_recording(path), path.with_name("take.npz")
    label = ("version", "genre", "dancer", "sequence", "sequence_start")
    take = {name: entry for name, entry in entries(path).items() if name not in label}
    np.savez_compressed(old, take=1, **take)
    again = read_recording(old)
    np.testing.assert_equal(asdict(again.header), asdict(new.header))
    assert again.header.genre == ""
    assert again.messages == new.messages
    for name in ("times", "people", "world", "image", "visibility"):
        np.testing.assert_array_equal(getattr(again, name), getattr(new, name))


def test_everybody_comes_back_in_the_same_order_to_the_tenth_of_a_millimetre(path: Path) -> None:
    joints = list(COCO_LANDMARKS)
    frames = list(read_recording(path).frames())
    assert len(frames) == 31
    for index, (_, people) in enumerate(frames):
        for walker, seen in zip(PAIR, people, strict=True):
            there = walker.at(index / 10)
            np.testing.assert_allclose(seen.world[joints], there.world[joints], atol=6e-5)
            np.testing.assert_allclose(seen.image[joints, :2], there.image[joints, :2], atol=6e-5)
            np.testing.assert_array_equal(seen.visibility, 1)


def test_the_times_of_the_run_come_back_to_the_last_bit() -> None:
    chance = np.random.default_rng(7)
    for _ in range(20):
        times = np.cumsum(chance.uniform(0.001, 0.1, 500)) + chance.uniform(0, 1e5)
        take = recording_of(
            [(time, []) for time in (times - times[0]).tolist()], header(clock=times[0])
        )
        assert [time for time, _ in take.frames()] == times.tolist()


def test_landmarks_that_are_not_kept_lie_where_the_nearest_joint_does(path: Path) -> None:
    (_, (someone, _)), *_ = read_recording(path).frames()
    for landmarks, joint in (
        ((0, 9, 10), 0),
        ((1, 2, 3), 2),
        ((4, 5, 6), 5),
        ((15, 17, 19, 21), 15),
        ((16, 18, 20, 22), 16),
        ((27, 29, 31), 27),
        ((28, 30, 32), 28),
    ):
        for landmark in landmarks:
            np.testing.assert_array_equal(someone.world[landmark], someone.world[joint])
            np.testing.assert_array_equal(someone.image[landmark], someone.image[joint])
    assert someone.visibility.shape == (LANDMARKS,)


@pytest.mark.parametrize("number", [np.nan, np.inf, -1e30])
@pytest.mark.parametrize("part", ["world", "image", "visibility"])
def test_who_can_be_no_body_is_not_kept(part: str, number: float) -> None:
    someone = Walker().at(0)
    wrong = getattr(someone, part).copy()
    wrong[20] = number
    assert compact_body(replace(someone, **{part: wrong})) is None


def test_what_lies_far_outside_is_kept_as_far_as_there_are_numbers() -> None:
    someone = Walker().at(0)
    far = Landmarks(someone.world * 1000, someone.image - 50, someone.visibility * 3)
    take = recording_of([(0.0, [far])], header())
    (_, (seen,)), *_ = take.frames()
    assert 3.27 < np.abs(seen.world).max() < 3.28
    assert seen.image[:, 0].max() == pytest.approx(-3.2767)
    assert seen.visibility.max() == 1


def test_a_line_that_only_looks_like_two_stays_one_message(tmp_path: Path) -> None:
    message = '{"type":"source","reason":"a\u2028b\x85c","times":{"sent":1.0}}'
    walk(header(), messages=[message]).save(tmp_path / "a.npz")
    assert read_recording(tmp_path / "a.npz").messages == (message,)


def test_a_take_in_which_nobody_was_seen_and_nothing_said_is_one(tmp_path: Path) -> None:
    recording_of([(0.0, []), (0.1, [])], header()).save(tmp_path / "a.npz")
    assert [people for _, people in read_recording(tmp_path / "a.npz").frames()] == [[], []]


def test_a_take_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Any, **_: Any) -> None:
        file.write(b"PK")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space"):
        walk(header()).save(tmp_path / "a.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 3}, "it has format version 3; this dancetype reads up to 2"),
        ({"version": 1}, "version is 1 and not 2 to"),
        ({"version": None, "take": 2}, "take is 2 and not 1 to 1"),
        ({"version": None}, "it has neither version nor timestamps_ms"),
        ({"world": None}, "it has no world"),
        ({"times": np.zeros(31)}, "its times do not rise"),
        ({"times": np.arange(31.0)[::-1] - 30}, "its times do not rise"),
        ({"times": np.arange(31.0) + 1}, "do not begin at 0"),
        ({"times": np.array([*range(30), np.nan])}, "its times do not rise"),
        ({"times": np.array([*range(15), np.nan, *range(16, 31)])}, "its times do not rise"),
        ({"times": np.arange(31.0) * 1e5}, "more than a day"),
        ({"clock": 9e10, "times": np.arange(31) * 1e-6}, "its times do not rise"),
        ({"clock": np.nan}, "clock is nan"),
        ({"started": -1.0}, "started is -1"),
        ({"times": np.zeros(0), "people": np.zeros(0, np.uint8)}, "not int16 \\(0, 17, 3\\)"),
        ({"times": np.arange(30.0)}, "people is uint8 \\(31,\\) and not uint8 \\(30,\\)"),
        ({"people": np.full(31, 3, np.uint8)}, "world is int16 .* and not int16 \\(93, 17, 3\\)"),
        ({"world": np.zeros((62, 17, 3))}, "world is float64"),
        ({"world": np.zeros((62, 33, 3), np.float32)}, "image is int16"),
        ({"genre": None}, "it has no genre"),
        ({"dancer": 3}, "dancer is no text"),
        ({"sequence_start": 3}, "sequence_start is int64"),
        ({"image": np.zeros((62, 17, 3), np.int16)}, "image is int16"),
        ({"visibility": np.zeros((61, 17), np.uint8)}, "visibility is uint8"),
        ({"people_followed": 200}, "people_followed is 200 and not 1 to 6"),
        ({"hop": 0.0}, "hop is 0 and not 0.02 to 10"),
        ({"source": ""}, "no name of 1 to 100 characters"),
        ({"source": "a\nb"}, "no name of 1 to 100 characters"),
        ({"source": 3}, "source is no text"),
        ({"image_size": (0, 360)}, "image_size is \\(0, 360\\)"),
        ({"messages": np.frombuffer(b"\xff", np.uint8)}, "can't decode"),
        ({"messages": np.array([{}], object)}, "Object arrays cannot be loaded"),
    ],
    ids=str,
)
def test_what_cannot_be_played_is_refused_with_the_file_and_the_reason(
    path: Path, changes: dict[str, Any], reason: str
) -> None:
    changed = {k: v for k, v in (entries(path) | changes).items() if v is not None}
    np.savez(path, **changed)
    with pytest.raises(FileError, match=f"stage.npz: not a recording: .*{reason}") as caught:
        read_recording(path)
    assert str(caught.value).isprintable()


def test_a_small_file_that_would_fill_the_memory_is_refused(path: Path) -> None:
    np.savez_compressed(path, **entries(path) | {"messages": np.zeros(2**29, np.uint8)})
    assert path.stat().st_size < 2**20
    with pytest.raises(FileError, match="it unpacks to"):
        read_recording(path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "cannot be read: No such file"),
        (Path.mkdir, "cannot be read: Is a directory"),
        (Path.touch, "not a recording: "),
        (lambda path: path.write_text("dance"), "not a recording: "),
    ],
)
def test_what_is_no_such_file_is_refused(
    tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    make(tmp_path / "a.npz")
    with pytest.raises(FileError, match=f"a.npz: {reason}"):
        read_recording(tmp_path / "a.npz")


def test_a_real_dance_gets_the_same_answers_from_its_take(
    sample_clip: Path, pose_model: Path, tmp_path: Path
) -> None:
    classifier = Classifier()
    frames = []
    with open_estimator(pose_model) as estimator, closing(FileSource(sample_clip)) as source:
        while (frame := source.read()) and frame.time < 3:
            frames.append((frame.time, estimator.people(frame.image, frame.time)))
    recording_of(frames, header(clock=0.0)).save(tmp_path / "a.npz")

    def said(frames: Any) -> list[Prediction]:
        recognizer = MultiDancerRecognizer(classifier)
        return [each for frame in frames if (each := recognizer.push(*frame))]

    live, played = said(frames), said(read_recording(tmp_path / "a.npz").frames())
    assert len(live) == len(played) > 10
    assert live[-1].window_seconds > 2
    for one, other in zip(live, played, strict=True):
        assert one.window_end == other.window_end
        mine, yours = one.estimate, other.estimate
        assert (mine.status, mine.genre) == (yours.status, yours.genre)
        np.testing.assert_allclose(mine.probabilities, yours.probabilities, atol=1e-3)
