"""A small ST-GCN++, a graph network for comparison with the LSTM.

Source: Duan et al., "PYSKL: Towards Good Practices for Skeleton Action Recognition", ACM MM 2022.
Source of the partitions: Yan et al., "Spatial Temporal Graph Convolutional Networks", AAAI 2018.
"""

from itertools import pairwise
from typing import Annotated, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from dancetype.engine.contract import Contract
from dancetype.engine.skeleton import JOINTS, Array
from dancetype.engine.window import WindowSpec
from dancetype.training.batches import RandomWindows
from dancetype.training.data.aist import AistSequence
from dancetype.training.mirror import MirrorAveraged
from dancetype.training.probabilities import cross_entropy, smooth_targets
from dancetype.training.recipe import Count, Recipe, Share

BONES: Final[tuple[tuple[str, str], ...]] = (
    ("left_ankle", "left_knee"),
    ("right_ankle", "right_knee"),
    ("left_knee", "left_hip"),
    ("right_knee", "right_hip"),
    ("left_hip", "left_shoulder"),
    ("right_hip", "right_shoulder"),
    ("left_wrist", "left_elbow"),
    ("right_wrist", "right_elbow"),
    ("left_elbow", "left_shoulder"),
    ("right_elbow", "right_shoulder"),
    ("left_shoulder", "nose"),
    ("right_shoulder", "nose"),
    ("left_eye", "nose"),
    ("right_eye", "nose"),
    ("left_ear", "left_eye"),
    ("right_ear", "right_eye"),
)
"""Edges of the graph: each joint and its neighbour towards the nose, which is the centre."""

_PARTITIONS: Final = 3
_DILATIONS: Final = (1, 2, 3, 4)


