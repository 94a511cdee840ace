import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dancetype.engine.errors import FileError
from dancetype.engine.skeleton import Array
from dancetype.training.data.aist import (
    AistSequence,
    SequenceName,
    read_sequence,
    read_sequences,
    repair_jumps,
    sequence_names,
)

NAME = "gBR_sBM_cAll_d04_mBR0_ch02"
OTHER_NAME = "gPO_sFM_cAll_d10_mPO1_ch05"


def dance(frames: int = 600) -> Array:
    """Return joints (T, 17, 3) in metres that oscillate at 1 Hz by 30 cm."""
    rest_pose = np.random.default_rng(5).uniform(-0.8, 0.8, (17, 3))
    swing = 0.3 * np.sin(2 * np.pi * np.arange(frames)[:, None, None] / 60 + 9 * rest_pose)
    return (rest_pose + swing).astype(np.float32)


def write(data: Path, name: str, content: dict[str, Any]) -> Path:
    path = data / "keypoints3d" / f"{name}.pkl"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=4))
    return path


def test_sequence_name_is_parsed_into_its_parts() -> None:
    name = SequenceName.parse(NAME)
    assert (name.genre, name.situation) == ("BR", "BM")
    assert (name.dancer, name.music, name.choreography) == ("d04", "mBR0", "ch02")
    assert name.text == NAME


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gBR",
        "gXX_sBM_cAll_d04_mBR0_ch02",
        "gBR_sXX_cAll_d04_mBR0_ch02",
        "gBR_sBM_cAll_d04_mBR0",
        "gBR_sBM_cAll_d04_mBR0_ch02.pkl",
        " gBR_sBM_cAll_d04_mBR0_ch02",
        "gBR_sBM_cAll_d04_mBR0_ch02\n",
        "gBR_sBM_cAll_d\u0664_mBR0_ch02",
    ],
)
def test_invalid_sequence_name_is_rejected(text: str) -> None:
    with pytest.raises(FileError, match="not an AIST sequence name"):
        SequenceName.parse(text)


def test_times_of_a_sequence_follow_from_its_frame_rate() -> None:
    sequence = AistSequence(SequenceName.parse(NAME), dance(121))
    assert sequence.seconds == pytest.approx(2)
    assert sequence.times[[0, 60, 120]].tolist() == pytest.approx([0, 1, 2])


def test_motion_without_jumps_is_not_changed() -> None:
    repaired, count = repair_jumps(dance())
    assert count == 0
    np.testing.assert_array_equal(repaired, dance())


@pytest.mark.parametrize("frames", [1, 3, 8])
@pytest.mark.parametrize("start", [0, 200, 592])
@pytest.mark.parametrize("metres", [3.0, 100.0, 1e12])
def test_spike_of_one_joint_is_repaired(start: int, frames: int, metres: float) -> None:
    joints = dance()
    joints[start : start + frames, 9, 1] += np.float32(metres)
    repaired, count = repair_jumps(joints)
    assert frames <= count <= 3 * frames + 4
    assert np.linalg.norm(np.diff(repaired, axis=0), axis=-1).max() < 0.25
    assert np.abs(repaired - dance()).max() < 0.3
    other_joints = np.arange(17) != 9
    np.testing.assert_array_equal(repaired[:, other_joints], dance()[:, other_joints])


@pytest.mark.parametrize("frames", [1, 8, 40])
@pytest.mark.parametrize("start", [0, 200, 560])
def test_smaller_jump_is_smoothed(start: int, frames: int) -> None:
    joints = dance()
    joints[start : start + frames, 9, 1] += np.float32(0.6)
    repaired, count = repair_jumps(joints)
    assert count > 0
    assert np.linalg.norm(np.diff(repaired, axis=0), axis=-1).max() < 0.25


def test_short_jump_of_the_whole_body_is_repaired() -> None:
    joints = dance()
    joints[300:306] += 100
    repaired, count = repair_jumps(joints)
    assert count >= 6 * 17
    assert np.abs(repaired - dance()).max() < 0.3


def test_long_jump_is_rejected() -> None:
    joints = dance()
    joints[300:450] += 100
    with pytest.raises(FileError, match=r"jump by more than 0\.25 m"):
        repair_jumps(joints)


def test_too_many_spikes_are_rejected() -> None:
    joints = dance()
    joints[::4] += 100
    with pytest.raises(FileError, match="joints jump"):
        repair_jumps(joints)


def test_centimetres_of_a_pickle_become_metres(tmp_path: Path) -> None:
    path = write(tmp_path, NAME, {"keypoints3d_optim": dance() * 100})
    sequence = read_sequence(path)
    assert sequence.name == SequenceName.parse(NAME)
    assert sequence.joints.dtype == np.float32
    np.testing.assert_allclose(sequence.joints, dance(), atol=1e-5)


def test_optimised_keypoints_are_preferred(tmp_path: Path) -> None:
    raw = dance() + np.float32(0.5)
    both = write(tmp_path, NAME, {"keypoints3d": raw * 100, "keypoints3d_optim": dance() * 100})
    raw_only = write(tmp_path, OTHER_NAME, {"keypoints3d": raw * 100})
    np.testing.assert_allclose(read_sequence(both).joints, dance(), atol=1e-5)
    np.testing.assert_allclose(read_sequence(raw_only).joints, raw, atol=1e-5)


