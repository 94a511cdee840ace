from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dancetype.engine.errors import FileError
from dancetype.engine.landmarks import COCO_LANDMARKS, UNKNOWN_SIZE, Landmarks, aspect_of
from dancetype.engine.media import recording as recording_module
from dancetype.engine.media.recording import (
    EncodedBody,
    encode_compact,
    encode_full,
    read_recording,
)
from dancetype.engine.media.track import (
    NOT_DANCING,
    Track,
    read_track,
    read_tracks,
    stack_landmarks,
)
from dancetype.engine.skeleton import JOINTS, pelvis
from tests.engine.recordings import header, make_recording, record_walk
from tests.engine.walkers import Walker

RANDOM = np.random.default_rng(0)
WORLD = RANDOM.normal(0, 0.5, (40, 33, 3)).astype(np.float32)
IMAGE = RANDOM.uniform(0, 1, (40, 33, 3)).astype(np.float32)
VISIBILITY = RANDOM.uniform(0, 1, (40, 33)).astype(np.float32)
TIMES = np.arange(40) / 30
SEQUENCE = "gPO_sFM_cAll_d10_mPO1_ch05"
ENTRIES = {
    "world": WORLD,
    "image": IMAGE,
    "visibility": VISIBILITY,
    "timestamps_ms": np.arange(40) * 33,
    "genre": np.array("PO"),
    "sequence": np.array(SEQUENCE),
}


def write_old_format(folder: Path, **changes: Any) -> Path:
    path = folder / "clip.npz"
    entries = {**ENTRIES, **changes}
    np.savez(path, **{name: value for name, value in entries.items() if value is not None})
    return path


def make_track(
    *, genre: str = "PO", missing: slice = slice(0), times: Any = TIMES, **fields: Any
) -> Track:
    """Return a track without a person in the frames `missing`."""
    world, image, visibility = (part[: len(times)].copy() for part in (WORLD, IMAGE, VISIBILITY))
    for part in (world, image, visibility):
        part[missing] = np.nan
    track = Track("clip", genre, np.asarray(times), world, image, visibility)
    return replace(track, **fields)


def test_track_has_times_in_seconds_and_joints_of_a_pose(tmp_path: Path) -> None:
    read = read_track(write_old_format(tmp_path))
    assert (read.name, read.genre) == ("clip", "PO")
    np.testing.assert_allclose(read.times, np.arange(40) * 0.033)
    aspect = aspect_of(UNKNOWN_SIZE, WORLD, IMAGE)
    pose = Landmarks(WORLD[7], IMAGE[7], VISIBILITY[7], aspect).pose()
    np.testing.assert_array_equal(read.joints[7], pose.joints)


@pytest.mark.parametrize("genre", ["BR", "SALSA", NOT_DANCING])
def test_saved_track_is_read_unchanged(tmp_path: Path, genre: str) -> None:
    saved = make_track(genre=genre, missing=slice(3, 6), dancer="Ann", sequence="s", start=1.5)
    saved.save(tmp_path / "clip.npz")
    read = read_track(tmp_path / "clip.npz")
    assert (read.name, read.genre, read.dancer) == ("clip", genre, "Ann")
    assert (read.sequence, read.start) == ("s", 1.5)
    np.testing.assert_allclose(read.times, saved.times, atol=1e-9)
    np.testing.assert_array_equal(read.world, saved.world)
    np.testing.assert_array_equal(read.image, saved.image)
    np.testing.assert_array_equal(read.visibility, saved.visibility)


@pytest.mark.parametrize("size", [(640, 360), UNKNOWN_SIZE])
def test_saved_track_is_read_at_the_same_place(tmp_path: Path, size: tuple[int, int]) -> None:
    walker = Walker(x=1.5, noise=0.0)
    people = [None if 3 <= frame < 6 else walker.at(frame / 30) for frame in range(40)]
    saved = Track("clip", "PO", TIMES, *stack_landmarks(people), image_size=size)
    saved.save(tmp_path / "clip.npz")
    read = read_track(tmp_path / "clip.npz")
    assert read.image_size == size
    np.testing.assert_allclose(read.joints, saved.joints, atol=1e-5)
    np.testing.assert_allclose(pelvis(read.joints[6:])[:, 0], 1.5, atol=1e-3)


def test_frame_with_an_implausible_place_in_the_image_has_no_person(tmp_path: Path) -> None:
    image = IMAGE.copy()
    image[7, 3] = np.nan
    read = read_track(write_old_format(tmp_path, image=image))
    assert np.flatnonzero(~read.present).tolist() == [7]


def test_frames_less_than_a_millisecond_apart_keep_their_times(tmp_path: Path) -> None:
    make_track(times=np.arange(40) / 4000).save(tmp_path / "clip.npz")
    np.testing.assert_allclose(np.diff(read_track(tmp_path / "clip.npz").times), 1 / 4000)


def test_failed_save_keeps_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "clip.npz"
    make_track(genre="BR").save(path)

    def disk_full(file: Any, **entries: Any) -> None:
        file.write(b"PK")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", disk_full)
    with pytest.raises(OSError, match="disk full"):
        make_track(genre="JB").save(path)
    assert list(tmp_path.iterdir()) == [path]
    assert read_track(path).genre == "BR"


