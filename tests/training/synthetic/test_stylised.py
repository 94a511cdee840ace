import numpy as np
import pytest

from dancetype.training.synthetic.body import BONES, Body
from dancetype.training.synthetic.stylised import dress


@pytest.mark.parametrize(
    ("bone", "garment"),
    [
        ("spine02", (239, 91, 60)),
        ("upperarm01.L", (239, 91, 60)),
        ("lowerleg01.R", (58, 66, 99)),
        ("foot.L", (251, 250, 247)),
    ],
)
def test_clothes_cover_the_body(body: Body, bone: str, garment: tuple[int, int, int]) -> None:
    dressed, outfit = dress(body)
    index = [name for name, _ in BONES].index(bone)
    colours = outfit.colours[dressed.weights[:, index] == 1]
    assert np.isclose(colours, np.array(garment) / 255, atol=0.01).all(axis=1).any()


def test_hands_are_bare_and_shoes_have_a_flat_sole(body: Body) -> None:
    dressed, outfit = dress(body)
    names = [name for name, _ in BONES]
    hand = dressed.weights[:, names.index("wrist.L")] == 1
    np.testing.assert_allclose(outfit.vertices[hand], dressed.vertices[hand], atol=0.02)
    assert np.isfinite(outfit.vertices).all()
    assert outfit.vertices[:, 1].min() > body.vertices[:, 1].min() - 0.02
