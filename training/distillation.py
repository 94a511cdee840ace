"""Teachers: trained networks whose predictions a further network is trained on.

Source: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from dancetype.training.checkpoint import Checkpoint
from dancetype.training.device import ComputeDevice
from dancetype.training.probabilities import split_logits


class TeacherEnsemble:
    """Mean of several networks, in logarithms of the probabilities.

    Args:
        teachers: Networks with the window and the genres of the student.
        compute: Device of the windows, and precision.
    """

    def __init__(self, teachers: Sequence[Checkpoint], compute: ComputeDevice) -> None:
        self._compute = compute
        self._rejections = [teacher.recipe.network.rejection for teacher in teachers]
        self._networks = [teacher.network().to(compute.device) for teacher in teachers]

    @torch.no_grad()
    def __call__(self, windows: Tensor) -> Tensor:
        """Return each genre's probability (N, K) for windows (N, L, F) of people who dance."""
        with self._compute.autocast():
            logits = [network(windows) for network in self._networks]
        logs = [
            torch.log_softmax(split_logits(each.float(), rejection)[0], dim=-1)
            for each, rejection in zip(logits, self._rejections, strict=True)
        ]
        return torch.softmax(torch.stack(logs).mean(dim=0), dim=-1)


def blend_targets(targets: Tensor, predictions: Tensor, weight: float) -> Tensor:
    """Return targets (N, K + 1) in which predictions have a share of each genre's probability.

    Whether a person dances is known, so that no teacher is needed for it.

    Args:
        targets: Target probabilities (N, K + 1).
        predictions: Each genre's probability (N, K) if the person dances.
        weight: Share of the predictions.
    """
    genres, idle = targets[:, :-1], targets[:, -1:]
    return torch.cat([torch.lerp(genres, predictions * (1 - idle), weight), idle], dim=1)
