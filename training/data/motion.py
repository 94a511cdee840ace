"""All training clips in one tensor, so that the frames of a whole batch are read at once."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Generator, Tensor

from dancetype.engine.media.track import NOT_DANCING
from dancetype.engine.skeleton import JOINTS, LEFT_HIP
from dancetype.training.data.sampling import TrainingClips
from dancetype.training.tensors import heading_angles, rotations, split_pelvis, uniform

_INTERVAL = 1.0  # seconds between two clips on the common time axis
_EPSILON = 1e-6  # prevents rounding errors from skipping a frame


def one_hot_targets(genres: Iterable[str], labels: tuple[str, ...]) -> Tensor:
    """Return target probabilities (N, K + 1) of clips by their genres.

    The first K are those of the genres; the last is that the person does not dance.
    """
    indices = [len(labels) if genre == NOT_DANCING else labels.index(genre) for genre in genres]
    return torch.nn.functional.one_hot(torch.tensor(indices), len(labels) + 1).float()


class MotionStore:
    """Frames of all clips on one time axis.

    Args:
        clips: C clips, and their sampling probabilities.
        labels: Genre codes in the order of the targets.
        device: Device of the tensors.
        face_camera: Whether to rotate motion capture, so that the dancer faces the camera on
            average over each part that is read.

    Attributes:
        seconds: (C,) from the first frame of each clip to the last.
        estimated: Mask (C,) of clips from tracks, which are in camera axes.
        targets: (C, K + 1); see `one_hot_targets`.
    """

    def __init__(
        self,
        clips: TrainingClips,
        *,
        labels: tuple[str, ...],
        device: torch.device,
        face_camera: bool,
    ) -> None:
        lengths = np.array([len(clip.times) for clip in clips.clips])
        seconds = np.array([clip.seconds for clip in clips.clips])
        starts = np.concatenate([[0.0], np.cumsum(seconds + _INTERVAL)[:-1]])
        times = [
            clip.times - clip.times[0] + start
            for clip, start in zip(clips.clips, starts, strict=True)
        ]
        joints = np.concatenate([clip.joints for clip in clips.clips])
        estimated = np.array([clip.estimated for clip in clips.clips])
        last = np.cumsum(lengths) - 1
        self._times = torch.from_numpy(np.concatenate(times)).to(device)
        self._joints = torch.from_numpy(joints).to(device).flatten(start_dim=1)
        self._starts = torch.from_numpy(starts).to(device)
        self._first = torch.from_numpy(last - lengths + 1).to(device)
        self._last = torch.from_numpy(last).to(device)
        self.seconds = torch.from_numpy(seconds).to(device)
        self.estimated = torch.from_numpy(estimated).to(device)
        self._turned = torch.from_numpy(~estimated & face_camera).to(device)
        self.targets = one_hot_targets([clip.genre for clip in clips.clips], labels).to(device)
        # Clips of the same genre and kind are adjacent in this order.
        kinds = self.targets.argmax(dim=1) * 2 + self.estimated
        self._order = kinds.argsort()
        self._cumulative = torch.from_numpy(clips.probabilities).to(device)[self._order].cumsum(0)
        sorted_kinds = kinds[self._order]
        before = torch.cat([self._cumulative.new_zeros(1), self._cumulative])
        self._kind_range = before[
            torch.stack(
                [
                    torch.searchsorted(sorted_kinds, kinds),
                    torch.searchsorted(sorted_kinds, kinds, right=True),
                ]
            )
        ]

    def draw(self, count: int, generator: Generator) -> Tensor:
        """Return random indices (N,) of clips."""
        total = float(self._cumulative[-1])
        return self._at(uniform((count,), 0, total, generator).double())

    def frames(self, clips: Tensor, start: Tensor, exposures: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first frames at or after given times.

        Args:
            clips: Indices (N,) of the clips.
            start: Seconds (N,) from the first frame of each clip.
            exposures: (N, T) seconds from `start`.

        Returns:
            Times (N, T) of the frames in seconds from `start`, and their joints (N, T, 17, 3).
        """
        origin = (self._starts[clips] + start)[:, None]
        index = self._find(clips, origin + exposures)
        times = self._times[index] - origin
        return times - times[:, :1], self._facing(clips, self._read(index))

    def add_partners(
        self, clips: Tensor, times: Tensor, joints: Tensor, weights: Tensor, generator: Generator
    ) -> Tensor:
        """Mix motions with those of partners, which are random clips of the same genre and kind.

        Args:
            clips: Indices (N,) of the clips.
            times: (N, T) seconds from the start of each motion.
            joints: (N, T, 17, 3) metres.
            weights: Weights (N, T, 17) of the partners.
            generator: Source of randomness.
        """
        rows = weights.flatten(start_dim=1).any(dim=1).nonzero()[:, 0]
        if not len(rows):
            return joints
        low, high = self._kind_range[:, clips[rows]]
        share = uniform((2, len(rows)), 0, 1, generator)
        partners = self._at(low + share[0] * (high - low))
        start = share[1] * (self.seconds[partners] - times[rows, -1]).clamp_min(0)
        other = self._interpolate(partners, start[:, None] + times[rows])
        mixed = joints.clone()
        mixed[rows] = _mix_motions(joints[rows], other, weights[rows][..., None])
        return mixed

    def _at(self, cumulative: Tensor) -> Tensor:
        index = torch.searchsorted(self._cumulative, cumulative)
        return self._order[index.clamp_max(len(self._order) - 1)]

    def _find(self, clips: Tensor, times: Tensor) -> Tensor:
        index = torch.searchsorted(self._times, times - _EPSILON)
        return torch.minimum(index, self._last[clips, None])

    def _interpolate(self, clips: Tensor, times: Tensor) -> Tensor:
        """Return joints (N, T, 17, 3) at `times` (N, T) from the first frame of each clip."""
        times = times + self._starts[clips, None]
        index = torch.maximum(self._find(clips, times), self._first[clips, None] + 1)
        before, after = self._times[index - 1], self._times[index]
        share = ((times - before) / (after - before)).clamp(0, 1).float()[..., None, None]
        return self._facing(clips, torch.lerp(self._read(index - 1), self._read(index), share))

    def _read(self, index: Tensor) -> Tensor:
        return self._joints[index].reshape(*index.shape, len(JOINTS), 3)

    def _facing(self, clips: Tensor, joints: Tensor) -> Tensor:
        angles = heading_angles(joints) * self._turned[clips]
        turned = joints.flatten(1, 2) @ rotations("y", angles).mT
        return turned.reshape(joints.shape)


def _mix_motions(joints: Tensor, others: Tensor, weights: Tensor) -> Tensor:
    """Return a mixture of joints (N, T, 17, 3) that moves without a jump; weights (N, T, 17, 1)."""
    (own, own_pelvis), (other, other_pelvis) = split_pelvis(joints), split_pelvis(others)
    # The legs carry the body.
    steps = torch.lerp(
        own_pelvis.diff(dim=1), other_pelvis.diff(dim=1), weights[:, 1:, LEFT_HIP, None]
    )
    pelvis = torch.cat([own_pelvis[:, :1], steps], dim=1).cumsum(dim=1)
    return torch.lerp(own, other, weights) + pelvis
