"""Motions of people who do not dance, as series of moves for the body model of `mannequin`."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np

from dancetype.training.data.moves.base import Move
from dancetype.training.data.moves.everyday import EVERYDAY
from dancetype.training.data.moves.exercise import EXERCISE
from dancetype.training.data.moves.floor import FLOOR
from dancetype.training.data.moves.martial import MARTIAL
from dancetype.training.data.moves.sports import SPORTS

MOVES: Final[Mapping[str, Callable[[np.random.Generator], Iterator[Move]]]] = {
    **EVERYDAY,
    **EXERCISE,
    **FLOOR,
    **MARTIAL,
    **SPORTS,
}
"""Endless moves of a random person, by kind of motion."""
