"""Boosted trees on kinematic features, the classical baseline for the LSTM.

The features measure speed, jerk, distance, height, width, symmetry and rhythm. They are adapted to
17 joints and one camera from Aristidou et al., "Folk Dance Evaluation Using Laban Movement
Analysis", ACM JOCCH 2015.

Lengths are relative to the window: at the median step, the distance of the farthest joint from the
pelvis is 1. No feature distinguishes left from right, so a dance and its mirror image have the same
features. A trajectory is not used.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from torch import Tensor

from dancetype.engine.contract import Contract
from dancetype.engine.skeleton import JOINTS, MIRRORED, Array
from dancetype.engine.window import WindowSpec

_NOSE: Final = JOINTS.index("nose")
_PAIRS: Final = {
    joint: [JOINTS.index(f"left_{joint}"), JOINTS.index(f"right_{joint}")]
    for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
}
_ARMS: Final = _PAIRS["elbow"] + _PAIRS["wrist"]
_LEGS: Final = _PAIRS["knee"] + _PAIRS["ankle"]
_SHORTEST_BEAT: Final = 0.25  # seconds
_LONGEST_BEAT: Final = 1.5  # seconds
_EPSILON: Final = 1e-6  # avoids division by zero
_MIN_REGULARITY: Final = 1e-3  # smaller values are rounding errors
_MIN_SPEED: Final = 0.01  # makes the arms' share 0.5 without motion


class _Motion:
    """Positions in windows and their derivatives.

    Attributes:
        positions: (N, L, 17, D) positions.
        velocities: (N, L, 17, D) velocities per second.
        step: (N,) seconds from one step to the next.
        speeds: (N, L, 17) magnitudes of the velocities.
        accelerations: (N, L, 17) magnitudes of the accelerations.
        jerks: (N, L, 17) magnitudes of the jerks.
    """

    def __init__(self, windows: Array, spec: WindowSpec) -> None:
        dimensions = len(spec.axes)
        points = windows.reshape(len(windows), spec.length, spec.points, spec.channels)
        joints = np.ascontiguousarray(points[:, :, : len(JOINTS)])
        self.positions: Array = joints[..., :dimensions]
        self.velocities: Array = joints[..., dimensions:]
        # A short dance is stretched over the window. Comparing the differences of positions with
        # the velocities gives the duration of a step.
        slopes = np.gradient(self.positions, axis=1)
        squares = np.einsum("nljd,nljd->n", self.velocities, self.velocities)
        step = np.einsum("nljd,nljd->n", slopes, self.velocities) / np.maximum(squares, _EPSILON)
        step[squares <= _EPSILON] = spec.seconds / (spec.length - 1)
        self.step: Array = step
        acceleration = self.change(self.velocities)
        self.speeds = _norm(self.velocities)
        self.accelerations = _norm(acceleration)
        self.jerks = _norm(self.change(acceleration))

    def change(self, values: Array) -> Array:
        """Return the change per second, (N, L, ...), of values (N, L, ...)."""
        changes: Array = np.gradient(values, axis=1)
        return changes / self.step.reshape(-1, *[1] * (values.ndim - 1))

    def pair(self, joint: str) -> Array:
        """Return positions (N, L, 2, D) of the left and the right joint."""
        pair: Array = self.positions[:, :, _PAIRS[joint]]
        return pair


def _norm(vectors: Array) -> Array:
    norm: Array = np.linalg.norm(vectors, axis=-1)
    return norm


def _mean(values: Array, joint: str) -> Array:
    """Return the mean (N, L) of the left and the right joint's values (N, L, 17)."""
    mean: Array = values[..., _PAIRS[joint]].mean(axis=-1)
    return mean


def _middle(motion: _Motion, joint: str) -> Array:
    """Return the position (N, L, D) between the left and the right joint."""
    middle: Array = motion.pair(joint).mean(axis=2)
    return middle


def _apart(motion: _Motion, joint: str) -> Array:
    """Return the distance (N, L) of the left from the right joint."""
    return _norm(np.diff(motion.pair(joint), axis=2)[:, :, 0])


def _straightness(motion: _Motion, upper: str, bend: str, lower: str) -> Array:
    """Return 1 for a straight limb to -1 for a folded one, (N, L); mean of both sides."""
    to_bend = motion.pair(bend) - motion.pair(upper)
    from_bend = motion.pair(lower) - motion.pair(bend)
    lengths = np.maximum(_norm(to_bend) * _norm(from_bend), _EPSILON)
    straightness: Array = ((to_bend * from_bend).sum(axis=-1) / lengths).mean(axis=-1)
    return straightness


def _facing(motion: _Motion, joint: str) -> Array:
    """Return x (N, L) of the left minus the right joint: negative if the back is to the camera."""
    left_and_right = motion.pair(joint)[..., 0]
    return left_and_right[..., 0] - left_and_right[..., 1]


