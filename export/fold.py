"""Fold the bones of a network into its first convolution, for a smaller and faster ONNX file."""

import torch
from torch import Tensor, nn

from dancetype.training.model import Bones, GenreLSTM


def fold_bones(network: nn.Module) -> nn.Module:
    """Fold the bones and the input norm of each LSTM in place, and return the network.

    Bones are a linear function of the window, and so is the norm except for the mean and the
    standard deviation of each step. So a convolution of the window gives the same result as one of
    the bones, with fewer channels.
    """
    for module in list(network.modules()):
        if not isinstance(module, GenreLSTM) or not len(module.stem):
            continue
        bones, norm, convolution = module.bones, module.input_norm, module.stem[0]
        if isinstance(bones, Bones) and isinstance(norm, nn.LayerNorm):
            assert isinstance(convolution, nn.Conv1d)
            kernel = _folded_kernel(bones, norm, convolution)
            convolution.weight, convolution.in_channels = nn.Parameter(kernel), kernel.shape[1]
            module.bones, module.input_norm = _Standardised(bones, norm.eps), nn.Identity()
    return network


class _Standardised(nn.Module):
    """Windows, divided by the standard deviation of each step's features and bones.

    Their mean, divided in the same way, and a one are appended.
    """

    def __init__(self, bones: Bones, epsilon: float) -> None:
        super().__init__()
        self.bones = bones
        self.epsilon = epsilon

    def forward(self, windows: Tensor) -> Tensor:
        """Return (N, L, F + 2) for windows (N, L, F)."""
        features = self.bones(windows)
        mean = features.mean(dim=-1, keepdim=True)
        variance = (features - mean).square().mean(dim=-1, keepdim=True)
        scale = (variance + self.epsilon).rsqrt()
        scaled = torch.cat([windows, mean], dim=-1) * scale
        return nn.functional.pad(scaled, (0, 1), value=1.0)


@torch.no_grad()
def _folded_kernel(bones: Bones, norm: nn.LayerNorm, convolution: nn.Conv1d) -> Tensor:
    """Return the kernel (O, F + 2, K) of the convolution for the output of `_Standardised`."""
    weight = convolution.weight * norm.weight[:, None]
    linear = torch.cat([torch.eye(len(bones.matrix)), bones.matrix.T])
    constant = convolution.weight * norm.bias[:, None]
    return torch.cat(
        [
            torch.einsum("oek,ef->ofk", weight, linear),
            -weight.sum(dim=1, keepdim=True),
            constant.sum(dim=1, keepdim=True),
        ],
        dim=1,
    )
