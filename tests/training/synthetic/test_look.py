import numpy as np
import pytest

from dancetype.training.synthetic.body import Body
from dancetype.training.synthetic.look import random_build, random_outfit


@pytest.mark.parametrize("seed", range(10))
def test_clothes_lie_on_the_body_and_never_in_it(body: Body, seed: int) -> None:
    outfit = random_outfit(body, np.random.default_rng(seed))
    away = ((outfit.vertices - body.vertices) * body.normals).sum(axis=1)
    assert away.min() > -1e-6
    assert away.max() < 0.05
    assert outfit.colours.shape == body.vertices.shape
    assert outfit.colours.min() >= 0
    assert outfit.colours.max() <= 1


def test_the_same_chance_gives_the_same_clothes(body: Body) -> None:
    one, same = (random_outfit(body, np.random.default_rng(4)) for _ in range(2))
    other = random_outfit(body, np.random.default_rng(5))
    np.testing.assert_array_equal(one.colours, same.colours)
    assert not np.array_equal(one.colours, other.colours)


@pytest.mark.parametrize("seed", range(10))
def test_builds_are_adults_within_what_the_body_knows(seed: int) -> None:
    build = random_build(np.random.default_rng(seed))
    assert all(0 <= value <= 1 for value in build.values())
    assert build["age"] >= 0.6