def _higher(motion: _Motion, joint: str) -> Array:
    """Return y (N, L) of the higher of the left and the right joint."""
    higher: Array = motion.pair(joint)[..., 1].max(axis=-1)
    return higher


def _stance(motion: _Motion) -> Array:
    """Return the height (N, L) of the pelvis above the lower ankle."""
    stance: Array = -motion.pair("ankle")[..., 1].min(axis=-1)
    return stance


def _asymmetry(motion: _Motion) -> Array:
    """Return the mean distance (N, L) of the joints from those of the mirrored pose."""
    reflected = motion.positions[:, :, MIRRORED].copy()
    reflected[..., 0] *= -1
    asymmetry: Array = _norm(motion.positions - reflected).mean(axis=-1)
    return asymmetry


def _arms_share(motion: _Motion) -> Array:
    """Return the arms' share (N, L) of the speed of all limbs; 0.5 without motion."""
    arms, legs = (motion.speeds[..., joints].sum(axis=-1) for joints in (_ARMS, _LEGS))
    share: Array = (arms + _MIN_SPEED) / (arms + legs + 2 * _MIN_SPEED)
    return share


_SERIES: Final[Mapping[str, Callable[[_Motion], Array]]] = {
    "head_speed": lambda m: m.speeds[..., _NOSE],
    "shoulder_speed": lambda m: _mean(m.speeds, "shoulder"),
    "elbow_speed": lambda m: _mean(m.speeds, "elbow"),
    "hand_speed": lambda m: _mean(m.speeds, "wrist"),
    "hip_speed": lambda m: _mean(m.speeds, "hip"),
    "knee_speed": lambda m: _mean(m.speeds, "knee"),
    "foot_speed": lambda m: _mean(m.speeds, "ankle"),
    "hand_upward": lambda m: _mean(np.abs(m.velocities[..., 1]), "wrist"),
    "foot_upward": lambda m: _mean(np.abs(m.velocities[..., 1]), "ankle"),
    "shoulder_acceleration": lambda m: _mean(m.accelerations, "shoulder"),
    "hand_acceleration": lambda m: _mean(m.accelerations, "wrist"),
    "foot_acceleration": lambda m: _mean(m.accelerations, "ankle"),
    "hand_jerk": lambda m: _mean(m.jerks, "wrist"),
    "foot_jerk": lambda m: _mean(m.jerks, "ankle"),
    "width": lambda m: np.ptp(m.positions[..., 0], axis=-1),
    "height": lambda m: np.ptp(m.positions[..., 1], axis=-1),
    "area": lambda m: np.ptp(m.positions[..., :2], axis=2).prod(axis=-1),
    "expansion": lambda m: _norm(m.positions - m.positions.mean(axis=2, keepdims=True)).mean(-1),
    "head_height": lambda m: m.positions[:, :, _NOSE, 1],
    "hand_height": lambda m: (_middle(m, "wrist") - _middle(m, "shoulder"))[..., 1],
    "higher_hand": lambda m: _higher(m, "wrist"),
    "higher_knee": lambda m: _higher(m, "knee"),
    "higher_foot": lambda m: _higher(m, "ankle"),
    "stance": _stance,
    "bounce": lambda m: np.abs(m.change(_stance(m))),
    "hands_apart": lambda m: _apart(m, "wrist"),
    "elbows_apart": lambda m: _apart(m, "elbow"),
    "knees_apart": lambda m: _apart(m, "knee"),
    "feet_apart": lambda m: _apart(m, "ankle"),
    "hand_to_head": lambda m: _norm(m.pair("wrist") - m.positions[:, :, [_NOSE]]).min(axis=-1),
    "hands_to_feet": lambda m: _norm(_middle(m, "wrist") - _middle(m, "ankle")),
    "arms_straight": lambda m: _straightness(m, "shoulder", "elbow", "wrist"),
    "legs_straight": lambda m: _straightness(m, "hip", "knee", "ankle"),
    "shoulders_facing": lambda m: _facing(m, "shoulder"),
    "hips_facing": lambda m: _facing(m, "hip"),
    "lean": lambda m: np.abs(_middle(m, "shoulder")[..., 0]),
    "asymmetry": _asymmetry,
    "one_sidedness": lambda m: np.abs(m.speeds - m.speeds[..., MIRRORED]).mean(axis=-1),
    "arms_share": _arms_share,
}
"""Functions that return values (N, L), one per step."""

