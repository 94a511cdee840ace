"""Boosted trees on kinematic features, the classical way that the LSTM is held against.

The features follow what is usual for dance: how fast, how jerky, how far, how high, how wide, how
even, how regular. Sources: Aristidou et al., "Folk Dance Evaluation Using Laban Movement Analysis",
ACM JOCCH 2015, for the kinds; their choice for 17 joints seen by one camera is ours.

Lengths are in the window's unit, in which the farthest joint is 1 from the pelvis at the median
step. No feature tells left from right, so that a dance and its mirror image are alike.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import Tensor

from dancetype.engine.contract import Contract
from dancetype.engine.skeleton import JOINTS, MIRRORED, Array
from dancetype.engine.window import WindowSpec
from dancetype.training.batches import NO_GENRE

_INDEX: Final = {name: index for index, name in enumerate(JOINTS)}
_LIMBS: Final = {
    part: [_INDEX[f"{side}_{joint}"] for side in ("left", "right") for joint in joints]
    for part, joints in (("arms", ("elbow", "wrist")), ("legs", ("knee", "ankle")))
}
_SHORTEST_BEAT: Final = 0.25
_LONGEST_BEAT: Final = 1.5
_STILL: Final = 1e-6
_FAINT: Final = 1e-3
_SLOW: Final = 0.01


@dataclass(frozen=True, slots=True)
class _Motion:
    """Windows as motion, and what is asked of it most.

    Attributes:
        positions: (N, L, 17, D).
        velocities: (N, L, 17, D), a second.
        step: (N,) seconds from one step to the next.
    """

    positions: Array
    velocities: Array
    step: Array

    @classmethod
    def of(cls, windows: Array, spec: WindowSpec) -> "_Motion":
        dimensions = len(spec.axes)
        joints = windows.reshape(len(windows), spec.length, len(JOINTS), spec.channels)
        positions, velocities = joints[..., :dimensions], joints[..., dimensions:]
        # A short dance is stretched over the window; that velocities are slopes tells how far.
        slopes = np.gradient(positions, axis=1)
        squares = np.einsum("nljd,nljd->n", velocities, velocities)
        step = np.einsum("nljd,nljd->n", slopes, velocities) / np.maximum(squares, _STILL)
        usual = spec.seconds / (spec.length - 1)
        return cls(positions, velocities, np.where(squares > _STILL, step, usual))

    def at(self, joint: str) -> Array:
        """(N, L, D) position."""
        position: Array = self.positions[:, :, _INDEX[joint]]
        return position

    def middle(self, joint: str) -> Array:
        """(N, L, D) position between the left and the right one."""
        return (self.at(f"left_{joint}") + self.at(f"right_{joint}")) / np.float32(2)

    def apart(self, joint: str) -> Array:
        """(N, L) distance from the left to the right one."""
        return _norm(self.at(f"left_{joint}") - self.at(f"right_{joint}"))

    def speed(self, joint: str) -> Array:
        """(N, L) mean of the left and the right one's."""
        return _of_both(_norm(self.velocities), joint)

    def acceleration(self, joint: str) -> Array:
        """(N, L) mean of the left and the right one's size."""
        return _of_both(_norm(self.change(self.velocities)), joint)

    def jerk(self, joint: str) -> Array:
        """(N, L) mean of the left and the right one's size."""
        return _of_both(_norm(self.change(self.change(self.velocities))), joint)

    def change(self, values: Array) -> Array:
        """(N, L, ...) a second, of values (N, L, ...)."""
        step = self.step.reshape(-1, *(1,) * (values.ndim - 1))
        changes: Array = np.gradient(values, axis=1) / step
        return changes

    def extent(self, axis: int) -> Array:
        """(N, L) from the least to the greatest coordinate of any joint."""
        extent: Array = np.ptp(self.positions[..., axis], axis=-1)
        return extent

    def straightness(self, upper: str, bend: str, lower: str) -> Array:
        """(N, L) from 1, a limb stretched out, to -1, folded upon itself; mean of both sides."""
        cosines = []
        for side in ("left", "right"):
            to_bend = self.at(f"{side}_{bend}") - self.at(f"{side}_{upper}")
            from_bend = self.at(f"{side}_{lower}") - self.at(f"{side}_{bend}")
            lengths = np.maximum(_norm(to_bend) * _norm(from_bend), _STILL)
            cosines.append((to_bend * from_bend).sum(axis=-1) / lengths)
        straightness: Array = (cosines[0] + cosines[1]) / 2
        return straightness


def _norm(vectors: Array) -> Array:
    norm: Array = np.linalg.norm(vectors, axis=-1)
    return norm


def _of_both(values: Array, joint: str) -> Array:
    """(N, L) mean of the left and the right joint's values (N, L, 17)."""
    both: Array = values[..., [_INDEX[f"left_{joint}"], _INDEX[f"right_{joint}"]]].mean(axis=-1)
    return both


def _heading(motion: _Motion, joint: str) -> Array:
    """(N, L) x from the right one to the left: wide facing, 0 sideways, negative from behind."""
    return motion.at(f"left_{joint}")[..., 0] - motion.at(f"right_{joint}")[..., 0]


