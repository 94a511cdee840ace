import numpy as np
import pytest

from dancetype.engine.genres import GENRES
from dancetype.engine.landmarks import COCO_LANDMARKS
from dancetype.engine.recognizer import Prediction
from dancetype.engine.rolling import Status
from dancetype.stream.offline.overlay import Layout, Overlay, Picture, draw_panel, lay_out
from tests.stream.offline.clips import marks, prediction

SIZES = [(426, 240), (1920, 1080), (3840, 2160), (1080, 1920), (576, 576), (240, 426)]
WARMING = prediction(Status.WARMING_UP)
SAID = [
    WARMING,
    prediction(Status.NO_PERSON),
    prediction(Status.NOT_SURE, "LH", 0.5),
    prediction(Status.GENRE, "LH", 0.8),
]
SURE = np.ones(33, np.float32)
LONG = {"AA": "a" * 40, "BB": "b b " * 10, "CC": "c"}


def laid_out(width: int, height: int, *, at: float = 0.5) -> Layout:
    layout = lay_out(width, height, GENRES, marks(3, at=at)[:, COCO_LANDMARKS, :2])
    assert layout is not None
    return layout


def drawn(
    width: int, height: int, said: Prediction, *, ground: int = 120, visibility: float = 1.0
) -> Picture:
    image = np.full((height, width, 3), ground, np.uint8)
    Overlay(width, height, GENRES, marks()).draw(image, marks()[0], SURE * visibility, said)
    return image


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_panel_lies_within_the_picture_and_its_text_can_be_read(
    width: int, height: int
) -> None:
    layout = laid_out(width, height)
    assert layout.left >= 0
    assert layout.top >= 0
    assert layout.left + layout.width <= width
    assert layout.top + layout.height <= height
    assert layout.em >= 8
    assert layout.width * layout.height < 0.4 * width * height


def test_the_panel_keeps_off_the_dancer() -> None:
    left, right = laid_out(1920, 1080, at=0.15), laid_out(1920, 1080, at=0.85)
    assert left.left > 960
    assert right.left + right.width < 960


def test_names_that_do_not_fit_give_way_to_codes() -> None:
    assert laid_out(1280, 720).shown == list(GENRES.values())
    assert laid_out(240, 180).shown == list(GENRES)


@pytest.mark.parametrize("names", [LONG, dict(list(GENRES.items())[:1])], ids=["long", "one"])
@pytest.mark.parametrize(("width", "height"), [(640, 360), (360, 640)])
def test_a_model_of_ones_own_may_have_other_genres(
    names: dict[str, str], width: int, height: int
) -> None:
    layout = lay_out(width, height, names, marks()[:, COCO_LANDMARKS, :2])
    assert layout is not None
    said = prediction(Status.NO_PERSON)
    assert draw_panel(layout, said).size == (layout.width, layout.height)


@pytest.mark.parametrize("ground", [0, 255])
@pytest.mark.parametrize("said", SAID, ids=lambda said: said.estimate.status.value)
def test_words_stand_out_from_whatever_is_beneath(said: Prediction, ground: int) -> None:
    layout = laid_out(1280, 720)
    image = drawn(1280, 720, said, ground=ground)
    panel = image[layout.top :, layout.left :][: layout.height, : layout.width].astype(int)
    head = panel[: round(layout.head)]
    # The ground stays dark, or is made so, and there are letters on it that are bright.
    assert np.median(head) < 60
    assert (head.max(axis=2) > 230).mean() > 0.01


def test_a_bar_is_as_long_as_its_genre_is_likely() -> None:
    layout = laid_out(1920, 1080)

    def lit(confidence: float) -> int:
        panel = np.asarray(draw_panel(layout, prediction(Status.GENRE, "BR", confidence)))
        row = panel[round(1.1 * layout.em + layout.head + 0.8 * layout.em)].astype(int)
        accent = (row[:, 0] > 240) & (row[:, 1] < 160)
        return int(accent.sum())

    assert lit(0.9) == pytest.approx(3 * lit(0.3), abs=4)


def test_each_answer_looks_its_own_way() -> None:
    images = [drawn(640, 360, said).tobytes() for said in SAID]
    assert len(set(images)) == len(SAID)


@pytest.mark.parametrize(("width", "height"), [(640, 360), (360, 640)])
def test_limbs_are_drawn_where_the_joints_are(width: int, height: int) -> None:
    image = drawn(width, height, WARMING)
    # Half way along the left and the right thigh.
    left, right = (image[round(0.675 * height), round(x * width)] for x in (0.54, 0.46))
    assert left[2] > 200 > left[0]
    assert right[0] > 200 > right[2]


def test_nobody_and_joints_that_are_guessed_are_not_drawn() -> None:
    image = np.full((360, 640, 3), 120, np.uint8)
    overlay = Overlay(640, 360, GENRES, marks())
    overlay.draw(image, np.full((33, 3), np.nan, np.float32), SURE * np.nan, WARMING)
    np.testing.assert_array_equal(image, drawn(640, 360, WARMING, visibility=0.1))


def test_joints_far_outside_the_picture_are_no_trouble() -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    far = marks() * np.float32(1e5)
    Overlay(64, 48, GENRES, far).draw(image, far[0], SURE, WARMING)


@pytest.mark.parametrize("size", [(1, 1), (64, 48), (1, 500), (500, 1)])
def test_a_picture_too_small_for_words_is_drawn_on_all_the_same(size: tuple[int, int]) -> None:
    image = drawn(*size, SAID[-1])
    assert image.shape == (size[1], size[0], 3)
