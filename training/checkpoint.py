"""Checkpoint: a trained network with its recipe, data description and results in one file."""

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor, nn

from dancetype.engine.contract import CREDIT, Contract
from dancetype.engine.errors import ModelError
from dancetype.engine.files import atomic_write
from dancetype.engine.genres import GENRES
from dancetype.engine.rolling import Decision
from dancetype.engine.skeleton import Array
from dancetype.training.model import MeanNetwork, create_network
from dancetype.training.probabilities import Calibration, probabilities
from dancetype.training.recipe import NetworkSettings, Recipe


@dataclass(slots=True)
class Checkpoint:
    """State of a training run.

    Attributes:
        recipe: Settings of the run.
        split: Name of the training data.
        dancers: Dancers in the training data, to detect an overlap with those of a test.
        epoch: Number of completed epochs.
        weights: Weights of the network; their moving average if the recipe has one.
        calibration: Calibration of the confidence.
        decision: When to name a genre; None for the default.
        figures: Test results by split.
        history: Results of each epoch.
        resume: Optimiser, schedule and last weights, to continue an interrupted run.
        genres: Code and name of each genre, in the order of the network's output.
        credit: Attribution of the training data; None if the dances are only those of AIST++.
        negatives_credit: Attribution of captured motion of people who do not dance.
        networks: Architecture of each network, if the logits of several are averaged; see
            `combine`.
    """

    recipe: Recipe
    split: str
    dancers: list[str]
    epoch: int
    weights: dict[str, torch.Tensor]
    calibration: Calibration = field(default_factory=Calibration)
    decision: Decision | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    resume: dict[str, Any] = field(default_factory=dict)
    genres: dict[str, str] = field(default_factory=lambda: dict(GENRES))
    credit: str | None = None
    negatives_credit: str = ""
    networks: tuple[NetworkSettings, ...] = ()

    @classmethod
    def combine(cls, checkpoints: Sequence["Checkpoint"]) -> "Checkpoint":
        """Return the mean of networks with the same data and windows, without their training."""
        first, *others = checkpoints
        if not others:
            return first
        weights = {
            f"networks.{number}.{name}": value
            for number, checkpoint in enumerate(checkpoints)
            for name, value in checkpoint.weights.items()
        }
        networks = tuple(checkpoint.recipe.network for checkpoint in checkpoints)
        return replace(first, weights=weights, networks=networks, history=[], resume={})

    def save(self, path: Path) -> None:
        """Write the checkpoint atomically."""
        content = {name: getattr(self, name) for name in self.__slots__}
        content["recipe"] = self.recipe.model_dump()
        content["networks"] = [settings.model_dump() for settings in self.networks]
        content["calibration"] = asdict(self.calibration)
        content["decision"] = self.decision and asdict(self.decision)
        # On a full disk, torch would raise a RuntimeError.
        buffer = io.BytesIO()
        torch.save(content, buffer)
        with atomic_write(path) as temporary:
            temporary.write_bytes(buffer.getbuffer())

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Read a file written by `save`.

        Raises:
            ModelError: The file does not exist or is not a checkpoint.
        """
        try:
            content = torch.load(path, weights_only=True, map_location="cpu")
            content["recipe"] = recipe = Recipe(**content["recipe"])
            # Earlier versions averaged equal networks.
            if (members := content.pop("members", 1)) > 1:
                content["networks"] = [recipe.network.model_dump()] * members
            networks = content.get("networks", ())
            content["networks"] = tuple(NetworkSettings(**settings) for settings in networks)
            content["calibration"] = Calibration(**content["calibration"])
            decision = content.get("decision")
            content["decision"] = decision and Decision(**decision)
            return cls(**content)
        except FileNotFoundError as error:
            raise ModelError(f"{path}: the checkpoint does not exist") from error
        except (KeyError, TypeError, ValidationError) as error:
            raise ModelError(f"{path}: not a checkpoint of this version: {error}") from error
        # torch.load can raise any exception of the zip and pickle modules, with a long message.
        except Exception as error:
            raise ModelError(f"{path}: not a checkpoint of `dancetype train`") from error

    def network(self) -> nn.Module:
        """Return the trained network in evaluation mode."""
        window = self.recipe.window.spec()
        members = [
            create_network(settings, window=window, genres=len(self.genres))
            for settings in self.networks or (self.recipe.network,)
        ]
        network = MeanNetwork(members) if self.networks else members[0]
        network.load_state_dict(self.weights)
        return network.eval()

    def contract(self) -> Contract:
        """Return the contract to store in the exported model."""
        contract = Contract(
            labels=tuple(self.genres),
            genres=self.genres,
            window=self.recipe.window.spec(),
            view="camera" if self.recipe.camera else "studio",
            recipe=self.recipe.name,
            split=self.split,
            dancers=tuple(self.dancers),
            figures=self.figures,
            credit=f"{CREDIT}. {self.negatives_credit}" if self.negatives_credit else CREDIT,
            decision=self.decision,
            dancing=self.recipe.network.rejection != "uniform",
        )
        if self.credit is None:
            return contract
        # Only the owner of the clips knows their licence.
        return replace(contract, credit=self.credit, licence="not stated")


class CheckpointClassifier:
    """Checkpoint with the interface of `dancetype.engine.classifier.Classifier`.

    Attributes:
        contract: Description of the input and the output.
        rejection: Output for people who do not dance.
        calibration: Calibration of the probabilities; it may be replaced.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.contract = checkpoint.contract()
        self._network = checkpoint.network()
        self.rejection = checkpoint.recipe.network.rejection
        self.calibration = checkpoint.calibration

    def logits(self, windows: Array) -> Tensor:
        """Return logits for windows (N, L, F); see `GenreLSTM`."""
        with torch.inference_mode():
            logits: Tensor = self._network(torch.from_numpy(windows))
        return logits

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        """Return probabilities (N, K) for windows (N, L, F)."""
        result: NDArray[np.float32] = probabilities(
            self.logits(windows), self.rejection, self.calibration
        ).numpy()
        return result
