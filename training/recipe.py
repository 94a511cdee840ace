"""Settings of a training run, read from a TOML file and stored in each checkpoint."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dancetype.engine.errors import FileError
from dancetype.engine.text import read_text
from dancetype.engine.window import WindowSpec
from dancetype.training.probabilities import Rejection

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class _Settings(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)


class WindowSettings(_Settings):
    """Input window of the model; see `WindowSpec`."""

    seconds: float
    min_seconds: float
    length: int
    axes: Literal["xy", "xyz"]
    velocity: bool
    smooth: bool
    trajectory: bool = False

    @model_validator(mode="after")
    def _check_spec(self) -> Self:
        self.spec()
        return self

    def spec(self) -> WindowSpec:
        """Return the settings as the engine's `WindowSpec`."""
        return WindowSpec(**self.model_dump())


class CameraSettings(_Settings):
    """Augmentation by a simulated camera.

    Attributes:
        heading: Standard deviation of the dancer's heading relative to the camera, in degrees.
        pitch: Standard deviation of the camera's pitch, in degrees.
        roll: Standard deviation of the camera's roll, in degrees.
        frame_rate: Range of frame rates, in frames per second.
        dropped: Largest share of dropped frames; the share is uniform from 0.
        noise: Range of the pose noise added to motion capture, in multiples of `mediapipe_noise`.
        track_noise: Largest pose noise added to tracks, which are already noisy; uniform from 0.
        thrown_share: Share of joints that are displaced at random.
        thrown: Standard deviation of the displacement, in metres.
        follow: Share of windows in which the camera follows the dancer, in part or completely.
        limbs: Standard deviation of the logarithm of each limb's length.
        pan: Standard deviation of the speed at which the camera turns away from the dancer, in
            metres per second at the dancer's distance.
        mirror: Share of windows that are mirrored.
    """

    heading: float
    pitch: float
    roll: float
    frame_rate: tuple[float, float]
    dropped: Share
    noise: tuple[float, float]
    track_noise: float = 0.0
    thrown_share: Share
    thrown: float
    limbs: float
    pan: float = 0.0
    follow: Share = 0.0
    mirror: Share


class AugmentationSettings(_Settings):
    """Variation of motion within a genre; all are off by default.

    Attributes:
        motion: Standard deviation of the logarithm of a factor on all motion about the mean pose.
        motion_joint: The same for a further factor on each joint's motion.
        posture: Standard deviation of the shift of each joint, in metres.
        time_warp: Standard deviation of the tempo within a window.
        part_swap: Share of windows with the upper body of another dance of the genre.
        splice: Share of windows that continue as another dance of the genre.
        mixup: Parameter of the beta distribution of mixtures of two windows; 0 for none.
        mixup_share: Share of windows that are mixed with another one.
    """

    motion: float = 0.0
    motion_joint: float = 0.0
    posture: float = 0.0
    time_warp: float = 0.0
    part_swap: Share = 0.0
    splice: Share = 0.0
    mixup: float = Field(default=0.0, ge=0)
    mixup_share: Share = 0.5


class SamplingSettings(_Settings):
    """Sampling of training windows; all settings but `windows` apply to random windows.

    Attributes:
        windows: "clip" for the start of each sequence once per epoch, "random" for random windows.
        seconds: Range of window lengths.
        full: Share of windows of full length, regardless of `seconds`.
        advanced: Share of windows from advanced choreography.
        tempo: Standard deviation of the logarithm of the time warp.
        tracks: Share of windows from tracks, if there are any.
        idle: Share of windows of people who do not dance.
        negatives: Share of captured motion among these, if there is any; the rest is generated.
    """

    windows: Literal["clip", "random"]
    seconds: tuple[float, float] = (4.0, 4.0)
    full: Share = 0.5
    advanced: Share = 0.35
    tempo: float = 0.0
    tracks: Share = 0.5
    idle: Share = 0.0
    negatives: Share = 0.5