@pytest.mark.parametrize(
    ("entries", "dancer"),
    [
        ({}, "d10"),
        ({"dancer": "Ann"}, "Ann"),
        ({"sequence": None}, ""),
        ({"sequence": ""}, ""),
        ({"sequence": "a clip from elsewhere"}, ""),
        ({"sequence": None, "dancer": "Ann"}, "Ann"),
    ],
)
def test_dancer_is_read_from_file_or_else_from_sequence_name(
    tmp_path: Path, entries: dict[str, Any], dancer: str
) -> None:
    assert read_track(write_old_format(tmp_path, **entries)).dancer == dancer


def test_start_is_nan_if_unknown(tmp_path: Path) -> None:
    assert np.isnan(read_track(write_old_format(tmp_path)).start)
    assert read_track(write_old_format(tmp_path, start_s=2.5)).start == 2.5


def test_frames_without_person_count_as_time_but_not_as_poses() -> None:
    gappy = make_track(missing=slice(10, 20))
    assert gappy.poses == 30
    assert gappy.seconds == pytest.approx(40 / 30)
    assert np.isnan(gappy.joints[10:20]).all()


@pytest.mark.parametrize(
    ("missing", "seconds"),
    [
        (slice(0), 39 / 30),
        # Short enough to be bridged by a window.
        (slice(10, 20), 39 / 30),
        (slice(10, 30), 9 / 30),
        (slice(0, 39), 0.0),
        (slice(0, 40), 0.0),
    ],
)
def test_longest_segment_is_between_gaps_that_split_windows(missing: slice, seconds: float) -> None:
    assert make_track(missing=missing).longest_segment_seconds == pytest.approx(seconds)


def test_stretches_exclude_gaps_and_short_parts() -> None:
    whole = make_track(times=np.arange(40) / 10, missing=slice(12, 30), dancer="Ann", start=5.0)
    first, second = whole.segments()
    assert (first.dancer, first.genre, first.poses, second.poses) == ("Ann", "PO", 12, 10)
    np.testing.assert_array_equal(second.joints, whole.joints[30:])
    np.testing.assert_array_equal(second.times, whole.times[30:])
    assert (first.start, second.start) == (5.0, 8.0)
    assert [part.poses for part in whole.segments(min_seconds=1.0)] == [12]
    assert make_track(missing=slice(0, 40)).segments() == []


def test_single_frame_has_no_duration() -> None:
    assert make_track(times=np.zeros(1)).seconds == 0


def test_frames_without_person_are_stacked_as_nan() -> None:
    person = Landmarks(WORLD[0], IMAGE[0], VISIBILITY[0])
    stacked = stack_landmarks([person, None])
    for stack, expected in zip(stacked, (WORLD, IMAGE, VISIBILITY), strict=True):
        assert stack.dtype == np.float32
        np.testing.assert_array_equal(stack[0], expected[0])
        assert stack[1].shape == expected[1].shape
        assert np.isnan(stack[1]).all()


