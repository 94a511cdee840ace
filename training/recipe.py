"""Settings of a training run: one TOML file, stored in each checkpoint."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dancetype.engine.errors import FileError
from dancetype.engine.window import WindowSpec

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class _Settings(BaseModel):
    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)


class WindowSettings(_Settings):
    """Window of the model; see `WindowSpec`."""

    seconds: float
    min_seconds: float
    length: int
    axes: Literal["xy", "xyz"]
    velocity: bool
    smooth: bool

    @model_validator(mode="after")
    def _is_a_window(self) -> Self:
        self.spec()
        return self

    def spec(self) -> WindowSpec:
        """Return the window as the engine specifies it."""
        return WindowSpec(**self.model_dump())


class CameraSettings(_Settings):
    """Faults of the simulated camera. Those with `*` are the upper end of a uniform distribution.

    Attributes:
        heading: Sd in degrees of the dancer's turn away from the camera.
        pitch: Sd in degrees of the camera's pitch.
        roll: Sd in degrees of the camera's roll.
        frame_rate: Range in frames per second.
        dropped: * Share of frames lost.
        noise: Range for motion capture, in multiples of `mediapipe_noise`.
        track_noise: * The same for tracks, which have noise already.
        thrown_share: Share of joints that are thrown about.
        thrown: Sd in metres of that.
        limbs: Sd of the logarithm of each limb's length.
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
    mirror: Share


class SamplingSettings(_Settings):
    """Choice of the windows to train on; all but `windows` is for random ones.

    Attributes:
        windows: "clip" for each sequence's start once per epoch, "random" for random windows.
        seconds: Range of their length.
        full: Share of windows of full length instead.
        advanced: Share of windows from advanced choreography.
        tempo: Sd of the logarithm of the speed.
        tracks: Share of windows from tracks, if there are any.
        idle: Share of windows of people who do not dance.
    """

    windows: Literal["clip", "random"]
    seconds: tuple[float, float] = (4.0, 4.0)
    full: Share = 0.5
    advanced: Share = 0.35
    tempo: float = 0.0
    tracks: Share = 0.5
    idle: Share = 0.0


class NetworkSettings(_Settings):
    """The LSTM.

    Attributes:
        dropout: Dropout between layers.
        head_dropout: Dropout before the last linear map.
        mirror: True to average over each window and its mirror image after training.
        stem_strides: Stride of each convolution before the LSTM.
        stem_width: Channels of each convolution.
        stem_dropout: Dropout after each convolution.
    """

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
    pooling: Literal["mean", "mean_max", "attention"]


class OptimiserSettings(_Settings):
    """Optimiser; an epoch of random windows has `steps_per_epoch` batches.

    Attributes:
        average: Decay per step of the moving average of the weights; 0 to keep the last weights.
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


class Recipe(_Settings):
    """Settings of a training run, without its data and split.

    Attributes:
        camera: Simulated camera; without one, motion capture is used as it is.
        temperature: Divisor of the logits if there are no unseen dancers to fit it on.
    """

    name: str
    about: str
    seed: int = 0
    window: WindowSettings
    sampling: SamplingSettings
    network: NetworkSettings
    optimiser: OptimiserSettings
    camera: CameraSettings | None = None
    temperature: float = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _draws_whole_windows(self) -> Self:
        if self.sampling.windows == "random" and self.sampling.seconds[0] < self.window.min_seconds:
            raise ValueError("sampling.seconds begin below window.min_seconds")
        return self

    def with_overrides(self, *, seed: int | None, epochs: int | None) -> "Recipe":
        """Return the recipe with another seed or number of epochs."""
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
    """Read a recipe of the package by name, or any other by its file.

    Raises:
        FileError: There is none, or a setting is missing, unknown or out of range.
    """
    path = Path(name) if name.endswith(".toml") else None
    try:
        source = path or files("dancetype.training") / "recipes" / f"{name}.toml"
        return Recipe(**tomllib.loads(source.read_text(encoding="utf-8")))
    except OSError as error:
        known = ", ".join(recipe_names())
        raise FileError(f"no recipe {name!r}; there are {known}, or give a .toml file") from error
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise FileError(f"recipe {name!r}: {'; '.join(wrong)}") from error
    # tomllib raises also those of long numbers, other encodings and nested tables, and a path with
    # a null byte raises one.
    except (ValueError, RecursionError) as error:
        raise FileError(f"recipe {name!r}: {error}") from error
