"""Calibration of confidence and decision on data that networks were not trained on.

The data is divided into two halves, which share no dancer and no file of captured non-dance. Each
network is trained on one half and used on the other. The final network, trained on all data, gets
the calibration that fits both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dancetype.engine.clip import clip_windows
from dancetype.engine.media.track import NOT_DANCING, Track
from dancetype.engine.rolling import Decision, RollingEstimate
from dancetype.engine.skeleton import Array
from dancetype.training.augment.camera import record_motion
from dancetype.training.checkpoint import CheckpointClassifier
from dancetype.training.data.aist import AistSequence
from dancetype.training.evaluate import model_view
from dancetype.training.live import LiveShares, LiveWindows, live_shares, live_windows, replay
from dancetype.training.probabilities import Calibration, fit_genres, split_logits
from dancetype.training.recipe import CameraSettings

ENTER: Final = tuple(np.arange(0.3, 0.96, 0.05).round(2).tolist())
LEAVE_RATIOS: Final = (0.7, 0.8, 0.9)
TIME_CONSTANTS: Final = (0.5,)
"""Values of the decision that are compared: leave as a share of enter.

With a longer memory, the right genre is named as often at the same share of wrong ones, but later.
"""

MARGIN: Final = 0.1
DURATION_POWER: Final = 2.0
"""Values of the decision that are the same in all comparisons."""

DANCING_SHARE: Final = 0.8
"""Assumed share of the time in which a person before the camera dances."""

_HOP: Final = 1.0  # seconds between windows to calibrate on


@dataclass(frozen=True, slots=True)
class Motion:
    """Motion as a camera recorded it.

    Attributes:
        genre: Genre code, or `NOT_DANCING`.
        times: (T,) seconds.
        joints: (T, 17, 3) metres as in a `Pose`; NaN in frames without a person.
    """

    genre: str
    times: NDArray[np.float64]
    joints: Array


@dataclass(frozen=True, slots=True)
class UnseenData:
    """Test data of a network that was trained on the other half.

    Attributes:
        classifier: The network.
        sequences: Motion capture of unseen dancers.
        motions: Recorded dances of unseen dancers, and people who do not dance.
    """

    classifier: CheckpointClassifier
    sequences: Sequence[AistSequence]
    motions: Sequence[Motion]


def motions_from_tracks(tracks: Iterable[Track]) -> list[Motion]:
    """Return tracks as motions."""
    return [Motion(track.genre, track.times, track.joints) for track in tracks]


def record_motions(
    captured: Iterable[tuple[str, Array]], camera: CameraSettings, *, seed: int
) -> list[Motion]:
    """Return motion capture, each with its genre, as a virtual camera would record it."""
    generator = torch.Generator().manual_seed(seed)
    return [Motion(genre, *record_motion(joints, camera, generator)) for genre, joints in captured]


def calibrate(halves: Sequence[UnseenData]) -> Calibration:
    """Fit the genres' confidence on motion capture, and that of dancing on recorded motions."""
    logits, labels, log_odds, dances = [], [], [], []
    for half in halves:
        classifier, codes = half.classifier, half.classifier.contract.labels
        for sequence in half.sequences:
            joints = model_view(sequence, classifier.contract)
            genres, _ = _logits(classifier, sequence.times, joints)
            logits.append(genres)
            labels.append(torch.full((len(genres),), codes.index(sequence.name.genre)))
        for motion in half.motions:
            _, odds = _logits(classifier, motion.times, motion.joints)
            log_odds.append(odds)
            dances.append(torch.full((len(odds),), float(motion.genre != NOT_DANCING)))
    temperature, smoothing = fit_genres(torch.cat(logits), torch.cat(labels))
    calibration = Calibration(temperature, smoothing=smoothing)
    if not all(half.classifier.contract.dancing for half in halves):
        return calibration
    scale, bias = fit_dancing(torch.cat(log_odds), torch.cat(dances))
    return replace(calibration, dancing_scale=scale, dancing_bias=bias)