@pytest.mark.parametrize("frames", [1, 6, 15])
def test_short_gap_of_nan_is_interpolated(tmp_path: Path, frames: int) -> None:
    joints = dance()
    joints[300 : 300 + frames] = np.nan
    sequence = read_sequence(write(tmp_path, NAME, {"keypoints3d_optim": joints * 100}))
    assert np.isfinite(sequence.joints).all()
    assert np.abs(sequence.joints - dance()).max() < 0.3


@pytest.mark.parametrize("frames", [45, 200, 600])
def test_long_gap_is_rejected(tmp_path: Path, frames: int) -> None:
    joints = dance(2400)
    joints[300 : 300 + frames] = np.inf
    path = write(tmp_path, NAME, {"keypoints3d_optim": joints * 100})
    with pytest.raises(FileError, match=f"{NAME}.*not finite"):
        read_sequence(path)


@pytest.mark.parametrize("shape", [(600, 16, 3), (600, 17, 2), (600, 51), (1, 17, 3), (0, 17, 3)])
def test_wrong_shape_is_rejected(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = write(tmp_path, NAME, {"keypoints3d_optim": np.zeros(shape, np.float32)})
    with pytest.raises(FileError, match=rf"{NAME}\.pkl: shape .* expected \(T, 17, 3\)"):
        read_sequence(path)


def test_pickle_without_keypoints_is_rejected(tmp_path: Path) -> None:
    path = write(tmp_path, NAME, {"smpl_poses": dance()})
    with pytest.raises(FileError, match="neither keypoints3d_optim nor keypoints3d"):
        read_sequence(path)


class Exploit:
    """Object whose unpickling creates a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self._folder),)


def test_broken_sequences_are_dropped_and_named(tmp_path: Path) -> None:
    jumping = dance()
    jumping[300:450] += 100
    broken: dict[str, dict[str, Any]] = {
        "gBR_sBM_cAll_d04_mBR0_ch01": {"keypoints3d_optim": Exploit(tmp_path / "exploited")},
        "gBR_sBM_cAll_d04_mBR0_ch03": {"keypoints3d_optim": jumping * 100},
        "gBR_sBM_cAll_d04_mBR0_ch04": {"keypoints3d_optim": dance()[:, :5]},
        "gBR_sBM_cAll_d04_mBR0_ch05": {"keypoints3d_optim": dance() * np.nan},
        "gBR_sBM_cAll_d04_mBR0_ch06": {"keypoints3d_optim": "cut short"},
        "gBR_sBM_cAll_d04_mBR0_ch07": {"keypoints3d_optim": dance()},
        "not_a_sequence": {"keypoints3d_optim": dance()},
    }
    for name, content in broken.items():
        write(tmp_path, name, content)
    truncated = tmp_path / "keypoints3d" / "gBR_sBM_cAll_d04_mBR0_ch07.pkl"
    truncated.write_bytes(truncated.read_bytes()[:1000])
    for name in (NAME, OTHER_NAME):
        write(tmp_path, name, {"keypoints3d_optim": dance() * 100})
    lines: list[str] = []
    names = sorted([*broken, NAME, OTHER_NAME, "gBR_sBM_cAll_d04_mBR0_ch99"])
    sequences = read_sequences(tmp_path, names, on_drop=lines.append)
    assert [sequence.name.text for sequence in sequences] == [NAME, OTHER_NAME]
    assert len(lines) == len(broken) + 1
    for name in [*broken, "gBR_sBM_cAll_d04_mBR0_ch99"]:
        assert sum(name in line and line.startswith("dropped") for line in lines) == 1
    assert not (tmp_path / "exploited").exists()


def test_error_if_no_sequence_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="none of the requested sequences"):
        read_sequences(tmp_path, [NAME], on_drop=lambda line: None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_sequences_in_the_ignore_list_are_excluded(tmp_path: Path, encoding: str) -> None:
    for name in (NAME, OTHER_NAME):
        write(tmp_path, name, {})
    assert sequence_names(tmp_path) == [NAME, OTHER_NAME]
    (tmp_path / "ignore_list.txt").write_text(f"{NAME}\r\n\n  something_else\n", encoding=encoding)
    assert sequence_names(tmp_path) == [OTHER_NAME]


@pytest.mark.parametrize(
    "create", [lambda path: path.mkdir(), lambda path: path.write_bytes(b"\xff")]
)
def test_ignore_list_that_is_not_a_text_file_is_rejected(
    tmp_path: Path, create: Callable[[Path], object]
) -> None:
    write(tmp_path, NAME, {})
    create(tmp_path / "ignore_list.txt")
    with pytest.raises(FileError, match=r"ignore_list\.txt: not a list of sequences"):
        sequence_names(tmp_path)


def test_folder_without_pickles_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"no keypoints3d/\*\.pkl"):
        sequence_names(tmp_path)


def test_all_real_sequences_are_read_without_jumps(
    aist: Path, sequences: list[AistSequence]
) -> None:
    assert [sequence.name.text for sequence in sequences] == sequence_names(aist)
    assert len({sequence.name.genre for sequence in sequences}) == 10
    for sequence in sequences:
        steps = np.linalg.norm(np.diff(sequence.joints, axis=0), axis=-1)
        assert steps.max() <= 0.25
        assert 0.5 < np.ptp(sequence.joints[..., 1]) < 4
