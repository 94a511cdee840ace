"""LSTM that classifies a window."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from dancetype.engine.skeleton import JOINTS
from dancetype.engine.window import WindowSpec
from dancetype.training.bones import bone_matrix
from dancetype.training.mirror import MirrorAveraged
from dancetype.training.probabilities import logit_count
from dancetype.training.recipe import NetworkSettings
from dancetype.training.statistics import StatisticsNetwork

_BONE_SCALE = 2.0
"""Factor of the bones, which are about half as long as the joints' distances from the pelvis."""

_KERNEL_SIZE = 5  # steps


def create_network(settings: NetworkSettings, *, window: WindowSpec, genres: int) -> nn.Module:
    """Return a new network for windows (N, L, F) and K genres."""
    kind = GenreLSTM if settings.kind == "lstm" else StatisticsNetwork
    return kind(settings, window=window, genres=genres)


class GenreLSTM(MirrorAveraged):
    """LSTM over the steps of a window, followed by pooling over time and a linear layer.

    An optional stem of convolutions picks up motion within a fraction of a second, and shortens
    the input of the LSTM.

    Args:
        settings: Network settings of a recipe.
        window: Shape and features of the windows (N, L, F).
        genres: Number of genres, K.
    """

    def __init__(self, settings: NetworkSettings, *, window: WindowSpec, genres: int) -> None:
        super().__init__(window, mirror=settings.mirror)
        self.bones: nn.Module = Bones(window) if settings.bones else nn.Identity()
        features = self.bones.features if isinstance(self.bones, Bones) else window.features
        self.pooling = settings.pooling
        self.input_norm = nn.LayerNorm(features) if settings.input_norm else nn.Identity()
        self.stem = _create_stem(features, settings)
        self.lstm = nn.LSTM(
            settings.stem_width if settings.stem_strides else features,
            settings.hidden,
            settings.layers,
            batch_first=True,
            dropout=settings.dropout if settings.layers > 1 else 0.0,
            bidirectional=settings.bidirectional,
        )
        width = settings.hidden * (2 if settings.bidirectional else 1)
        self.attention = nn.Linear(width, 1) if settings.pooling == "attention" else None
        self.dropout = nn.Dropout(settings.head_dropout)
        outputs = logit_count(genres, settings.rejection)
        self.head = nn.Linear(width * (2 if settings.pooling == "mean_max" else 1), outputs)

    def _logits(self, windows: Tensor) -> Tensor:
        inputs = self.input_norm(self.bones(windows))
        steps = self.stem(inputs.transpose(1, 2)).transpose(1, 2)
        states, _ = self.lstm(steps)
        logits: Tensor = self.head(self.dropout(self._pool(states)))
        return logits

    def _pool(self, states: Tensor) -> Tensor:
        if self.attention is not None:
            weights = torch.softmax(self.attention(states), dim=1)
            return (weights * states).sum(dim=1)
        mean = states.mean(dim=1)
        if self.pooling == "mean":
            return mean
        return torch.cat([mean, states.amax(dim=1)], dim=-1)


class Bones(nn.Module):
    """Appends the bones to the joints of windows, and the joints' velocities in the image.

    A limb's bones, unlike its joints, do not move with the rest of the body. The velocities in the
    image, which need a trajectory, are near zero for a foot on the floor.

    Attributes:
        features: Number of values per step of the result, E.

    Args:
        window: Features of the windows (N, L, F).
    """

    matrix: Tensor

    def __init__(self, window: WindowSpec) -> None:
        super().__init__()
        # One matrix for positions and velocities.
        matrix = torch.kron(_BONE_SCALE * bone_matrix(), torch.eye(window.channels))
        # The pelvis is part of no bone.
        matrix = nn.functional.pad(matrix, (0, window.features - matrix.shape[1]))
        if window.trajectory and window.velocity:
            joints = len(JOINTS)
            plus_pelvis = torch.cat([torch.eye(joints), torch.ones(joints, 1)], dim=1)
            velocities = torch.eye(window.channels)[len(window.axes) :]
            matrix = torch.cat([matrix, torch.kron(plus_pelvis, velocities)])
        self.features = window.features + len(matrix)
        self.register_buffer("matrix", matrix.T.contiguous(), persistent=False)

    def forward(self, windows: Tensor) -> Tensor:
        """Return (N, L, E) for windows (N, L, F)."""
        return torch.cat([windows, windows @ self.matrix], dim=-1)


class MeanNetwork(nn.Module):
    """Mean of the logits of several networks with the same windows and outputs.

    Args:
        networks: The networks.
    """

    def __init__(self, networks: Iterable[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, windows: Tensor) -> Tensor:
        """Return the mean logits for windows (N, L, F)."""
        return torch.stack([network(windows) for network in self.networks]).mean(dim=0)


def _create_stem(features: int, settings: NetworkSettings) -> nn.Sequential:
    """Return the stem, which maps (N, F, L) to (N, `stem_width`, L / strides).

    Without strides it is the identity.
    """
    layers: list[nn.Module] = []
    width = features
    padding = _KERNEL_SIZE // 2
    for stride in settings.stem_strides:
        layers += [
            nn.Conv1d(width, settings.stem_width, _KERNEL_SIZE, stride=stride, padding=padding),
            nn.BatchNorm1d(settings.stem_width),
            nn.GELU(),
            nn.Dropout(settings.stem_dropout),
        ]
        width = settings.stem_width
    return nn.Sequential(*layers)
