from itertools import product

import pytest

from benchmarks.accuracy.ladder import halves
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


@pytest.mark.parametrize("rung", ["sequences", "choreography"])
@pytest.mark.parametrize("way", ["A", "B"])
def test_a_rung_tests_on_no_sequence_that_it_learned_from(rung: str, way: str) -> None:
    cut = halves(NAMES, rung, way)

    assert not set(cut.learned) & set(cut.tested)
    assert set(cut.learned) | set(cut.tested) == set(NAMES)


def test_the_lowest_rung_tests_on_the_sequences_that_it_learned_from() -> None:
    assert halves(NAMES, "windows", "A").tested == halves(NAMES, "windows", "A").learned


def test_random_halves_share_dancers_and_choreography() -> None:
    cut = halves(NAMES, "sequences", "A")

    assert dancers(cut.learned) == dancers(cut.tested)
    assert dances(cut.learned) & dances(cut.tested)


def test_halves_by_choreography_share_all_dancers_and_no_dance() -> None:
    cut = halves(NAMES, "choreography", "A")

    assert dancers(cut.learned) == dancers(cut.tested) == dancers(NAMES)
    assert not dances(cut.learned) & dances(cut.tested)


@pytest.mark.parametrize("rung", ["windows", "sequences", "choreography"])
def test_the_two_ways_learn_from_halves_that_share_nothing(rung: str) -> None:
    learned = [set(halves(NAMES, rung, way).learned) for way in ("A", "B")]

    assert not learned[0] & learned[1]
    assert abs(len(learned[0]) - len(learned[1])) <= 1


def test_a_half_does_not_hang_on_the_order_of_the_names() -> None:
    assert halves(NAMES, "sequences", "A") == halves(NAMES[::-1], "sequences", "A")
