"""Network that classifies a window by statistics of its whole length.

The LSTM sees when something happens; these statistics say how fast, how far and how high a person
moves in all, which generalises differently to other people.
"""

from itertools import combinations
from typing import Final

import torch
from torch import Tensor, nn

from dancetype.engine.skeleton import JOINTS
from dancetype.engine.window import WindowSpec
from dancetype.training.mirror import MirrorAveraged
from dancetype.training.probabilities import logit_count
from dancetype.training.recipe import NetworkSettings

_BODY: Final = [index for index, name in enumerate(JOINTS) if not name.endswith(("eye", "ear"))]
_PAIRS: Final = tuple(zip(*combinations(_BODY, 2), strict=True))
_STILL: Final = 0.05  # speed below which differences do not matter
_LARGEST: Final = 5.0  # standard deviations
_EPSILON: Final = 1e-6  # keeps the gradient of a square root finite


class StatisticsNetwork(MirrorAveraged):
    """Fully connected layers on the statistics of a window.

    Args:
        settings: Network settings of a recipe, of the kind "statistics".
        window: Shape and features of the windows (N, L, F), with velocities.
        genres: Number of genres, K.
    """

    def __init__(self, settings: NetworkSettings, *, window: WindowSpec, genres: int) -> None:
        super().__init__(window, mirror=settings.mirror)
        self._window = window
        example = window_statistics(torch.zeros(1, window.length, window.features), window)
        width = example.shape[1]
        self.norm = nn.BatchNorm1d(width, affine=False)
        layers: list[nn.Module] = [nn.Dropout(settings.dropout)]
        for _ in range(settings.layers):
            layers += [
                nn.Linear(width, settings.hidden),
                nn.BatchNorm1d(settings.hidden),
                nn.GELU(),
                nn.Dropout(settings.head_dropout),
            ]
            width = settings.hidden
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(width, logit_count(genres, settings.rejection))

    def _logits(self, windows: Tensor) -> Tensor:
        statistics = self.norm(window_statistics(windows, self._window))
        logits: Tensor = self.head(self.layers(statistics.clamp(-_LARGEST, _LARGEST)))
        return logits


def window_statistics(windows: Tensor, spec: WindowSpec) -> Tensor:
    """Return statistics (N, M) of windows (N, L, F): means, deviations, minima and maxima."""
    dimensions = len(spec.axes)
    points = windows.reshape(-1, spec.length, spec.points, spec.channels)
    positions, velocities = points[..., :dimensions], points[..., dimensions:]
    acceleration = velocities[:, 2:] - velocities[:, :-2]
    jerk = velocities[:, 2:] - 2 * velocities[:, 1:-1] + velocities[:, :-2]
    # The ends have no acceleration.
    positions, velocities = positions[:, 1:-1], velocities[:, 1:-1]
    moving = [velocities, acceleration, jerk]
    if spec.trajectory:
        # Velocities of the joints in the image.
        moving.append(velocities[:, :, : len(JOINTS)] + velocities[:, :, len(JOINTS) :])
    first, second = _PAIRS
    speeds = torch.cat([_norm(vectors) for vectors in moving], dim=2)
    series = torch.cat(
        [
            positions.flatten(start_dim=2),
            velocities.abs().flatten(start_dim=2),
            speeds,
            (speeds + _STILL).log(),
            _norm(positions[:, :, first] - positions[:, :, second]),
        ],
        dim=2,
    )
    mean = series.mean(dim=1)
    deviation = ((series - mean[:, None]).square().mean(dim=1) + _EPSILON).sqrt()
    return torch.cat([mean, deviation, series.amin(dim=1), series.amax(dim=1)], dim=1)


def _norm(vectors: Tensor) -> Tensor:
    return (vectors.square().sum(dim=-1) + _EPSILON).sqrt()
