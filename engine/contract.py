"""Description of a genre model's input and output, stored in the metadata of its ONNX file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from textwrap import shorten
from typing import Any, Final, Literal, cast, get_args

from dancetype.engine.errors import ModelError
from dancetype.engine.genres import GENRES, is_genre_code, is_genre_name, normalise_name
from dancetype.engine.rolling import Decision, RollingEstimate
from dancetype.engine.skeleton import JOINTS
from dancetype.engine.window import WindowSpec

View = Literal["camera", "studio"]

VERSION: Final = "1"

NORMALISATION: Final = (
    "pelvis (middle of the hips) at the origin in each frame; resampled by time; divided by the "
    "window's median of the largest joint distance from the pelvis"
)
"""Normalisation in `dancetype.engine.window`, the only one supported."""

TRAJECTORY: Final = "; after the joints, the pelvis relative to its mean position in the window"
"""Addition to `NORMALISATION` for windows with a trajectory."""

CREDIT: Final = (
    "Trained on AIST++ (Li et al., ICCV 2021; annotations CC BY 4.0, Google) of the AIST Dance "
    "Video Database (Tsuchida et al., ISMIR 2019)"
)
"""Attribution of the dances that the shipped model was trained on."""

_MAX_WINDOW_SECONDS: Final = 600  # a stream keeps all poses of a window in memory
_MAX_LENGTH: Final = 2000  # smoothing more steps takes hundreds of megabytes
_MAX_REASON_LENGTH: Final = 300


def contract_error(reason: str) -> ModelError:
    """Return the error for an invalid contract; metadata may be long, so the text is shortened."""
    return ModelError(shorten(reason, _MAX_REASON_LENGTH))


@dataclass(frozen=True, slots=True)
class Contract:
    """Description of a genre model, sufficient to run it and to interpret its output.

    Attributes:
        labels: Genre codes in the order of the model's output.
        genres: Name of each genre, in the same order; by default AIST's names.
        window: Shape and contents of the input (N, L, F).
        view: "camera" if the model was trained on poses in the axes of a camera in front of the
            dancer, "studio" if in the axes of the data set. Motion capture is rotated accordingly.
        recipe: Name of the training recipe.
        split: Data that the model was trained on.
        dancers: Dancers in the training data, so that an evaluation can detect overlap.
        figures: Results by split, as measured by `evaluate`.
        licence: Licence of the weights.
        credit: Attribution of the data.
        decision: Parameters of the rolling estimate; None for the defaults.
        dancing: Whether a window's probabilities sum to the probability that the person dances.
            Otherwise they sum to 1.
    """

    labels: tuple[str, ...]
    window: WindowSpec
    view: View
    recipe: str
    split: str
    dancers: tuple[str, ...]
    figures: Mapping[str, Any] = field(default_factory=dict)
    licence: str = "Apache-2.0"
    credit: str = CREDIT
    genres: Mapping[str, str] = field(default_factory=dict)
    decision: Decision | None = None
    dancing: bool = False

    def __post_init__(self) -> None:
        names = self.genres or {code: GENRES.get(code, code) for code in self.labels}
        # Names that contradict the labels are kept; `parse` rejects them.
        if set(names) == set(self.labels):
            names = {code: names[code] for code in self.labels}
        object.__setattr__(self, "genres", names)

    def rolling_estimate(self) -> RollingEstimate:
        """Return a new rolling estimate for the model's probabilities."""
        return RollingEstimate(self.labels, self.decision, dancing=self.dancing)

    def metadata(self) -> dict[str, str]:
        """Return the `metadata_props` of an ONNX file: strings, most of them JSON."""
        optional = {}
        if self.decision is not None:
            optional["decision"] = json.dumps(asdict(self.decision))
        if self.dancing:
            optional["dancing"] = "true"
        return {
            "dancetype_contract": VERSION,
            "labels": json.dumps(self.labels),
            "genres": json.dumps(dict(self.genres)),
            "joints": json.dumps(JOINTS),
            "window": json.dumps(asdict(self.window)),
            "features": json.dumps(_feature_names(self.window)),
            "normalisation": _normalisation(self.window),
            "view": self.view,
            "recipe": self.recipe,
            "split": self.split,
            "dancers": json.dumps(self.dancers),
            "figures": json.dumps(self.figures),
            "licence": self.licence,
            "credit": self.credit,
            **optional,
        }

    @classmethod
    def parse(cls, metadata: Mapping[str, str]) -> "Contract":
        """Return the contract in the metadata of an ONNX file.

        Raises:
            ModelError: The contract is missing or invalid.
        """
        version = metadata.get("dancetype_contract")
        if version is None:
            raise contract_error("it has no dancetype contract; create it with `dancetype export`")
        if version != VERSION:
            raise contract_error(
                f"its contract has version {version}, but this program reads {VERSION}; "
                "export the model again"
            )
        try:
            contract = cls(
                labels=_parse_strings(metadata["labels"]),
                window=_parse_window(metadata["window"]),
                view=_parse_view(metadata["view"]),
                recipe=metadata["recipe"],
                split=metadata["split"],
                dancers=_parse_strings(metadata["dancers"]),
                figures=dict(json.loads(metadata["figures"])),
                licence=metadata["licence"],
                credit=metadata["credit"],
                genres=_parse_names(metadata["genres"]),
                decision=_parse_decision(metadata["decision"]) if "decision" in metadata else None,
                dancing=_parse_flag(metadata.get("dancing", "false")),
            )
            joints = _parse_strings(metadata["joints"])
            features = json.loads(metadata["features"])
            normalisation = metadata["normalisation"]
        except KeyError as error:
            raise contract_error(f"its contract lacks {error}") from error
        except (TypeError, ValueError, RecursionError) as error:
            raise contract_error(f"its contract cannot be read: {error}") from error
        contract._check(joints, features, normalisation)
        return contract

    def _check(self, joints: tuple[str, ...], features: Any, normalisation: str) -> None:
        distinct = len(set(self.labels)) == len(self.labels) > 0
        if not distinct or not all(is_genre_code(label) for label in self.labels):
            raise contract_error(f"its labels are not distinct genre codes: {self.labels}")
        if set(self.genres) != set(self.labels):
            raise contract_error(f"its genres {self.genres} contradict its labels {self.labels}")
        for code, name in self.genres.items():
            # To clients, HO means house, no matter which model runs.
            if not is_genre_name(name) or GENRES.get(code, name) != name:
                raise contract_error(f"its genre {code} cannot be named {name!r}")
        if len({normalise_name(name) for name in self.genres.values()}) != len(self.genres):
            raise contract_error(f"its genres {self.genres} have the same name twice")
        if self.decision is not None and len(self.decision.enter) != len(self.labels):
            raise contract_error(
                f"its decision has {len(self.decision.enter)} thresholds for {len(self.labels)} "
                "genres"
            )
        if joints != JOINTS:
            raise contract_error("its joints are not COCO's 17 in order")
        if features != _feature_names(self.window):
            raise contract_error(f"its features {features} contradict its window {self.window}")
        if normalisation != _normalisation(self.window):
            raise contract_error(f"it needs another normalisation: {normalisation}")


