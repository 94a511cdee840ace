"""Trains the small ST-GCN++ that the LSTM is held against, as the LSTM is trained."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.accuracy.place import PlaceError
from benchmarks.baselines.stgcn import GenreSTGCN, STGCNSettings
from dancetype.engine.contract import Contract
from dancetype.engine.genres import CODES
from dancetype.engine.skeleton import Array
from dancetype.training.data.aist import Sequence
from dancetype.training.data.batches import RandomWindows
from dancetype.training.recipe import Recipe
from dancetype.training.train import targets

_SAVED_EVERY = 250


class GraphClassifier:
    """A trained ST-GCN++ that answers like `dancetype.engine.classifier.Classifier`."""

    def __init__(self, network: GenreSTGCN, contract: Contract) -> None:
        self.contract = contract
        self.network = network.eval()

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        """Probabilities (N, K) of windows (N, L, F)."""
        with torch.inference_mode():
            logits = self.network(torch.from_numpy(windows))
            result: NDArray[np.float32] = torch.softmax(logits, dim=-1).numpy()
        return result


def train_graph(
    recipe: Recipe, sequences: list[Sequence], contract: Contract, file: Path, *, steps: int
) -> GraphClassifier:
    """Trains on the recipe's windows with its optimiser, or goes on where it broke off.

    Args:
        recipe: with random windows.
        sequences: what to learn from.
        contract: what the classifier will say of itself.
        file: where the network is kept, every 250 steps.
        steps: batches in all.
    """
    torch.manual_seed(recipe.seed)
    settings = STGCNSettings()
    network = GenreSTGCN(settings, window=contract.window, genres=len(CODES))
    average = AveragedModel(
        network,
        multi_avg_fn=get_ema_multi_avg_fn(recipe.optimiser.average),  # type: ignore[no-untyped-call]
    )
    rate, decay = recipe.optimiser.learning_rate, recipe.optimiser.weight_decay
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rate, total_steps=steps + 1, pct_start=0.15
    )
    state = {"network": network, "average": average, "optimiser": optimiser, "schedule": schedule}
    done = _take_up(file, state, steps)
    windows = RandomWindows(sequences, recipe) if done < steps else None
    network.train()
    for step in range(done, steps):
        assert windows is not None
        inputs, labels = windows[step]
        optimiser.zero_grad(set_to_none=True)
        wanted = targets(labels, recipe.optimiser.label_smoothing, genres=len(CODES))
        loss = nn.functional.cross_entropy(network(inputs), wanted)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        average.update_parameters(network)
        if (step + 1) % _SAVED_EVERY == 0 or step + 1 == steps:
            _save(file, state, step + 1, steps)
            print(f"{file.parent.name}: step {step + 1} of {steps}, loss {loss.item():.3f}")
    best: Any = average.module
    return GraphClassifier(best, contract)


def _take_up(file: Path, state: dict[str, Any], steps: int) -> int:
    """Steps that were done before."""
    if not file.exists():
        return 0
    content = torch.load(file, weights_only=True, map_location="cpu")
    if content["of"] != steps:
        raise PlaceError(f"{file} is of a training of {content['of']} steps, not {steps}")
    for name, part in state.items():
        part.load_state_dict(content[name])
    return int(content["steps"])


def _save(file: Path, state: dict[str, Any], done: int, total: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {name: part.state_dict() for name, part in state.items()}
    part = file.with_suffix(".part")
    torch.save({"steps": done, "of": total, **content}, part)
    part.replace(file)
