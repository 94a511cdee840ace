from itertools import product

import pytest

from benchmarks.accuracy.ladder import split_sequences
from dancetype.training.data.aist import SequenceName

NAMES = [
    f"g{genre}_s{situation}_cAll_{dancer}_m{genre}{tempo}_ch{number:02}"
    for genre, dancers in (("BR", ("d04", "d05")), ("HO", ("d19", "d20")))
    for situation, dancer, number in product(("BM", "FM"), dancers, range(1, 7))
    for tempo in ((0, 1, 2) if situation == "BM" else (0,))
]


def dancers(names: list[str]) -> set[str]:
    return {SequenceName.parse(name).dancer for name in names}


def dances(names: list[str]) -> set[tuple[str, str, str]]:
    parsed = [SequenceName.parse(name) for name in names]
    return {(name.genre, name.situation, name.choreography) for name in parsed}


@pytest.mark.parametrize("test_set", ["sequences", "choreography"])
@pytest.mark.parametrize("fold", ["A", "B"])
def test_training_and_test_sequences_are_disjoint(test_set: str, fold: str) -> None:
    split = split_sequences(NAMES, test_set, fold)

    assert not set(split.training) & set(split.test)
    assert set(split.training) | set(split.test) == set(NAMES)


def test_test_set_of_windows_has_the_training_sequences() -> None:
    split = split_sequences(NAMES, "windows", "A")

    assert split.test == split.training


def test_random_halves_share_dancers_and_choreography() -> None:
    split = split_sequences(NAMES, "sequences", "A")

    assert dancers(split.training) == dancers(split.test)
    assert dances(split.training) & dances(split.test)


def test_halves_by_choreography_share_all_dancers_and_no_dance() -> None:
    split = split_sequences(NAMES, "choreography", "A")

    assert dancers(split.training) == dancers(split.test) == dancers(NAMES)
    assert not dances(split.training) & dances(split.test)


@pytest.mark.parametrize("test_set", ["windows", "sequences", "choreography"])
def test_training_sequences_of_the_two_folds_are_disjoint(test_set: str) -> None:
    training = [set(split_sequences(NAMES, test_set, fold).training) for fold in ("A", "B")]

    assert not training[0] & training[1]
    assert abs(len(training[0]) - len(training[1])) <= 1


def test_split_does_not_depend_on_the_order_of_the_names() -> None:
    assert split_sequences(NAMES, "sequences", "A") == split_sequences(
        NAMES[::-1], "sequences", "A"
    )
