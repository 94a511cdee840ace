from typing import Literal

import numpy as np
import pytest
import torch

from dancetype.engine.errors import FileError
from dancetype.engine.genres import CODES
from dancetype.engine.skeleton import pelvis_centred
from dancetype.training.batches import prepare_dataset
from dancetype.training.data.aist import AistSequence, SequenceName
from tests.training.motion import swaying_joints


def dance(genre: str, seconds: float) -> AistSequence:
    name = SequenceName.parse(f"g{genre}_sBM_cAll_d01_m{genre}0_ch01")
    return AistSequence(name, swaying_joints(seconds, speed=1.0))


DANCES = [dance("WA", 10), dance("BR", 15), dance("WA", 12.5)]


@pytest.mark.parametrize("select", ["first", "even"])
@pytest.mark.parametrize(("velocity", "channels"), [(False, 3), (True, 6)])
def test_dataset_has_one_window_per_sequence_in_the_documented_shape(
    select: Literal["first", "even"], velocity: bool, channels: int
) -> None:
    prepared = prepare_dataset(DANCES, frames=300, select=select, velocity=velocity)
    assert set(prepared) == {"data", "labels", "genre_to_index"}
    assert prepared["data"].shape == (3, 300, 17, channels)
    assert prepared["data"].dtype == torch.float32
    assert prepared["labels"].dtype == torch.int64
    index = prepared["genre_to_index"]
    assert prepared["labels"].tolist() == [index["WA"], index["BR"], index["WA"]]
    assert sorted(index.values()) == list(range(len(CODES)))


@pytest.mark.parametrize(
    ("select", "frames"),
    [("first", np.arange(300)), ("even", np.round(np.linspace(0, 900, 300)).astype(int))],
)
def test_first_selects_the_start_and_even_spreads_over_the_whole_sequence(
    select: Literal["first", "even"], frames: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> None:
    data = prepare_dataset([DANCES[1]], frames=300, select=select, velocity=False)["data"][
        0
    ].numpy()
    centred = pelvis_centred(DANCES[1].joints[frames])
    scale = np.median(np.linalg.norm(centred, axis=-1).max(axis=-1))
    np.testing.assert_allclose(data, centred / scale, atol=0.01)


@pytest.mark.parametrize(("select", "seconds"), [("first", 299 / 60), ("even", 15)])
def test_velocities_are_the_change_of_positions_per_second(
    select: Literal["first", "even"], seconds: float
) -> None:
    data = prepare_dataset([DANCES[1]], frames=300, select=select, velocity=True)["data"][0].numpy()
    speeds = np.diff(data[..., :3], axis=0) / (seconds / 299)
    mean_velocities = (data[1:, :, 3:] + data[:-1, :, 3:]) / 2
    np.testing.assert_allclose(mean_velocities[1:-1], speeds[1:-1], atol=0.01)


def test_error_for_sequence_shorter_than_requested_frames_names_it() -> None:
    with pytest.raises(FileError, match=r"ch01: the sequence is 10\.0 s long, but a window needs"):
        prepare_dataset(DANCES, frames=720, select="first", velocity=False)