def _higher(motion: _Motion, joint: str) -> Array:
    """(N, L) y of the higher of the two."""
    return np.maximum(motion.at(f"left_{joint}")[..., 1], motion.at(f"right_{joint}")[..., 1])


def _stance(motion: _Motion) -> Array:
    """(N, L) height of the pelvis over the lower ankle: how upright the legs are."""
    return -np.minimum(motion.at("left_ankle")[..., 1], motion.at("right_ankle")[..., 1])


def _hand_to_head(motion: _Motion) -> Array:
    nose = motion.at("nose")
    return np.minimum(_norm(motion.at("left_wrist") - nose), _norm(motion.at("right_wrist") - nose))


def _asymmetry(motion: _Motion) -> Array:
    """(N, L) mean distance of the joints from where their mirror images are."""
    reflected = motion.positions[:, :, MIRRORED].copy()
    reflected[..., 0] *= -1
    asymmetry: Array = _norm(motion.positions - reflected).mean(axis=-1)
    return asymmetry


def _one_sidedness(motion: _Motion) -> Array:
    """(N, L) mean difference of left and right speeds."""
    speeds = _norm(motion.velocities)
    difference: Array = np.abs(speeds - speeds[..., MIRRORED]).mean(axis=-1)
    return difference


def _arms_share(motion: _Motion) -> Array:
    """(N, L) the arms' part in the speed of all limbs; a half where nothing moves."""
    speeds = _norm(motion.velocities)
    arms, legs = (speeds[..., joints].sum(axis=-1) for joints in _LIMBS.values())
    share: Array = (arms + _SLOW) / (arms + legs + 2 * _SLOW)
    return share


def _upward(motion: _Motion, joint: str) -> Array:
    """(N, L) size of the vertical velocity, mean of the left and the right one's."""
    return _of_both(np.abs(motion.velocities[..., 1]), joint)


_SERIES: Final[Mapping[str, Callable[[_Motion], Array]]] = {
    "head_speed": lambda m: _norm(m.velocities[:, :, _INDEX["nose"]]),
    "shoulder_speed": lambda m: m.speed("shoulder"),
    "elbow_speed": lambda m: m.speed("elbow"),
    "hand_speed": lambda m: m.speed("wrist"),
    "hip_speed": lambda m: m.speed("hip"),
    "knee_speed": lambda m: m.speed("knee"),
    "foot_speed": lambda m: m.speed("ankle"),
    "hand_upward": lambda m: _upward(m, "wrist"),
    "foot_upward": lambda m: _upward(m, "ankle"),
    "shoulder_acceleration": lambda m: m.acceleration("shoulder"),
    "hand_acceleration": lambda m: m.acceleration("wrist"),
    "foot_acceleration": lambda m: m.acceleration("ankle"),
    "hand_jerk": lambda m: m.jerk("wrist"),
    "foot_jerk": lambda m: m.jerk("ankle"),
    "width": lambda m: m.extent(0),
    "height": lambda m: m.extent(1),
    "area": lambda m: m.extent(0) * m.extent(1),
    "expansion": lambda m: _norm(m.positions - m.positions.mean(axis=2, keepdims=True)).mean(-1),
    "head_height": lambda m: m.at("nose")[..., 1],
    "hand_height": lambda m: m.middle("wrist")[..., 1] - m.middle("shoulder")[..., 1],
    "higher_hand": lambda m: _higher(m, "wrist"),
    "higher_knee": lambda m: _higher(m, "knee"),
    "higher_foot": lambda m: _higher(m, "ankle"),
    "stance": _stance,
    "bounce": lambda m: np.abs(m.change(_stance(m))),
    "hands_apart": lambda m: m.apart("wrist"),
    "elbows_apart": lambda m: m.apart("elbow"),
    "knees_apart": lambda m: m.apart("knee"),
    "feet_apart": lambda m: m.apart("ankle"),
    "hand_to_head": _hand_to_head,
    "hands_to_feet": lambda m: _norm(m.middle("wrist") - m.middle("ankle")),
    "arms_straight": lambda m: m.straightness("shoulder", "elbow", "wrist"),
    "legs_straight": lambda m: m.straightness("hip", "knee", "ankle"),
    "shoulders_facing": lambda m: _heading(m, "shoulder"),
    "hips_facing": lambda m: _heading(m, "hip"),
    "lean": lambda m: np.abs(m.middle("shoulder")[..., 0]),
    "asymmetry": _asymmetry,
    "one_sidedness": _one_sidedness,
    "arms_share": _arms_share,
}
"""What is measured at each step: motion to (N, L)."""

_SUMMARIES: Final[Mapping[str, Callable[[Array], Array]]] = {
    "mean": lambda values: values.mean(axis=1),
    "sd": lambda values: values.std(axis=1),
    "low": lambda values: np.quantile(values, 0.1, axis=1),
    "median": lambda values: np.median(values, axis=1),
    "high": lambda values: np.quantile(values, 0.9, axis=1),
    "max": lambda values: values.max(axis=1),
}
"""How a measure (N, L) is told by one number a window, (N,)."""

