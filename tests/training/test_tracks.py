from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.skeleton import JOINTS
from training.tracks import TrackError, read_track, read_tracks

WORLD = np.random.default_rng(0).normal(0, 0.5, (40, 33, 3)).astype(np.float32)
TRACK = {
    "world": WORLD,
    "timestamps_ms": np.arange(40) * 33,
    "genre": np.array("PO"),
    "sequence": np.array("gPO_sFM_cAll_d10_mPO1_ch05"),
}


def write(folder: Path, **changes: Any) -> Path:
    path = folder / "clip.npz"
    entries = {**TRACK, **changes}
    np.savez(path, **{name: value for name, value in entries.items() if value is not None})
    return path


def test_a_track_holds_times_in_seconds_and_joints_as_a_pose_does(tmp_path: Path) -> None:
    track = read_track(write(tmp_path))
    assert (track.name, track.genre, track.dancer) == ("clip", "PO", "d10")
    np.testing.assert_allclose(track.times, np.arange(40) * 0.033)
    left_hip = track.joints[:, JOINTS.index("left_hip")]
    np.testing.assert_allclose(left_hip, WORLD[:, 23] * [1, -1, -1])


@pytest.mark.parametrize("sequence", [None, ""])
def test_of_a_clip_from_elsewhere_nobody_knows_the_dancer(
    tmp_path: Path, sequence: str | None
) -> None:
    assert read_track(write(tmp_path, sequence=sequence)).dancer is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"world": None}, "world"),
        ({"timestamps_ms": None}, "timestamps_ms"),
        ({"genre": None}, "genre"),
        ({"world": WORLD[:, :17]}, "expected"),
        ({"world": WORLD[:-1]}, "expected"),
        ({"world": WORLD[:0], "timestamps_ms": np.empty(0)}, "expected"),
        ({"timestamps_ms": np.float64(3)}, "expected"),
        ({"timestamps_ms": np.arange(40)[::-1]}, "do not rise"),
        ({"timestamps_ms": np.repeat(np.arange(20), 2)}, "do not rise"),
        ({"timestamps_ms": np.full(40, np.nan)}, "do not rise"),
        ({"genre": "tango"}, "'tango' is none of the genres"),
        ({"sequence": "gPO"}, "gPO: not an AIST sequence name"),
        ({"world": np.full((40, 33, 3), None)}, "not a landmark track"),
        ({"world": np.full((40, 33, 3), "far")}, "not a landmark track"),
    ],
)
def test_a_track_that_does_not_hold_together_is_refused_by_its_name(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(TrackError, match=rf"clip\.npz: .*{reason}"):
        read_track(write(tmp_path, **changes))


def test_a_lone_array_is_no_track(tmp_path: Path) -> None:
    with (tmp_path / "clip.npz").open("wb") as file:
        np.save(file, WORLD)
    with pytest.raises(TrackError, match="not a landmark track"):
        read_track(tmp_path / "clip.npz")


@settings(deadline=None)
@given(place=st.integers(0, 2000), new=st.binary(min_size=1, max_size=12))
def test_a_damaged_file_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: int, new: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    np.savez_compressed(path, world=WORLD[:2], timestamps_ms=np.arange(2), genre=np.array("PO"))
    content = path.read_bytes()
    place %= len(content)
    path.write_bytes(content[:place] + new + content[place + len(new) :])
    try:
        track = read_track(path)
    except TrackError:
        return
    assert track.joints.shape == (2, 17, 3)


def test_a_folder_without_tracks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrackError, match=r"no \.npz tracks"):
        read_tracks(tmp_path)


def test_the_real_tracks_are_all_read_and_stand_upright(shared: Path) -> None:
    tracks = read_tracks(shared / "data" / "tracks")
    assert len(tracks) == 12
    assert sum(track.dancer is None for track in tracks) == 3
    for track in tracks:
        seen = np.isfinite(track.joints).all(axis=(1, 2))
        assert seen.mean() > 0.5
        nose, ankle = JOINTS.index("nose"), JOINTS.index("left_ankle")
        height = np.median(track.joints[seen, nose, 1] - track.joints[seen, ankle, 1])
        # Break dancers stand on their hands.
        assert height > 0.8 or track.genre == "BR"