class NetworkSettings(_Settings):
    """Architecture of a network.

    Attributes:
        kind: "lstm", or "statistics" for fully connected layers on statistics of the window, which
            only has `hidden`, `layers`, `dropout` of the input, `head_dropout` after each layer,
            `mirror` and `rejection`.
        bones: True to append the bones, each joint relative to its parent, to the input.
        hidden: Hidden size of each layer.
        layers: Number of layers.
        dropout: Dropout between layers.
        head_dropout: Dropout before the linear layer.
        input_norm: True to apply layer normalisation to the input.
        mirror: True to average over each window and its mirror image at inference.
        stem_strides: Stride of each convolution before the LSTM.
        stem_width: Channels of each convolution.
        stem_dropout: Dropout after each convolution.
        pooling: Pooling of the hidden states over time.
        rejection: Output for people who do not dance: "uniform" for none, with equal probabilities
            of all genres as target; "class" for a further class; "score" for a separate score.
    """

    kind: Literal["lstm", "statistics"] = "lstm"
    bones: bool = False
    hidden: Count
    layers: Count
    dropout: Share
    head_dropout: Share
    bidirectional: bool = False
    input_norm: bool = False
    mirror: bool = False
    stem_strides: tuple[Count, ...] = ()
    stem_width: Count = 128
    stem_dropout: Share = 0.1
    pooling: Literal["mean", "mean_max", "attention"] = "mean"
    rejection: Rejection = "uniform"

    @model_validator(mode="after")
    def _check_pooling(self) -> Self:
        if self.kind == "lstm" and "pooling" not in self.model_fields_set:
            raise ValueError("a network of the kind lstm needs pooling")
        return self


class OptimiserSettings(_Settings):
    """Settings of the optimiser and of the length of the training.

    Attributes:
        batch: Number of windows per batch.
        steps_per_epoch: Number of batches per epoch of random windows.
        average: Decay per step of the moving average of the weights; 0 to keep the last weights.
        teacher_weight: Share of the teachers' predictions in the targets, if there are teachers.
    """

    kind: Literal["adam", "adamw"]
    learning_rate: float
    weight_decay: float = 0.0
    schedule: Literal["constant", "one_cycle"] = "constant"
    batch: Count
    epochs: Count
    steps_per_epoch: Count = 200
    label_smoothing: float = 0.0
    average: float = 0.0
    teacher_weight: Share = 0.7


class Recipe(_Settings):
    """Settings of a training run, without its data and split.

    Attributes:
        about: One-line description.
        statistics: Second network, whose logits are averaged with those of the first in a built
            model; None for none.
        camera: Simulated camera; if None, motion capture is used without augmentation.
        augmentation: Variation of motion, before the camera.
        temperature: Divisor of the logits if there are no unseen dancers to fit it on.
    """

    name: str
    about: str
    seed: int = 0
    window: WindowSettings
    sampling: SamplingSettings
    network: NetworkSettings
    optimiser: OptimiserSettings
    statistics: NetworkSettings | None = None
    camera: CameraSettings | None = None
    augmentation: AugmentationSettings = AugmentationSettings()
    temperature: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _check_window_lengths(self) -> Self:
        shortest, needed = self.sampling.seconds[0], self.window.min_seconds
        if self.sampling.windows == "random" and shortest < needed:
            raise ValueError(
                f"sampling.seconds starts at {shortest:g}, below window.min_seconds = {needed:g}"
            )
        return self

    @model_validator(mode="after")
    def _check_networks(self) -> Self:
        networks = [each for each in (self.network, self.statistics) if each is not None]
        if any(each.kind == "statistics" for each in networks) and not self.window.velocity:
            raise ValueError("a network on statistics needs window.velocity = true")
        if len({each.rejection for each in networks}) > 1:
            raise ValueError("network.rejection and statistics.rejection differ")
        return self

    def with_overrides(self, *, seed: int | None, epochs: int | None) -> "Recipe":
        """Return a copy with another seed or number of epochs; None keeps the recipe's."""
        optimiser = self.optimiser
        if epochs is not None:
            optimiser = optimiser.model_copy(update={"epochs": epochs})
        seed = self.seed if seed is None else seed
        return self.model_copy(update={"seed": seed, "optimiser": optimiser})


def recipe_names() -> list[str]:
    """Return the names of the recipes in the package."""
    folder = files("dancetype.training") / "recipes"
    return sorted(Path(item.name).stem for item in folder.iterdir() if item.name.endswith(".toml"))


def load_recipe(name: str) -> Recipe:
    """Read a recipe of the package by its name, or any other by the path of its .toml file.

    Raises:
        FileError: The recipe does not exist, or a setting is missing, unknown or out of range.
    """
    path = Path(name) if name.endswith(".toml") else None
    try:
        source = path or files("dancetype.training") / "recipes" / f"{name}.toml"
        return Recipe(**tomllib.loads(read_text(source)))
    except OSError as error:
        known = ", ".join(recipe_names())
        raise FileError(f"no recipe {name!r}; use one of {known}, or a .toml file") from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise FileError(f"recipe {name!r}: {'; '.join(problems)}") from error
    # Long numbers, other encodings and null bytes in the path raise ValueError; deeply nested
    # arrays raise RecursionError.
    except (ValueError, RecursionError) as error:
        raise FileError(f"recipe {name!r}: {error}") from error