def _logits(
    classifier: CheckpointClassifier, times: NDArray[np.float64], joints: Array
) -> tuple[Tensor, Tensor]:
    windows = clip_windows(times, joints, classifier, hop=_HOP)
    return split_logits(classifier.logits(windows), classifier.rejection)


def fit_dancing(log_odds: Tensor, dances: Tensor) -> tuple[float, float]:
    """Return the scale and the bias of log-odds that minimise the cross-entropy.

    The share of dancing is `DANCING_SHARE`, whatever the numbers of windows.

    Source: Platt, "Probabilistic Outputs for Support Vector Machines", 1999.

    Args:
        log_odds: Log-odds (N,) that the person dances.
        dances: 1 (N,) for windows in which the person does, 0 for the others.
    """
    dancing, other = DANCING_SHARE / dances.sum(), (1 - DANCING_SHARE) / (1 - dances).sum()
    weights = torch.where(dances > 0, dancing, other)
    parameters = torch.tensor([1.0, 0.0], requires_grad=True)
    optimiser = torch.optim.LBFGS([parameters], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        scaled = log_odds * parameters[0] + parameters[1]
        value = torch.nn.functional.binary_cross_entropy_with_logits(
            scaled, dances, weights, reduction="sum"
        )
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    scale, bias = parameters.tolist()
    return scale, bias


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Mean live shares of one decision.

    Attributes:
        decision: The decision.
        right: Share of the time of dances with the right genre named.
        wrong: Share of the time of dances with another genre named.
        quiet: Share of the time of other motions without a genre.
    """

    decision: Decision
    right: float
    wrong: float
    quiet: float


def operating_points(halves: Sequence[UnseenData]) -> list[OperatingPoint]:
    """Return the live shares of all decisions in the grid, on the motions of both halves.

    The networks must be calibrated.
    """
    labels = halves[0].classifier.contract.labels
    clips = [
        (motion.genre, live_windows(motion.times, motion.joints, half.classifier))
        for half in halves
        for motion in half.motions
    ]
    return [measure_decision(clips, labels, each) for each in decision_grid(len(labels))]


def decision_grid(
    genres: int,
    *,
    time_constants: Sequence[float] = TIME_CONSTANTS,
    duration_power: float = DURATION_POWER,
) -> list[Decision]:
    """Return decisions with all values of enter and leave, the same for each genre.

    Args:
        genres: Number of genres.
        time_constants: Time constants in seconds.
        duration_power: Exponent of a window's duration in its weight.
    """
    return [
        Decision.uniform(
            genres,
            time_constant=time_constant,
            enter=enter,
            leave=enter * ratio,
            margin=MARGIN,
            duration_power=duration_power,
        )
        for time_constant, enter, ratio in product(time_constants, ENTER, LEAVE_RATIOS)
    ]


def measure_decision(
    clips: Iterable[tuple[str, LiveWindows]], labels: tuple[str, ...], decision: Decision
) -> OperatingPoint:
    """Return the mean live shares of a decision, from the genre and the windows of each clip."""
    rolling = RollingEstimate(labels, decision)
    dances: list[LiveShares] = []
    others: list[LiveShares] = []
    for genre, windows in clips:
        if (shares := live_shares(replay(windows, rolling), genre)) is not None:
            (others if genre == NOT_DANCING else dances).append(shares)
    return OperatingPoint(
        decision,
        float(np.mean([shares.right for shares in dances])),
        float(np.mean([shares.wrong for shares in dances])),
        float(np.mean([shares.none for shares in others])),
    )


def choose_decision(
    points: Iterable[OperatingPoint], *, min_quiet: float, max_wrong: float
) -> OperatingPoint:
    """Return the point that names the right genre most, among those within both limits.

    If none is, return the one that exceeds them least.
    """

    def preference(point: OperatingPoint) -> tuple[float, float]:
        excess = max(min_quiet - point.quiet, 0) + max(point.wrong - max_wrong, 0)
        return -excess, point.right

    return max(points, key=preference)
