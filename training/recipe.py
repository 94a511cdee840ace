"""What a training run is made of: one TOML file, kept whole in each checkpoint."""

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
    """The window the model wants; see `WindowSpec`."""

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
        """The same, as the engine knows it."""
        return WindowSpec(**self.model_dump())


class CameraSettings(_Settings):
    """The virtual camera's faults. Each `*` is the upper end of a uniform draw a window.

    Noise is a multiple of what MediaPipe was measured to err by; see `PoseNoise`.

    Attributes:
        heading: sd in degrees of the dancer's turn away from the camera.
        pitch: sd in degrees of the camera's tilt.
        roll: sd in degrees of the camera's slant.
        frame_rate: from and to, frames a second.
        dropped: * share of frames lost.
        noise: from and to, for motion capture.
        track_noise: * for tracks, which come with noise of their own.
        thrown_share: share of joints that are thrown about.
        thrown: sd in metres of that.
        limbs: sd of the logarithm of each limb's length.
        mirror: share of windows seen in a mirror.
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
    """Which stretches of the sequences are trained on.

    Attributes:
        windows: "clip" takes each sequence's start once an epoch; "random" draws stretches.
        seconds: for "random", from and to.
        full: for "random", share of windows of full length instead.
        advanced: for "random", share of windows from advanced choreography.
        tempo: for "random", sd of the logarithm of the speed.
        tracks: for "random", share of windows from tracks, where there are any.
        idle: for "random", share of windows of people who do not dance.
    """

    windows: Literal["clip", "random"]
    seconds: tuple[float, float] = (4.0, 4.0)
    full: Share = 0.5
    advanced: Share = 0.35
    tempo: float = 0.0
    tracks: Share = 0.5
    idle: Share = 0.0


class NetworkSettings(_Settings):
    """The LSTM; dropout stands between layers and before the last linear map.

    Attributes:
        mirror: whether the trained network also looks at each window's mirror image.
        stem_strides: of the convolutions before the LSTM, one each; none where empty.
        stem_width: channels of each.
        stem_dropout: after each.
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
    """How the weights are found; an epoch of random windows has `steps_per_epoch` batches.

    Attributes:
        average: decay a step of the moving average of the weights that is kept as the result; 0
            keeps the last weights.
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
    """A whole training run but for its data and split.

    Attributes:
        camera: the virtual camera; without one, motion capture is taken as it stands.
        temperature: by which logits are divided where there are no unseen dancers to fit it on.
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

    def changed(self, *, seed: int | None, epochs: int | None) -> "Recipe":
        """The recipe with another seed or number of epochs, where one is given."""
        optimiser = self.optimiser
        if epochs is not None:
            optimiser = optimiser.model_copy(update={"epochs": epochs})
        seed = self.seed if seed is None else seed
        return self.model_copy(update={"seed": seed, "optimiser": optimiser})


def recipe_names() -> list[str]:
    """Names of the recipes that come along."""
    folder = files("dancetype.training") / "recipes"
    return sorted(Path(item.name).stem for item in folder.iterdir() if item.name.endswith(".toml"))


def load_recipe(name: str) -> Recipe:
    """Reads a recipe that comes along, by name, or any other, by its file.

    Raises:
        FileError: there is none, or a setting is missing, unknown or out of range.
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
    # Besides its own error, tomllib lets through those of long numbers, other encodings and tables
    # in tables; a path raises one where it holds a null byte.
    except (ValueError, RecursionError) as error:
        raise FileError(f"recipe {name!r}: {error}") from error