def _parse_strings(text: str) -> tuple[str, ...]:
    values = json.loads(text)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{text} is not a list of strings")
    return tuple(values)


def _parse_names(text: str) -> dict[str, str]:
    names = json.loads(text)
    if not isinstance(names, dict) or not names:
        raise ValueError(f"{text} is not an object of genre names")
    if not all(isinstance(name, str) for name in names.values()):
        raise ValueError(f"{text} has a genre name that is not a string")
    return names


def _parse_window(text: str) -> WindowSpec:
    spec = WindowSpec(**json.loads(text))
    flags = (spec.velocity, spec.smooth, spec.trajectory)
    if type(spec.length) is not int or not all(isinstance(flag, bool) for flag in flags):
        raise ValueError(f"{text} is not a window")
    if not spec.seconds <= _MAX_WINDOW_SECONDS:
        raise ValueError(f"a window lasts at most {_MAX_WINDOW_SECONDS} s, not {spec.seconds}")
    if spec.length > _MAX_LENGTH:
        raise ValueError(f"a window has at most {_MAX_LENGTH} steps, not {spec.length}")
    return spec


def _parse_decision(text: str) -> Decision:
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError(f"{text} is not a decision")
    for key in ("enter", "leave"):
        if not isinstance(values.get(key), list):
            raise ValueError(f"{key} in {text} is not a list of thresholds, one for each genre")
        values[key] = tuple(values[key])
    return Decision(**values)


def _parse_flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f'dancing must be "true" or "false", not {text!r}')
    return text == "true"


def _parse_view(text: str) -> View:
    if text not in get_args(View):
        raise ValueError(f'view must be "camera" or "studio", not {text!r}')
    return cast(View, text)


def _normalisation(window: WindowSpec) -> str:
    return NORMALISATION + TRAJECTORY * window.trajectory


def _feature_names(window: WindowSpec) -> list[str]:
    """Return the names of the C values per point."""
    velocities = [f"v{axis}" for axis in window.axes] if window.velocity else []
    return [*window.axes, *velocities]