_RHYTHMS: Final = ("stance", "higher_foot", "hand_speed", "foot_speed", "shoulder_speed", "lean")
"""The measures of which the beat is sought."""

KINEMATIC_NAMES: Final[tuple[str, ...]] = (
    *(f"{series}_{summary}" for series in _SERIES for summary in _SUMMARIES),
    *(f"{series}_{what}" for series in _RHYTHMS for what in ("beat", "regularity")),
)
"""What each of the M features is."""


def kinematic_features(windows: Array, spec: WindowSpec) -> Array:
    """(N, M) features of windows (N, L, F), named by `KINEMATIC_NAMES`.

    Args:
        windows: as `cut_window` makes them.
        spec: their form.

    Raises:
        ValueError: the windows are of another form, or of one without velocities, which alone
            tell how long a window lasted.
    """
    if not spec.velocity:
        raise ValueError("kinematic features need windows with velocities")
    if windows.ndim != 3 or windows.shape[1:] != (spec.length, spec.features):
        raise ValueError(
            f"windows are {windows.shape}, expected (N, {spec.length}, {spec.features})"
        )
    motion = _Motion.of(windows, spec)
    series = {name: measure(motion) for name, measure in _SERIES.items()}
    columns = [summary(values) for values in series.values() for summary in _SUMMARIES.values()]
    for name in _RHYTHMS:
        columns += _rhythm(series[name], motion.step)
    return np.stack(columns, axis=1).astype(np.float32)


def _rhythm(values: Array, step: Array) -> tuple[Array, Array]:
    """The beats (N,) a second and how regular they are (N,), from 0 to 1, by autocorrelation.

    Both are 0 where nothing comes back within a second and a half.

    Args:
        values: (N, L).
        step: (N,) seconds from one step to the next.
    """
    length = values.shape[1]
    waves = values - values.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(waves, 2 * length, axis=1)) ** 2
    alike = np.fft.irfft(power, axis=1)[:, :length]
    alike /= np.maximum(alike[:, :1], _STILL)
    lags = np.arange(length) * step[:, None]
    peak = np.zeros(alike.shape, bool)
    peak[:, 1:-1] = (alike[:, 1:-1] > alike[:, :-2]) & (alike[:, 1:-1] >= alike[:, 2:])
    alike[~peak | (lags < _SHORTEST_BEAT) | (lags > _LONGEST_BEAT)] = 0
    best = alike.argmax(axis=1)
    each = np.arange(len(values))
    regularity, lag = alike[each, best], lags[each, best]
    # What is left of rounding errors is no beat.
    return np.where(regularity > _FAINT, 1 / np.maximum(lag, _STILL), 0), regularity


TREES: Final = 200
"""Trees per genre, one after the other."""

_SETTINGS: Final[Mapping[str, Any]] = {
    "max_iter": TREES,
    "learning_rate": 0.1,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 40,
    "max_features": 0.3,
    "early_stopping": False,
    "random_state": 0,
}


class BoostedTrees:
    """Trained trees that answer like `dancetype.engine.classifier.Classifier`.

    Args:
        contract: says what the windows are and what the answers stand for.
        model: fitted on `kinematic_features` and indices of the contract's labels.
    """

    def __init__(self, contract: Contract, model: HistGradientBoostingClassifier) -> None:
        self.contract = contract
        self._model = model

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        """Probabilities (N, K) of windows (N, L, F); 0 for a genre that it was not shown."""
        features = kinematic_features(windows, self.contract.window)
        probabilities = np.zeros((len(windows), len(self.contract.labels)), np.float32)
        if len(windows):
            probabilities[:, self._model.classes_] = self._model.predict_proba(features)
        return probabilities


def train_boosted_trees(
    batches: Iterable[tuple[Tensor, Tensor]], contract: Contract, **changes: Any
) -> BoostedTrees:
    """Grow trees on windows such as `dancetype.training.batches` draws.

    Source: Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of
    Statistics 2001, as scikit-learn does it on histograms.

    Args:
        batches: Windows (N, L, F) and indices (N,) of their genres. Windows of no genre are left
            out: trees cannot be taught to be unsure.
        contract: Contract of the resulting classifier; its labels are the genres.
        **changes: Arguments of scikit-learn's model that differ from `_SETTINGS`.

    Raises:
        ValueError: There is no batch, there are not two genres in them, or a setting is invalid.
    """
    pairs = [
        (kinematic_features(windows.numpy(), contract.window), labels.numpy())
        for windows, labels in batches
    ]
    if not pairs:
        raise ValueError("there is nothing to train on")
    features, labels = (np.concatenate(each) for each in zip(*pairs, strict=True))
    danced = labels != NO_GENRE
    features, labels = features[danced], labels[danced]
    if len(np.unique(labels)) < 2:
        raise ValueError("there are not two genres to train on")
    model = HistGradientBoostingClassifier(**{**_SETTINGS, **changes})
    return BoostedTrees(contract, model.fit(features, labels))
