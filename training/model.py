"""The LSTM that classifies a window."""

import torch
from torch import Tensor, nn

from dancetype.engine.skeleton import MIRRORED
from dancetype.engine.window import WindowSpec
from dancetype.training.recipe import NetworkSettings

_KERNEL = 5  # steps


class MirrorAveraged(nn.Module):
    """A network that after training averages over each window and its mirror image.

    Args:
        window: Form of the windows, (N, L, F).
        mirror: False to use the window alone.
    """

    reflection: Tensor
    sides: Tensor

    def __init__(self, window: WindowSpec, *, mirror: bool) -> None:
        super().__init__()
        self.mirror = mirror
        reflection, sides = _reflection(window)
        self.register_buffer("reflection", reflection, persistent=False)
        self.register_buffer("sides", sides, persistent=False)

    def forward(self, windows: Tensor) -> Tensor:
        """Return logits (N, K) of windows (N, L, F)."""
        if self.training or not self.mirror:
            return self._logits(windows)
        mirrored = windows[..., self.reflection] * self.sides
        both = self._logits(torch.cat([windows, mirrored]))
        # Not `chunk`, which would fix the exported graph to the batch of the example.
        return (both[: windows.shape[0]] + both[windows.shape[0] :]) / 2

    def _logits(self, windows: Tensor) -> Tensor:
        raise NotImplementedError


class GenreLSTM(MirrorAveraged):
    """An LSTM over the steps of a window, pooled over time, with one linear map on top.

    A stem of convolutions before it sees motions of a fraction of a second, and leaves the LSTM
    fewer steps.

    Args:
        settings: Settings of a recipe.
        window: Form of the windows, (N, L, F).
        genres: Number of genres, K.
    """

    def __init__(self, settings: NetworkSettings, *, window: WindowSpec, genres: int) -> None:
        super().__init__(window, mirror=settings.mirror)
        features = window.features
        self.pooling = settings.pooling
        self.input_norm = nn.LayerNorm(features) if settings.input_norm else nn.Identity()
        self.stem = _stem(features, settings)
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
        self.head = nn.Linear(width * (2 if settings.pooling == "mean_max" else 1), genres)

    def _logits(self, windows: Tensor) -> Tensor:
        steps = self.stem(self.input_norm(windows).transpose(1, 2)).transpose(1, 2)
        states, _ = self.lstm(steps)
        logits: Tensor = self.head(self.dropout(self._pooled(states)))
        return logits

    def _pooled(self, states: Tensor) -> Tensor:
        if self.attention is not None:
            weights = torch.softmax(self.attention(states), dim=1)
            return (weights * states).sum(dim=1)
        mean = states.mean(dim=1)
        if self.pooling == "mean":
            return mean
        return torch.cat([mean, states.amax(dim=1)], dim=-1)


def _stem(features: int, settings: NetworkSettings) -> nn.Sequential:
    """Map (N, F, L) to (N, `stem_width`, fewer); without strides, to itself."""
    layers: list[nn.Module] = []
    width = features
    for stride in settings.stem_strides:
        layers += [
            nn.Conv1d(width, settings.stem_width, _KERNEL, stride=stride, padding=_KERNEL // 2),
            nn.BatchNorm1d(settings.stem_width),
            nn.GELU(),
            nn.Dropout(settings.stem_dropout),
        ]
        width = settings.stem_width
    return nn.Sequential(*layers)


def _reflection(window: WindowSpec) -> tuple[Tensor, Tensor]:
    """Return the index (F,) of each feature's mirror image, and its sign (F,)."""
    channels = window.channels
    index = torch.tensor(MIRRORED)[:, None] * channels + torch.arange(channels)
    signs = torch.ones(len(MIRRORED), channels)
    # x comes first in each joint's coordinates, and first in its velocities.
    signs[:, :: len(window.axes)] = -1
    return index.flatten(), signs.flatten()
