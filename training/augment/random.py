"""Random tensors on the device of a generator."""

import torch
from torch import Generator, Tensor

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
