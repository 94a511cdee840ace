import numpy as np
import pytest

from dancetype.training.synthetic.appearance import random_build, random_outfit
from dancetype.training.synthetic.body import Body


@pytest.mark.parametrize("seed", range(10))
def test_clothes_lie_on_the_surface_of_the_body(body: Body, seed: int) -> None:
    outfit = random_outfit(body, np.random.default_rng(seed))
    thickness = ((outfit.vertices - body.vertices) * body.normals).sum(axis=1)
    assert thickness.min() > -1e-6
    assert thickness.max() < 0.05
    assert outfit.colours.shape == body.vertices.shape
    assert outfit.colours.min() >= 0
    assert outfit.colours.max() <= 1


def test_outfit_depends_on_the_seed(body: Body) -> None:
    outfit, same_seed = (random_outfit(body, np.random.default_rng(4)) for _ in range(2))
    other_seed = random_outfit(body, np.random.default_rng(5))
    np.testing.assert_array_equal(outfit.colours, same_seed.colours)
    assert not np.array_equal(outfit.colours, other_seed.colours)


@pytest.mark.parametrize("seed", range(10))
def test_builds_are_of_adults_and_in_the_range_of_anny(seed: int) -> None:
    build = random_build(np.random.default_rng(seed))
    assert all(0 <= value <= 1 for value in build.values())
    assert build["age"] >= 0.6
