"""Small tensor functions: random values on a generator's device, rows by index, joints."""

import torch
from torch import Generator, Tensor

from dancetype.engine.skeleton import LEFT_HIP, RIGHT_HIP

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


def pelvis_centred(joints: Tensor) -> Tensor:
    """Return joints (..., 17, D) with the middle of the hips at the origin in each frame."""
    return joints - (joints[..., LEFT_HIP, :] + joints[..., RIGHT_HIP, :])[..., None, :] / 2
