"""Probabilities and loss of a network's logits.

Targets and joint probabilities are (N, K + 1): those of the K genres, then that the person does not
dance. A network without an output for people who do not dance has K logits and no such probability;
it is trained to give them equal probabilities of all genres.
"""

from dataclasses import dataclass
from itertools import product
from typing import Final, Literal

import torch
from torch import Tensor

Rejection = Literal["uniform", "class", "score"]

_SMOOTHING: Final = tuple(step / 50 for step in range(16))
"""Values of the smoothing that are compared."""

_MIN_PROBABILITY: Final = 1e-4
"""Probability of a genre, before normalisation, whose share of the smoothing exceeds it."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Calibration of a network's confidence, fitted on data that it was not trained on.

    Attributes:
        temperature: Divisor of the genres' logits.
        dancing_scale: Factor of the log-odds that the person dances.
        dancing_bias: Shift of these log-odds, after the factor.
        smoothing: Share of the genres' probability that the network spreads evenly, as it learns
            from smoothed labels and from mixtures; it is removed.
    """

    temperature: float = 1.0
    dancing_scale: float = 1.0
    dancing_bias: float = 0.0
    smoothing: float = 0.0


def logit_count(genres: int, rejection: Rejection) -> int:
    """Return the number of logits of a network for K genres."""
    return genres if rejection == "uniform" else genres + 1


def split_logits(logits: Tensor, rejection: Rejection) -> tuple[Tensor, Tensor]:
    """Return the genres' logits (N, K), and the log-odds (N,) that the person dances."""
    if rejection == "uniform":
        return logits, torch.full_like(logits[:, 0], torch.inf)
    genres, other = logits[:, :-1], logits[:, -1]
    return genres, other if rejection == "score" else genres.logsumexp(dim=1) - other


def probabilities(logits: Tensor, rejection: Rejection, calibration: Calibration) -> Tensor:
    """Return the joint probabilities (N, K) that a person dances, and dances each genre."""
    genres, log_odds = split_logits(logits, rejection)
    result = _genre_probabilities(genres, calibration.temperature, calibration.smoothing)
    if rejection == "uniform":
        return result
    dancing = torch.sigmoid(log_odds * calibration.dancing_scale + calibration.dancing_bias)
    return result * dancing[:, None]


def _genre_probabilities(logits: Tensor, temperature: float, smoothing: float) -> Tensor:
    """Return each genre's probability (N, K) if the person dances, from the genres' logits."""
    result = torch.softmax(logits / temperature, dim=-1)
    if not smoothing:
        return result
    sharpened = (result - smoothing / logits.shape[-1]).clamp_min(_MIN_PROBABILITY)
    return sharpened / sharpened.sum(dim=-1, keepdim=True)


def log_probabilities(logits: Tensor, rejection: Rejection) -> Tensor:
    """Return the logarithms of the joint probabilities, (N, K + 1); (N, K) without rejection."""
    if rejection != "score":
        return torch.log_softmax(logits, dim=-1)
    genres, log_odds = split_logits(logits, rejection)
    dancing = torch.nn.functional.logsigmoid(log_odds)[:, None]
    idle = torch.nn.functional.logsigmoid(-log_odds)[:, None]
    return torch.cat([torch.log_softmax(genres, dim=-1) + dancing, idle], dim=-1)


def smooth_targets(targets: Tensor, smoothing: float) -> Tensor:
    """Return targets (N, K + 1) with a share moved evenly to all genres, but not to "no dance".

    Source: Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016.
    """
    genres, idle = targets[:, :-1], targets[:, -1:]
    even = genres.mean(dim=1, keepdim=True)
    return torch.cat([genres * (1 - smoothing) + even * smoothing, idle], dim=1)


def cross_entropy(logits: Tensor, targets: Tensor, rejection: Rejection) -> Tensor:
    """Return the mean cross-entropy of logits and targets (N, K + 1).

    Source: uniform targets of Hendrycks et al., "Deep Anomaly Detection with Outlier Exposure",
    ICLR 2019.
    """
    genres, idle = targets[:, :-1], targets[:, -1:]
    uniform = rejection == "uniform"
    targets = genres + idle / genres.shape[1] if uniform else targets
    return -(targets * log_probabilities(logits, rejection)).sum(dim=1).mean()


def fit_genres(logits: Tensor, labels: Tensor) -> tuple[float, float]:
    """Return the temperature and the smoothing that minimise the cross-entropy.

    Source of the temperature: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    Args:
        logits: Genres' logits (N, K) for dancers that were not trained on.
        labels: Labels (N,).
    """

    def loss(parameters: tuple[float, float]) -> float:
        logs = _genre_probabilities(logits, *parameters).clamp_min(1e-30).log()
        return torch.nn.functional.nll_loss(logs, labels).item()

    temperatures = torch.logspace(-2, 2, 81, base=2).tolist()
    return min(product(temperatures, _SMOOTHING), key=loss)
