"""Teachers: trained networks whose predictions a further network is trained on.

Source: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from dancetype.training.checkpoint import Checkpoint
from dancetype.training.device import ComputeDevice
from dancetype.training.probabilities import log_probabilities


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
        """Return target probabilities (N, K + 1) for windows (N, L, F)."""
        with self._compute.autocast():
            logits = [network(windows) for network in self._networks]
        logs = [
            log_probabilities(each.float(), rejection)
            for each, rejection in zip(logits, self._rejections, strict=True)
        ]
        return torch.softmax(torch.stack(logs).mean(dim=0), dim=-1)