_SUMMARIES: Final[Mapping[str, Callable[[Array], Array]]] = {
    "mean": lambda values: values.mean(axis=1),
    "sd": lambda values: values.std(axis=1),
    "low": lambda values: np.quantile(values, 0.1, axis=1),
    "median": lambda values: np.median(values, axis=1),
    "high": lambda values: np.quantile(values, 0.9, axis=1),
    "max": lambda values: values.max(axis=1),
}
"""Functions that summarise values (N, L) as (N,), one per window."""

_RHYTHMS: Final = ("stance", "higher_foot", "hand_speed", "foot_speed", "shoulder_speed", "lean")
"""Series in which a beat is searched for."""

KINEMATIC_NAMES: Final[tuple[str, ...]] = (
    *(f"{series}_{summary}" for series in _SERIES for summary in _SUMMARIES),
    *(f"{series}_{figure}" for series in _RHYTHMS for figure in ("beat", "regularity")),
)
"""Names of the M features."""


def kinematic_features(windows: Array, spec: WindowSpec) -> Array:
    """Return features (N, M), named by `KINEMATIC_NAMES`, of windows (N, L, F).

    Raises:
        ValueError: The windows do not have the shape of `spec`, or have no velocities, without
            which the duration of a window is unknown.
    """
    if not spec.velocity:
        raise ValueError("kinematic features need windows with velocities")
    if windows.ndim != 3 or windows.shape[1:] != (spec.length, spec.features):
        raise ValueError(
            f"windows are {windows.shape}, expected (N, {spec.length}, {spec.features})"
        )
    motion = _Motion(windows, spec)
    series = {name: measure(motion) for name, measure in _SERIES.items()}
    columns = [summary(values) for values in series.values() for summary in _SUMMARIES.values()]
    for name in _RHYTHMS:
        columns += _rhythm(series[name], motion.step)
    return np.stack(columns, axis=1).astype(np.float32)


def _rhythm(values: Array, step: Array) -> tuple[Array, Array]:
    """Return beats (N,) per second and their regularity (N,), from 0 to 1, by autocorrelation.

    Both are 0 if nothing repeats within 1.5 seconds.

    Args:
        values: (N, L) values of a series.
        step: (N,) seconds from one step to the next.
    """
    length = values.shape[1]
    centred = values - values.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(centred, 2 * length, axis=1)) ** 2
    correlation = np.fft.irfft(power, axis=1)[:, :length]
    correlation /= np.maximum(correlation[:, :1], _EPSILON)
    lags = np.arange(length) * step[:, None]
    inner = correlation[:, 1:-1]
    peak = np.zeros(correlation.shape, bool)
    peak[:, 1:-1] = (inner > correlation[:, :-2]) & (inner >= correlation[:, 2:])
    correlation[~peak | (lags < _SHORTEST_BEAT) | (lags > _LONGEST_BEAT)] = 0
    best = correlation.argmax(axis=1)
    rows = np.arange(len(values))
    regularity, lag = correlation[rows, best], lags[rows, best]
    return np.where(regularity > _MIN_REGULARITY, 1 / np.maximum(lag, _EPSILON), 0), regularity


TREES: Final = 200
"""Number of trees per genre."""

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
    """Trained trees with the interface of `dancetype.engine.classifier.Classifier`."""

    def __init__(self, contract: Contract, model: HistGradientBoostingClassifier) -> None:
        self.contract = contract
        self._model = model

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        """Return probabilities (N, K) of windows (N, L, F); 0 for genres without training data."""
        features = kinematic_features(windows, self.contract.window)
        probabilities = np.zeros((len(windows), len(self.contract.labels)), np.float32)
        if len(windows):
            probabilities[:, self._model.classes_] = self._model.predict_proba(features)
        return probabilities


def train_boosted_trees(
    batches: Iterable[tuple[Tensor, Tensor]], contract: Contract, **changes: Any
) -> BoostedTrees:
    """Train trees on windows such as those of `dancetype.training.batches`.

    Source: Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of
    Statistics 2001, in the histogram-based version of scikit-learn.

    Args:
        batches: Windows (N, L, F) and their target probabilities (N, K + 1). Windows of people who
            do not dance are ignored, because trees cannot be trained to be unsure.
        contract: Contract of the resulting classifier.
        **changes: Settings that replace those of `_SETTINGS`.

    Raises:
        ValueError: There are fewer than two genres, or a setting is invalid.
    """
    pairs = [
        (kinematic_features(windows.numpy(), contract.window), targets.argmax(dim=1).numpy())
        for windows, targets in batches
    ]
    if not pairs:
        raise ValueError("there are no batches to train on")
    features, labels = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    has_genre = labels < len(contract.labels)
    features, labels = features[has_genre], labels[has_genre]
    if len(np.unique(labels)) < 2:
        raise ValueError("training needs windows of at least two genres")
    model = HistGradientBoostingClassifier(**{**_SETTINGS, **changes})
    return BoostedTrees(contract, model.fit(features, labels))
