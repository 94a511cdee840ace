"""Tensor functions: random values on a generator's device, rows by index, joints, rotations."""

import torch
from torch import Generator, Tensor

from dancetype.engine.skeleton import LEFT_HIP, RIGHT_HIP
from dancetype.training.geometry import ROTATION_PLANES, Axis

Shape = tuple[int, ...] | torch.Size


def uniform(shape: Shape, low: float, high: float, generator: Generator) -> Tensor:
    """Return values between `low` and `high`."""
    return torch.rand(shape, generator=generator, device=generator.device) * (high - low) + low


def normal(shape: Shape, sd: float, generator: Generator) -> Tensor:
    """Return normally distributed values with mean 0 and standard deviation `sd`."""
    return torch.randn(shape, generator=generator, device=generator.device) * sd


def log_normal(shape: Shape, sd: float, generator: Generator) -> Tensor:
    """Return factors with median 1 whose logarithm has the standard deviation `sd`."""
    return normal(shape, sd, generator).exp()


def take_rows(values: Tensor, index: Tensor) -> Tensor:
    """Return rows (N, S, F) of values (N, T, F) by their index (N, S) in each batch element."""
    count, rows, width = values.shape
    offsets = torch.arange(count, device=index.device)[:, None] * rows
    return values.reshape(-1, width)[index + offsets]


def split_pelvis(joints: Tensor) -> tuple[Tensor, Tensor]:
    """Return joints (..., 17, D) relative to the pelvis, and the pelvis (..., 1, D)."""
    pelvis = (joints[..., LEFT_HIP, :] + joints[..., RIGHT_HIP, :])[..., None, :] / 2
    return joints - pelvis, pelvis


def heading_angles(joints: Tensor) -> Tensor:
    """Return the angles (N,) by which to rotate motions (N, T, 17, 3) about the vertical axis.

    Rotated by these, the dancers face the camera on average, as with `geometry.face_camera`.
    """
    hips = (joints[..., LEFT_HIP, :] - joints[..., RIGHT_HIP, :])[..., [0, 2]]
    x, z = torch.nn.functional.normalize(hips, dim=-1, eps=1e-6).mean(dim=1).unbind(dim=-1)
    return torch.atan2(z, x)


def rotations(axis: Axis, angles: Tensor) -> Tensor:
    """Return the matrices (N, 3, 3) of counterclockwise rotations by angles (N,) in radians."""
    first, second = ROTATION_PLANES[axis]
    matrices = torch.eye(3, device=angles.device).repeat(len(angles), 1, 1)
    matrices[:, first, first] = matrices[:, second, second] = angles.cos()
    matrices[:, second, first] = angles.sin()
    matrices[:, first, second] = -angles.sin()
    return matrices
