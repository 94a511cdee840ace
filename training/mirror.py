"""Networks that treat a window and its mirror image alike."""

import torch
from torch import Tensor, nn

from dancetype.engine.skeleton import MIRRORED
from dancetype.engine.window import WindowSpec


class MirrorAveraged(nn.Module):
    """Network that, at inference, averages the logits of each window and its mirror image.

    Args:
        window: Shape and features of the windows (N, L, F).
        mirror: False to use only the window itself.
    """

    mirror_indices: Tensor
    mirror_signs: Tensor

    def __init__(self, window: WindowSpec, *, mirror: bool) -> None:
        super().__init__()
        self.mirror = mirror
        indices, signs = _mirror_features(window)
        self.register_buffer("mirror_indices", indices, persistent=False)
        self.register_buffer("mirror_signs", signs, persistent=False)

    def forward(self, windows: Tensor) -> Tensor:
        """Return logits (N, K) for windows (N, L, F), with a further one for rejection if any."""
        if self.training or not self.mirror:
            return self._logits(windows)
        mirrored = windows[..., self.mirror_indices] * self.mirror_signs
        logits = self._logits(torch.cat([windows, mirrored]))
        # `chunk` would fix the batch size of the exported graph to that of the example input.
        return (logits[: windows.shape[0]] + logits[windows.shape[0] :]) / 2

    def _logits(self, windows: Tensor) -> Tensor:
        raise NotImplementedError


def _mirror_features(window: WindowSpec) -> tuple[Tensor, Tensor]:
    """Return index (F,) and sign (F,) of each feature's counterpart in the mirror image."""
    channels = window.channels
    points = torch.tensor([*MIRRORED, len(MIRRORED)][: window.points])
    indices = points[:, None] * channels + torch.arange(channels)
    signs = torch.ones(len(points), channels)
    # x is the first coordinate of each joint's position and of its velocity.
    signs[:, :: len(window.axes)] = -1
    return indices.flatten(), signs.flatten()
