"""Features of many windows at once: the same values as `dancetype.engine.window`, in PyTorch."""

import torch
from torch import Tensor

from dancetype.engine.skeleton import JOINTS
from dancetype.engine.window import WindowSpec, sample_count, smoothing_weights
from dancetype.training.tensors import split_pelvis, take_rows


def window_features(times: Tensor, joints: Tensor, spec: WindowSpec) -> Tensor:
    """Return the features (N, L, F) of windows, resampled and normalised.

    Args:
        times: (N, T) seconds, rising; the window is from the first to the last. Frames may be
            repeated.
        joints: (N, T, 17, 3) in any unit.
        spec: Shape and contents of a window.
    """
    points, pelvis = split_pelvis(joints[..., : len(spec.axes)])
    if spec.trajectory:
        points = torch.cat([points, pelvis], dim=2)
    samples = sample_count(spec.length) if spec.smooth else spec.length
    share = torch.linspace(0, 1, samples, device=times.device, dtype=times.dtype)
    seconds = (times[:, -1] - times[:, 0])[:, None]
    positions = interpolate(times, points, times[:, :1] + share * seconds)
    if spec.smooth:
        weights = torch.from_numpy(smoothing_weights(spec.length)).to(times.device)
        positions = torch.einsum("ls,nsjd->nljd", weights, positions)
    # The median of the steps, as NumPy defines it for an even number.
    extents = positions[:, :, : len(JOINTS)].norm(dim=-1).amax(dim=-1).sort(dim=1).values
    middle = extents[:, [(spec.length - 1) // 2, spec.length // 2]].mean(dim=1)
    if spec.trajectory:
        positions[:, :, -1] -= positions[:, :, -1].mean(dim=1, keepdim=True)
    positions = torch.div(positions, middle.clamp_min(1e-6)[:, None, None, None])
    if not spec.velocity:
        return positions.flatten(start_dim=2)
    (slopes,) = torch.gradient(positions, dim=1)
    velocities = slopes * ((spec.length - 1) / seconds[..., None, None]).to(slopes.dtype)
    return torch.cat([positions, velocities], dim=-1).flatten(start_dim=2)


def interpolate(times: Tensor, values: Tensor, at: Tensor) -> Tensor:
    """Interpolate values (N, T, ...) at rising times (N, T) linearly at other times (N, S)."""
    right = torch.searchsorted(times, at.contiguous()).clamp(1, times.shape[1] - 1)
    before, after = times.gather(1, right - 1), times.gather(1, right)
    share = ((at - before) / (after - before).clamp_min(1e-6)).clamp(0, 1).to(values.dtype)
    flat = values.flatten(start_dim=2)
    resampled = torch.lerp(take_rows(flat, right - 1), take_rows(flat, right), share[..., None])
    return resampled.reshape(*at.shape, *values.shape[2:])
