from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from dancetype.engine.skeleton import JOINTS, Array, mirrored
from dancetype.engine.window import WindowSpec, cut_window
from dancetype.training.model import Bones, GenreLSTM
from dancetype.training.recipe import load_recipe
from tests.training.motion import swaying_joints

SPEC = WindowSpec(4.0, 1.0, 60, trajectory=True)


def walking_joints() -> Array:
    """Return four seconds of a dancer who walks to the side, with the left foot in place."""
    joints = swaying_joints(4.0)
    joints[..., 0] += np.linspace(0, 1, len(joints))[:, None]
    joints[:, JOINTS.index("left_ankle")] = (0.3, -0.8, 0)
    return joints


def window_of(joints: Array, spec: WindowSpec = SPEC) -> Tensor:
    """Return the window (1, L, F) of a motion."""
    times = np.arange(len(joints)) / 60
    features = cut_window(times, joints, spec, end=times[-1]).features
    assert features is not None
    return torch.from_numpy(features)[None]


def test_foot_in_place_has_no_velocity_in_the_image_while_the_pelvis_moves() -> None:
    bones, windows = Bones(SPEC), window_of(walking_joints())

    inputs = bones(windows)

    assert inputs.shape == (1, 60, bones.features)
    assert torch.equal(inputs[..., : SPEC.features], windows)
    relative = windows.reshape(60, SPEC.points, 4)[..., 2:]
    in_image = inputs[0, :, -2 * len(JOINTS) :].reshape(60, len(JOINTS), 2)
    left, right = JOINTS.index("left_ankle"), JOINTS.index("right_ankle")
    assert relative[:, left].abs().max() > 0.2
    assert in_image[:, left].abs().max() < 1e-3
    assert in_image[:, right].abs().max() > 0.2
    torch.testing.assert_close(in_image, relative[:, : len(JOINTS)] + relative[:, -1:])


def test_bones_do_not_depend_on_the_trajectory() -> None:
    without = replace(SPEC, trajectory=False)
    expected = Bones(without)(window_of(walking_joints(), without))[..., without.features :]

    inputs = Bones(SPEC)(window_of(walking_joints()))

    bones = inputs[..., SPEC.features : SPEC.features + without.features]
    torch.testing.assert_close(bones, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("velocity", "trajectory", "features"),
    [(True, True, 72 + 68 + 34), (True, False, 2 * 68), (False, True, 36 + 34)],
)
def test_velocities_in_the_image_need_velocities_and_a_trajectory(
    *, velocity: bool, trajectory: bool, features: int
) -> None:
    spec = replace(SPEC, velocity=velocity, trajectory=trajectory)
    bones = Bones(spec)
    assert bones.features == features
    assert bones(torch.zeros(2, spec.length, spec.features)).shape == (2, spec.length, features)


@pytest.mark.parametrize("velocity", [True, False])
@pytest.mark.parametrize("trajectory", [True, False])
def test_mirror_image_of_a_window_is_the_window_of_the_mirrored_joints(
    *, velocity: bool, trajectory: bool
) -> None:
    spec = replace(SPEC, velocity=velocity, trajectory=trajectory)
    settings = load_recipe("live").network.model_copy(update={"mirror": True})
    network = GenreLSTM(settings, window=spec, genres=3).eval()
    windows = window_of(walking_joints(), spec)
    expected = window_of(mirrored(walking_joints()), spec)

    mirror_image = windows[..., network.mirror_indices] * network.mirror_signs

    torch.testing.assert_close(mirror_image, expected, atol=1e-5, rtol=1e-4)
    with torch.inference_mode():
        torch.testing.assert_close(network(windows), network(expected), atol=1e-4, rtol=1e-4)
