from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import FileError
from dancetype.engine.landmarks import COCO_LANDMARKS, LANDMARKS, UNKNOWN_SIZE, Landmarks
from dancetype.engine.media.recording import (
    EncodedBody,
    encode_compact,
    encode_full,
    read_recording,
)
from dancetype.engine.pose.opening import open_estimator
from dancetype.engine.recognizer import MultiDancerRecognizer, Prediction
from dancetype.stream.sources.file import FileSource
from tests.engine.recordings import header, make_recording, record_walk
from tests.engine.walkers import Walker

PAIR = (Walker(x=-2), Walker(x=2))


def read_entries(path: Path) -> dict[str, Any]:
    with np.load(path) as arrays:
        return dict(arrays)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Recording of two people, with two messages."""
    path = tmp_path / "stage.npz"
    record_walk(
        header(people=2),
        walkers=PAIR,
        messages=[
            '{"type":"source","state":"running","times":{"sent":1.0}}',
            '{"type":"prediction","status":"genre","genre":"HO","times":{"capture":2.5},"new":[]}',
        ],
    ).save(path)
    return path


def test_saved_recording_is_read_unchanged(path: Path) -> None:
    saved, read = record_walk(header(people=2), walkers=PAIR), read_recording(path)
    np.testing.assert_equal(asdict(read.header), asdict(saved.header))
    for name in ("times", "people", "world", "image", "visibility"):
        np.testing.assert_array_equal(getattr(read, name), getattr(saved, name))
    assert read.seconds == 3.0


def test_full_recording_keeps_all_landmarks_and_label(tmp_path: Path) -> None:
    label: dict[str, Any] = {"genre": "HO", "dancer": "Ann", "sequence": "s"}
    full = record_walk(
        header(people=2, sequence_start=1.5, **label), walkers=PAIR, encode=encode_full
    )
    full.save(tmp_path / "a.npz")
    read = read_recording(tmp_path / "a.npz")
    assert read.header == full.header
    for index, (_, people) in enumerate(read.frames()):
        for walker, person in zip(PAIR, people, strict=True):
            expected = walker.at(index / 10)
            np.testing.assert_array_equal(person.world, expected.world)
            np.testing.assert_array_equal(person.image, expected.image)
            np.testing.assert_array_equal(person.visibility, expected.visibility)


def test_recording_of_version_1_is_read_without_label(path: Path) -> None:
    new, old = read_recording(path), path.with_name("version-1.npz")
    added = ("version", "genre", "dancer", "sequence", "sequence_start")
    entries = {name: entry for name, entry in read_entries(path).items() if name not in added}
    np.savez_compressed(old, take=1, **entries)
    read = read_recording(old)
    np.testing.assert_equal(asdict(read.header), asdict(new.header))
    assert read.header.genre == ""
    assert read.messages == new.messages
    for name in ("times", "people", "world", "image", "visibility"):
        np.testing.assert_array_equal(getattr(read, name), getattr(new, name))


def test_people_are_read_in_order_and_to_a_tenth_of_a_millimetre(path: Path) -> None:
    joints = list(COCO_LANDMARKS)
    frames = list(read_recording(path).frames())
    assert len(frames) == 31
    for index, (_, people) in enumerate(frames):
        for walker, person in zip(PAIR, people, strict=True):
            expected = walker.at(index / 10)
            np.testing.assert_allclose(person.world[joints], expected.world[joints], atol=6e-5)
            np.testing.assert_allclose(
                person.image[joints, :2], expected.image[joints, :2], atol=6e-5
            )
            np.testing.assert_array_equal(person.visibility, 1)


def test_times_of_run_are_exact_to_the_last_bit() -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        times = np.cumsum(rng.uniform(0.001, 0.1, 500)) + rng.uniform(0, 1e5)
        recording = make_recording(
            [(time, []) for time in (times - times[0]).tolist()], header(clock=times[0])
        )
        assert [time for time, _ in recording.frames()] == times.tolist()


@pytest.mark.parametrize("encode", [encode_compact, encode_full])
@pytest.mark.parametrize("size", [(640, 360), UNKNOWN_SIZE])
def test_people_are_read_at_their_place(
    tmp_path: Path,
    size: tuple[int, int],
    encode: Callable[[Landmarks], EncodedBody | None],
) -> None:
    about = replace(header(people=2), image_size=size)
    record_walk(about, walkers=PAIR, encode=encode).save(tmp_path / "a.npz")
    for index, (_, people) in enumerate(read_recording(tmp_path / "a.npz").frames()):
        for walker, person in zip(PAIR, people, strict=True):
            expected = walker.at(index / 10).pose()
            np.testing.assert_allclose(person.pose().joints, expected.joints, atol=5e-3)


def test_landmarks_that_are_not_recorded_are_at_the_nearest_joint(path: Path) -> None:
    (_, (person, _)), *_ = read_recording(path).frames()
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
            np.testing.assert_array_equal(person.world[landmark], person.world[joint])
            np.testing.assert_array_equal(person.image[landmark], person.image[joint])
    assert person.visibility.shape == (LANDMARKS,)


@pytest.mark.parametrize("number", [np.nan, np.inf, -1e30])
@pytest.mark.parametrize("part", ["world", "image", "visibility"])
def test_implausible_landmarks_are_not_recorded(part: str, number: float) -> None:
    person = Walker().at(0)
    wrong = getattr(person, part).copy()
    wrong[20] = number
    assert encode_compact(replace(person, **{part: wrong})) is None


def test_compact_recording_clips_coordinates_out_of_range() -> None:
    person = Walker().at(0)
    distant = Landmarks(person.world * 1000, person.image - 50, person.visibility * 3)
    (_, (clipped,)), *_ = make_recording([(0.0, [distant])], header()).frames()
    assert 3.27 < np.abs(clipped.world).max() < 3.28
    assert clipped.image[:, 0].max() == pytest.approx(-3.2767)
    assert clipped.visibility.max() == 1


def test_unicode_line_separators_do_not_split_message(tmp_path: Path) -> None:
    message = '{"type":"source","reason":"a\u2028b\x85c","times":{"sent":1.0}}'
    record_walk(header(), messages=[message]).save(tmp_path / "a.npz")
    assert read_recording(tmp_path / "a.npz").messages == (message,)


def test_recording_without_people_and_messages_is_valid(tmp_path: Path) -> None:
    make_recording([(0.0, []), (0.1, [])], header()).save(tmp_path / "a.npz")
    assert [people for _, people in read_recording(tmp_path / "a.npz").frames()] == [[], []]


def test_failed_save_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def disk_full(file: Any, **_: Any) -> None:
        file.write(b"PK")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", disk_full)
    with pytest.raises(OSError, match="No space"):
        record_walk(header()).save(tmp_path / "a.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 3}, "it has format version 3; this dancetype reads up to 2"),
        ({"version": 1}, "version is 1, expected 2 to"),
        ({"version": None, "take": 2}, "take is 2, expected 1 to 1"),
        ({"version": None}, "it has neither version nor timestamps_ms"),
        ({"world": None}, "it has no world"),
        ({"times": np.zeros(31)}, "its times do not rise"),
        ({"times": np.arange(31.0)[::-1] - 30}, "its times do not rise"),
        ({"times": np.arange(31.0) + 1}, "do not start at 0"),
        ({"times": np.array([*range(30), np.nan])}, "its times do not rise"),
        ({"times": np.array([*range(15), np.nan, *range(16, 31)])}, "its times do not rise"),
        ({"times": np.arange(31.0) * 1e5}, "more than a day"),
        ({"clock": 9e10, "times": np.arange(31) * 1e-6}, "its times do not rise"),
        ({"clock": np.nan}, "clock is nan"),
        ({"started": -1.0}, "started is -1"),
        ({"times": np.zeros(0), "people": np.zeros(0, np.uint8)}, "expected int16 \\(0, 17, 3\\)"),
        ({"times": np.arange(30.0)}, "people is uint8 \\(31,\\), expected uint8 \\(30,\\)"),
        ({"people": np.full(31, 3, np.uint8)}, "world is int16 .*, expected int16 \\(93, 17, 3\\)"),
        ({"world": np.zeros((62, 17, 3))}, "world is float64"),
        ({"world": np.zeros((62, 33, 3), np.float32)}, "image is int16"),
        ({"genre": None}, "it has no genre"),
        ({"dancer": 3}, "dancer is not a string"),
        ({"sequence_start": 3}, "sequence_start is int64"),
        ({"image": np.zeros((62, 17, 3), np.int16)}, "image is int16"),
        ({"visibility": np.zeros((61, 17), np.uint8)}, "visibility is uint8"),
        ({"people_followed": 200}, "people_followed is 200, expected 1 to 6"),
        ({"hop": 0.0}, "hop is 0, expected 0.02 to 10"),
        ({"source": ""}, "no printable name of 1 to 100 characters"),
        ({"source": "a\nb"}, "no printable name of 1 to 100 characters"),
        ({"source": 3}, "source is not a string"),
        ({"image_size": (0, 360)}, "image_size is \\(0, 360\\)"),
        ({"messages": np.frombuffer(b"\xff", np.uint8)}, "can't decode"),
        ({"messages": np.array([{}], object)}, "Object arrays cannot be loaded"),
    ],
    ids=str,
)
def test_invalid_recording_is_rejected_with_file_and_reason(
    path: Path, changes: dict[str, Any], reason: str
) -> None:
    changed = {k: v for k, v in (read_entries(path) | changes).items() if v is not None}
    np.savez(path, **changed)
    with pytest.raises(FileError, match=f"stage.npz: not a recording: .*{reason}") as caught:
        read_recording(path)
    assert str(caught.value).isprintable()


def test_small_file_that_would_fill_memory_is_rejected(path: Path) -> None:
    np.savez_compressed(path, **read_entries(path) | {"messages": np.zeros(2**29, np.uint8)})
    assert path.stat().st_size < 2**20
    with pytest.raises(FileError, match="it unpacks to"):
        read_recording(path)


@pytest.mark.parametrize(
    ("create", "reason"),
    [
        (lambda path: None, "cannot be read: No such file"),
        (Path.mkdir, "cannot be read: Is a directory"),
        (Path.touch, "not a recording: "),
        (lambda path: path.write_text("dance"), "not a recording: "),
    ],
)
def test_file_that_is_not_a_recording_is_rejected(
    tmp_path: Path, create: Callable[[Path], object], reason: str
) -> None:
    create(tmp_path / "a.npz")
    with pytest.raises(FileError, match=f"a.npz: {reason}"):
        read_recording(tmp_path / "a.npz")


def test_recording_of_real_dance_gives_same_predictions(
    sample_clip: Path, pose_model: Path, tmp_path: Path
) -> None:
    classifier = Classifier()
    frames = []
    with open_estimator(pose_model) as estimator, closing(FileSource(sample_clip)) as source:
        while (frame := source.read()) and frame.time < 3:
            frames.append((frame.time, estimator.people(frame.image, frame.time)))
    make_recording(frames, header(clock=0.0)).save(tmp_path / "a.npz")

    def predict(frames: Any) -> list[Prediction]:
        recognizer = MultiDancerRecognizer(classifier)
        return [prediction for frame in frames if (prediction := recognizer.push(*frame))]

    live, replayed = predict(frames), predict(read_recording(tmp_path / "a.npz").frames())
    assert len(live) == len(replayed) > 10
    assert live[-1].window_seconds > 2
    for expected, prediction in zip(live, replayed, strict=True):
        assert prediction.window_end == expected.window_end
        assert (prediction.status, prediction.genre) == (expected.status, expected.genre)
        np.testing.assert_allclose(
            prediction.estimate.probabilities, expected.estimate.probabilities, atol=1e-3
        )
