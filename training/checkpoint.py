"""A trained network with all that made it, in one file."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from dancetype.engine.contract import Contract
from dancetype.engine.errors import ModelError
from dancetype.engine.genres import GENRES
from dancetype.engine.skeleton import Array
from dancetype.training.model import GenreLSTM
from dancetype.training.recipe import Recipe


@dataclass(slots=True)
class Checkpoint:
    """A training run as it stands.

    Attributes:
        recipe: the whole recipe.
        split: what was trained on.
        dancers: who was trained on, so that an evaluation can say whom it shares.
        epoch: epochs done.
        weights: of the network, the averaged ones where the recipe averages.
        temperature: by which logits are divided, so that confidence is calibrated.
        figures: results by split.
        history: one entry an epoch.
        resume: optimiser, schedule and last weights; empty once training has ended.
        genres: code and name of each, in the order of the network's output.
        credit: what it was trained on where that is not AIST++ alone.
    """

    recipe: Recipe
    split: str
    dancers: list[str]
    epoch: int
    weights: dict[str, torch.Tensor]
    temperature: float = 1.0
    figures: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    resume: dict[str, Any] = field(default_factory=dict)
    genres: dict[str, str] = field(default_factory=lambda: dict(GENRES))
    credit: str | None = None

    def save(self, path: Path) -> None:
        """Writes the file whole or not at all."""
        content = {name: getattr(self, name) for name in self.__slots__}
        content["recipe"] = self.recipe.model_dump()
        part = path.with_suffix(".part")
        torch.save(content, part)
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Reads what `save` wrote.

        Raises:
            ModelError: no such file, or no checkpoint of ours.
        """
        try:
            content = torch.load(path, weights_only=True, map_location="cpu")
            return cls(**{**content, "recipe": Recipe(**content["recipe"])})
        except FileNotFoundError as error:
            raise ModelError(f"{path}: there is no such checkpoint") from error
        except (KeyError, TypeError, ValidationError) as error:
            raise ModelError(f"{path}: not a checkpoint of this version: {error}") from error
        # torch.load raises whatever the zip and pickle modules do, at length.
        except Exception as error:
            raise ModelError(f"{path}: not a checkpoint of `dancetype train`") from error

    def network(self) -> GenreLSTM:
        """The trained network, ready to evaluate."""
        window = self.recipe.window.spec()
        network = GenreLSTM(self.recipe.network, window=window, genres=len(self.genres))
        network.load_state_dict(self.weights)
        return network.eval()

    def contract(self) -> Contract:
        """What the exported model will say of itself."""
        contract = Contract(
            labels=tuple(self.genres),
            genres=self.genres,
            window=self.recipe.window.spec(),
            view="camera" if self.recipe.camera else "studio",
            recipe=self.recipe.name,
            split=self.split,
            dancers=tuple(self.dancers),
            figures=self.figures,
        )
        if self.credit is None:
            return contract
        # Whose the clips are, and what may be done with them, only their owner knows.
        return replace(contract, credit=self.credit, licence="not stated")


class CheckpointClassifier:
    """A checkpoint that answers like `dancetype.engine.classifier.Classifier`."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.contract = checkpoint.contract()
        self._network = checkpoint.network()
        self._temperature = checkpoint.temperature

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        """Probabilities (N, K) of windows (N, L, F)."""
        with torch.inference_mode():
            logits = self._network(torch.from_numpy(windows)) / self._temperature
            result: NDArray[np.float32] = torch.softmax(logits, dim=-1).numpy()
        return result