class STGCNSettings(BaseModel):
    """Settings of a `GenreSTGCN`.

    Attributes:
        width: Channels of the first block, at least one for each of its six temporal branches.
            Every second block doubles the channels.
        blocks: Number of blocks.
        dropout: Dropout before the last linear layer.
        mirror: Whether the trained network averages over each window and its mirror image.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: Annotated[int, Field(ge=len(_DILATIONS) + 2)] = 24
    blocks: Count = 5
    dropout: Share = 0.3
    mirror: bool = True


class GenreSTGCN(MirrorAveraged):
    """Alternating graph and temporal convolutions, then global average pooling and a linear layer.

    Unlike in the paper, two steps of a window are merged into one with twice the channels, which
    halves the computing time. If the number of steps is odd, the first one is dropped. A trajectory
    is not used, since the pelvis is no node of the graph.

    Args:
        settings: Settings of the network.
        window: Specification of the windows (N, L, F).
        genres: Number of genres (K).
    """

    def __init__(self, settings: STGCNSettings, *, window: WindowSpec, genres: int) -> None:
        super().__init__(window, mirror=settings.mirror)
        self.channels = window.channels
        self.input_norm = nn.BatchNorm1d(len(JOINTS) * window.channels)
        widths = [settings.width * 2 ** (block // 2) for block in range(settings.blocks)]
        self.blocks = nn.Sequential(
            *(
                _Block(before, after, stride=2 if block and block % 2 == 0 else 1)
                for block, (before, after) in enumerate(pairwise([2 * window.channels, *widths]))
            )
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(widths[-1], genres)

    def _logits(self, windows: Tensor) -> Tensor:
        joint_features = windows[..., : self.input_norm.num_features]
        normed = self.input_norm(joint_features.transpose(1, 2))
        # (N, 17 C, L) to (N, 2 C, 17, L / 2).
        pairs = normed[..., normed.shape[-1] % 2 :].unflatten(2, (-1, 2))
        joints = pairs.unflatten(1, (len(JOINTS), self.channels)).permute(0, 2, 4, 1, 3)
        features = self.blocks(joints.flatten(1, 2))
        logits: Tensor = self.head(self.dropout(features.mean(dim=(2, 3))))
        return logits


class _Block(nn.Module):
    """Block from (N, C, 17, T) to (N, C', 17, T / stride), with a residual connection."""

    def __init__(self, before: int, after: int, *, stride: int) -> None:
        super().__init__()
        self.spatial = _GraphConvolution(before, after)
        self.temporal = _TemporalConvolution(after, stride=stride)
        self.residual = _residual(before, after, stride=stride)

    def forward(self, joints: Tensor) -> Tensor:
        return torch.relu(self.temporal(self.spatial(joints)) + self.residual(joints))


class _GraphConvolution(nn.Module):
    """Convolution over each joint and its neighbours, with a learned adjacency."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.adjacency = nn.Parameter(adjacency())
        self.mix = nn.Conv2d(_PARTITIONS * before, after, 1, bias=False)
        self.norm = nn.BatchNorm2d(after)
        self.residual = _residual(before, after, stride=1)

    def forward(self, joints: Tensor) -> Tensor:
        # A convolution with joints as channels is three times as fast as a matrix product on a CPU.
        gathered = torch.conv1d(joints.flatten(0, 1), self.adjacency.flatten(0, 1)[..., None])
        # From (N C, 3 17, T) to (N, C 3, 17, T): the three partitions of a channel are adjacent.
        channels = _PARTITIONS * joints.shape[1]
        partitions = gathered.reshape(-1, channels, len(JOINTS), joints.shape[-1])
        mixed = self.norm(self.mix(partitions))
        return torch.relu(mixed + self.residual(joints))


class _TemporalConvolution(nn.Module):
    """Six temporal branches: four dilated convolutions, max pooling over three steps, and identity.

    Unlike in the paper's code, all branches share one 1x1 convolution.
    """

    def __init__(self, width: int, *, stride: int) -> None:
        super().__init__()
        branches = len(_DILATIONS) + 2
        self.stride = stride
        self.widths = [width - (branches - 1) * (width // branches)]
        self.widths += [width // branches] * (branches - 1)
        self.input = nn.Sequential(
            nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.dilated = nn.ModuleList(
            nn.Conv2d(c, c, (1, 3), stride=(1, stride), padding=(0, d), dilation=(1, d))
            for c, d in zip(self.widths, _DILATIONS, strict=False)
        )
        self.pool = nn.MaxPool2d((1, 3), stride=(1, stride), padding=(0, 1))
        self.output = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )

    def forward(self, joints: Tensor) -> Tensor:
        *parts, pooled, identity = self.input(joints).split(self.widths, dim=1)
        branches = [dilated(part) for dilated, part in zip(self.dilated, parts, strict=True)]
        branches += [self.pool(pooled), identity[..., :: self.stride]]
        result: Tensor = self.output(torch.cat(branches, dim=1))
        return result


def _residual(before: int, after: int, *, stride: int) -> nn.Module:
    if before == after and stride == 1:
        return nn.Identity()
    return nn.Sequential(
        nn.Conv2d(before, after, 1, stride=(1, stride), bias=False), nn.BatchNorm2d(after)
    )


def adjacency() -> Tensor:
    """Return the initial adjacency matrices (3, 17, 17), whose rows sum to 1 or 0.

    The three partitions are the joint itself, its neighbours towards the centre and those away from
    it. An entry is the weight of a joint (column) in the output of another (row).
    """
    inward = torch.zeros(len(JOINTS), len(JOINTS))
    for joint, neighbour in BONES:
        inward[JOINTS.index(joint), JOINTS.index(neighbour)] = 1
    partitions = torch.stack([torch.eye(len(JOINTS)), inward, inward.T])
    return partitions / partitions.sum(dim=-1, keepdim=True).clamp_min(1)


class GraphClassifier:
    """A trained ST-GCN++ with the interface of `dancetype.engine.classifier.Classifier`."""

    def __init__(self, network: nn.Module, contract: Contract) -> None:
        self.contract = contract
        self.network = network.eval()

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        """Return probabilities (N, K) of windows (N, L, F)."""
        with torch.inference_mode():
            logits = self.network(torch.from_numpy(windows))
            result: NDArray[np.float32] = torch.softmax(logits, dim=-1).numpy()
        return result


def train_stgcn(
    recipe: Recipe, sequences: list[AistSequence], contract: Contract, *, steps: int
) -> GraphClassifier:
    """Train on `steps` batches of random windows, with the optimiser settings of the recipe."""
    torch.manual_seed(recipe.seed)
    genres, settings = len(contract.labels), recipe.optimiser
    network = GenreSTGCN(STGCNSettings(), window=contract.window, genres=genres)
    average = AveragedModel(
        network,
        multi_avg_fn=get_ema_multi_avg_fn(settings.average),  # type: ignore[no-untyped-call]
    )
    optimiser = torch.optim.AdamW(
        network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=steps + 1, pct_start=0.15
    )
    windows = RandomWindows.of_recordings(sequences, recipe)
    network.train()
    for step in range(steps):
        inputs, targets = windows[step]
        optimiser.zero_grad(set_to_none=True)
        smoothed = smooth_targets(targets, settings.label_smoothing)
        loss = cross_entropy(network(inputs), smoothed, "uniform")
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(network)
    return GraphClassifier(average.module, contract)
