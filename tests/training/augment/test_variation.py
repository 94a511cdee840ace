import numpy as np
import pytest
import torch

from dancetype.engine.skeleton import JOINTS, LEFT_HIP, RIGHT_HIP
from dancetype.training.augment.variation import (
    mix_windows,
    partner_weights,
    vary_motion,
    warp_times,
)
from dancetype.training.recipe import AugmentationSettings

TIMES = torch.arange(0, 4.01, 1 / 30).repeat(200, 1)
UPPER = [index for index, name in enumerate(JOINTS) if not name.endswith(("hip", "knee", "ankle"))]


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def pelvis(joints: torch.Tensor) -> torch.Tensor:
    return joints[..., [LEFT_HIP, RIGHT_HIP], :].mean(dim=-2, keepdim=True)


def motion() -> torch.Tensor:
    """Return motion (200, 121, 17, 3) about a pose, of people whose pelvis stays at the origin."""
    pose = torch.randn(1, 1, 17, 3, generator=generator())
    joints = pose + 0.1 * torch.sin(3 * TIMES[..., None, None] + 5 * pose)
    return joints - pelvis(joints)


def test_warped_time_runs_forwards_and_keeps_its_length() -> None:
    warped = warp_times(TIMES, 0.3, generator())
    assert torch.allclose(warped[:, [0, -1]], TIMES[:, [0, -1]], atol=1e-5)
    assert (warped.diff(dim=1) > 0).all()
    assert (warped - TIMES).abs().max() > 0.1


def test_tempo_varies_by_the_requested_amount() -> None:
    tempo = warp_times(TIMES, 0.15, generator()).diff(dim=1) * 30
    assert tempo.std().item() == pytest.approx(0.15, abs=0.03)
    assert warp_times(TIMES, 0.0, generator()) is TIMES


def test_motion_is_scaled_about_its_mean_pose() -> None:
    joints = motion()
    varied = vary_motion(joints, AugmentationSettings(motion=0.2), generator())
    assert torch.allclose(varied.mean(dim=1), joints.mean(dim=1), atol=1e-5)
    scale = varied.std(dim=1) / joints.std(dim=1)
    # All joints of a window have the same factor.
    assert (scale.flatten(1).std(dim=1) < 1e-3).all()
    assert scale.log().std().item() == pytest.approx(0.2, abs=0.03)


def test_posture_is_shifted_and_motion_is_kept() -> None:
    joints = motion()
    varied = vary_motion(joints, AugmentationSettings(posture=0.02), generator())
    assert torch.allclose(varied.std(dim=1), joints.std(dim=1), atol=1e-5)
    shift = (varied - joints).mean(dim=1)
    assert 0.015 < shift[:, UPPER].std() < 0.03
    assert pelvis(varied).abs().max() < 1e-5


def test_person_who_stands_stays_in_place() -> None:
    settings = AugmentationSettings(motion=0.2, motion_joint=0.1, posture=0.02)
    varied = vary_motion(motion() + torch.tensor([1.0, 0.9, -2.0]), settings, generator())
    assert pelvis(varied).diff(dim=1).abs().max() < 1e-5


def test_path_of_the_pelvis_is_scaled_as_the_motion() -> None:
    path = torch.sin(TIMES)[..., None, None] * torch.tensor([1.0, 0.1, 0.5])
    joints = motion() + path
    varied = vary_motion(joints, AugmentationSettings(motion=0.2), generator())
    scale = pelvis(varied).std(dim=1) / pelvis(joints).std(dim=1)
    of_joints = (varied - pelvis(varied)).std(dim=1) / (joints - pelvis(joints)).std(dim=1)
    assert torch.allclose(scale.expand(-1, 17, 3), of_joints, rtol=1e-3)


def test_part_swap_takes_the_upper_body_of_the_partner_for_the_whole_window() -> None:
    weights = partner_weights(TIMES, AugmentationSettings(part_swap=0.4), generator())
    swapped = weights.amax(dim=(1, 2)) > 0
    assert 0.3 < swapped.float().mean() < 0.5
    for joint in range(17):
        expected = swapped.float() if joint in UPPER else torch.zeros(200)
        assert torch.equal(weights[..., joint], expected[:, None].expand_as(TIMES))


def test_splice_fades_from_the_window_to_the_partner() -> None:
    weights = partner_weights(TIMES, AugmentationSettings(splice=1.0), generator())
    assert (weights[:, 0] < 1e-3).all()
    assert (weights[:, -1] > 1 - 1e-3).all()
    assert (weights.diff(dim=1) >= 0).all()
    assert torch.equal(weights[..., 0], weights[..., 16])


def test_mixtures_keep_the_sum_of_the_targets_and_mostly_the_window() -> None:
    windows, targets = torch.eye(50)[:, None], torch.eye(50)
    settings = AugmentationSettings(mixup=0.4, mixup_share=0.5)
    mixed, mixed_targets = mix_windows(windows, targets, settings, np.random.default_rng(0))
    assert torch.allclose(mixed_targets.sum(dim=1), torch.ones(50))
    assert (mixed_targets.diagonal() >= 0.5).all()
    assert torch.equal(mixed[:, 0], mixed_targets)
    assert 5 < (mixed_targets.diagonal() < 1).sum() < 30


def test_without_mixup_the_batch_is_unchanged() -> None:
    windows, targets = torch.randn(4, 2, 3), torch.eye(4)
    unchanged = mix_windows(windows, targets, AugmentationSettings(), np.random.default_rng(0))
    assert unchanged == (windows, targets)