def test_no_frames_are_stacked_to_empty_arrays() -> None:
    assert [stack.shape for stack in stack_landmarks([])] == [(0, 33, 3), (0, 33, 3), (0, 33)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"world": None}, "world"),
        ({"image": None}, "image"),
        ({"visibility": None}, "visibility"),
        ({"timestamps_ms": None}, "timestamps_ms"),
        ({"genre": None}, "genre"),
        ({"world": WORLD[:, :17]}, "expected"),
        ({"world": WORLD[:-1]}, "expected"),
        ({"image": IMAGE[..., :2]}, "expected"),
        ({"visibility": VISIBILITY[:-1]}, "expected"),
        (
            {
                "world": WORLD[:0],
                "image": IMAGE[:0],
                "visibility": VISIBILITY[:0],
                "timestamps_ms": np.empty(0),
            },
            "expected",
        ),
        ({"timestamps_ms": np.float64(3)}, "expected"),
        ({"timestamps_ms": np.arange(40)[::-1]}, "do not rise"),
        ({"timestamps_ms": np.repeat(np.arange(20), 2)}, "do not rise"),
        ({"timestamps_ms": np.full(40, np.nan)}, "do not rise"),
        ({"timestamps_ms": np.append(np.arange(39.0), np.inf)}, "do not rise"),
        ({"timestamps_ms": np.arange(40) * 1e7}, "more than a day"),
        ({"timestamps_ms": np.arange(40) + 0j}, "expected numbers"),
        ({"genre": ["BR", "PO"]}, "genre is not a string"),
        ({"genre": 7}, "genre is not a string"),
        ({"dancer": ["Ann", "Bea"]}, "dancer is not a string"),
        ({"genre": "tango"}, "genre 'tango' is not one of"),
        ({"genre": ""}, "genre '' is not one of"),
        ({"start_s": "soon"}, "not a recording"),
        ({"world": np.full((40, 33, 3), None)}, "not a recording"),
        ({"world": np.full((40, 33, 3), "far")}, "not a recording"),
    ],
)
def test_invalid_track_is_rejected_with_file_name(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(FileError, match=rf"clip\.npz: .*{reason}"):
        read_track(write_old_format(tmp_path, **changes))


def test_npy_array_is_not_a_track(tmp_path: Path) -> None:
    with (tmp_path / "clip.npz").open("wb") as file:
        np.save(file, WORLD)
    with pytest.raises(FileError, match="not a recording"):
        read_track(tmp_path / "clip.npz")


def test_small_file_that_would_fill_memory_is_rejected_before_unpacking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "clip.npz"
    np.savez_compressed(path, world=np.zeros((40_000, 33, 3), np.float32))
    assert path.stat().st_size < 100_000
    monkeypatch.setattr(recording_module, "_MAX_BYTES", 10_000_000)
    monkeypatch.setattr(np, "load", lambda *arguments, **options: pytest.fail("unpacked"))
    with pytest.raises(FileError, match=r"clip\.npz: .*unpacks to 15[0-9]{6} bytes, more than"):
        read_track(path)


def test_error_names_missing_track(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"missing\.npz"):
        read_track(tmp_path / "missing.npz")


@settings(deadline=None)
@given(offset=st.integers(0, 2000), new=st.binary(min_size=1, max_size=12))
def test_damaged_file_is_read_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, offset: int, new: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    make_track(times=TIMES[:2], dancer="Ann").save(path)
    content = path.read_bytes()
    offset %= len(content)
    path.write_bytes(content[:offset] + new + content[offset + len(new) :])
    try:
        read = read_track(path)
    except FileError:
        return
    assert read.joints.shape == (2, 17, 3)


def test_track_in_older_format_is_read_as_recording(tmp_path: Path) -> None:
    world = WORLD.copy()
    world[3] = np.nan
    recording = read_recording(write_old_format(tmp_path, world=world, start_s=2.5))
    assert (recording.header.source, recording.header.genre) == ("clip", "PO")
    assert (recording.header.sequence, recording.header.sequence_start) == (SEQUENCE, 2.5)
    frames = list(recording.frames())
    assert [time for time, _ in frames] == pytest.approx(np.arange(40) * 0.033)
    assert [len(people) for _, people in frames] == [1, 1, 1, 0, *[1] * 36]
    np.testing.assert_array_equal(frames[7][1][0].world, WORLD[7])
    np.testing.assert_array_equal(frames[7][1][0].image, IMAGE[7])
    np.testing.assert_array_equal(frames[7][1][0].visibility, VISIBILITY[7])


@pytest.mark.parametrize("encode", [encode_compact, encode_full])
def test_track_is_of_the_dancer_in_the_most_frames(
    tmp_path: Path, encode: Callable[[Landmarks], EncodedBody | None]
) -> None:
    left, right = Walker(x=-2), Walker(x=2)
    frames = []
    for index in range(60):
        walkers = (right, left) if index % 2 else (left, right)
        people = [walker.at(index / 10) for walker in walkers]
        frames.append((index / 10, people if index < 20 else people[index % 2 :][:1]))
    recording = make_recording(frames, header(people=2, genre="HO", dancer="Ann"), encode=encode)
    recording.save(tmp_path / "pair.npz")
    read = read_track(tmp_path / "pair.npz")
    assert (read.name, read.genre, read.dancer, read.poses) == ("pair", "HO", "Ann", 60)
    for index in (0, 1, 30, 59):
        expected = left.at(index / 10)
        joints = list(COCO_LANDMARKS)
        np.testing.assert_allclose(read.world[index, joints], expected.world[joints], atol=6e-5)
        np.testing.assert_allclose(
            read.image[index, joints, :2], expected.image[joints, :2], atol=6e-5
        )


def test_recording_without_label_has_no_track(tmp_path: Path) -> None:
    record_walk(header()).save(tmp_path / "stage.npz")
    with pytest.raises(FileError, match=r"stage\.npz: genre '' is not one of.*dancetype record"):
        read_track(tmp_path / "stage.npz")


def test_folder_is_read_in_order_of_names_without_partial_files(tmp_path: Path) -> None:
    for name in ("b", "a"):
        make_track().save(tmp_path / f"{name}.npz")
    (tmp_path / "c.npz.part").write_bytes(b"PK")
    assert [read.name for read in read_tracks(tmp_path)] == ["a", "b"]


def test_folder_without_tracks_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"no \.npz tracks"):
        read_tracks(tmp_path)


def test_real_tracks_are_read_and_show_upright_people(shared: Path) -> None:
    tracks = read_tracks(shared / "data" / "tracks")
    assert len(tracks) == 12
    assert sum(not track.dancer for track in tracks) == 3
    for track in tracks:
        present = np.isfinite(track.joints).all(axis=(1, 2))
        assert present.sum() == track.poses > 0.5 * len(track.times)
        nose, ankle = JOINTS.index("nose"), JOINTS.index("left_ankle")
        height = np.median(track.joints[present, nose, 1] - track.joints[present, ankle, 1])
        # Break dancers stand on their hands.
        assert height > 0.8 or track.genre == "BR"
