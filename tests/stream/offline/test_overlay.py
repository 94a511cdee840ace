import numpy as np
import pytest

from dancetype.engine.genres import GENRES
from dancetype.engine.landmarks import COCO_LANDMARKS
from dancetype.engine.recognizer import Prediction
from dancetype.engine.rolling import Status
from dancetype.stream.offline.overlay import Layout, Overlay, Picture, draw_panel, make_layout
from tests.stream.offline.clips import prediction, standing_landmarks

SIZES = [(426, 240), (1920, 1080), (3840, 2160), (1080, 1920), (576, 576), (240, 426)]
WARMING_UP = prediction(Status.WARMING_UP)
PREDICTIONS = [
    WARMING_UP,
    prediction(Status.NO_PERSON),
    prediction(Status.NOT_SURE, "LH", 0.5),
    prediction(Status.NOT_SURE, "LH", 0.05, dancing=0.2),
    prediction(Status.GENRE, "LH", 0.8),
]
VISIBLE = np.ones(33, np.float32)
LONG_NAMES = {"AA": "a" * 40, "BB": "b b " * 10, "CC": "c"}


def layout_for(width: int, height: int, *, x: float = 0.5) -> Layout:
    layout = make_layout(width, height, GENRES, standing_landmarks(3, x=x)[:, COCO_LANDMARKS, :2])
    assert layout is not None
    return layout


def draw_frame(
    width: int,
    height: int,
    prediction: Prediction,
    *,
    background: int = 120,
    visibility: float = 1.0,
) -> Picture:
    """Return a frame of one colour with the overlay of a prediction."""
    image = np.full((height, width, 3), background, np.uint8)
    landmarks = standing_landmarks()
    overlay = Overlay(width, height, GENRES, landmarks)
    overlay.draw(image, landmarks[0], VISIBLE * visibility, prediction)
    return image


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_panel_is_inside_the_image_and_its_text_is_readable(width: int, height: int) -> None:
    layout = layout_for(width, height)
    assert layout.left >= 0
    assert layout.top >= 0
    assert layout.left + layout.width <= width
    assert layout.top + layout.height <= height
    assert layout.em >= 8
    assert layout.width * layout.height < 0.4 * width * height


def test_panel_does_not_hide_the_dancer() -> None:
    dancer_left, dancer_right = layout_for(1920, 1080, x=0.15), layout_for(1920, 1080, x=0.85)
    assert dancer_left.left > 960
    assert dancer_right.left + dancer_right.width < 960


def test_codes_replace_names_that_do_not_fit() -> None:
    assert layout_for(1280, 720).labels == list(GENRES.values())
    assert layout_for(240, 180).labels == list(GENRES)


@pytest.mark.parametrize("names", [LONG_NAMES, dict(list(GENRES.items())[:1])], ids=["long", "one"])
@pytest.mark.parametrize(("width", "height"), [(640, 360), (360, 640)])
def test_panel_can_be_drawn_for_custom_genres(
    names: dict[str, str], width: int, height: int
) -> None:
    layout = make_layout(width, height, names, standing_landmarks()[:, COCO_LANDMARKS, :2])
    assert layout is not None
    panel = draw_panel(layout, prediction(Status.NO_PERSON))
    assert panel.size == (layout.width, layout.height)


@pytest.mark.parametrize("background", [0, 255])
@pytest.mark.parametrize(
    "prediction", PREDICTIONS, ids=lambda prediction: prediction.estimate.status.value
)
def test_text_has_contrast_on_any_background(prediction: Prediction, background: int) -> None:
    layout = layout_for(1280, 720)
    image = draw_frame(1280, 720, prediction, background=background)
    panel = image[layout.top :, layout.left :][: layout.height, : layout.width].astype(int)
    head = panel[: round(layout.head)]
    # The background of the panel is dark and its text is bright.
    assert np.median(head) < 60
    assert (head.max(axis=2) > 230).mean() > 0.01


def test_length_of_a_bar_is_proportional_to_the_probability() -> None:
    layout = layout_for(1920, 1080)

    def bar_length(confidence: float) -> int:
        panel = np.asarray(draw_panel(layout, prediction(Status.GENRE, "BR", confidence)))
        row = panel[round(1.1 * layout.em + layout.head + 0.8 * layout.em)].astype(int)
        accent = (row[:, 0] > 240) & (row[:, 1] < 160)
        return int(accent.sum())

    assert bar_length(0.9) == pytest.approx(3 * bar_length(0.3), abs=4)


def test_each_status_looks_different() -> None:
    images = [draw_frame(640, 360, prediction).tobytes() for prediction in PREDICTIONS]
    assert len(set(images)) == len(PREDICTIONS)


@pytest.mark.parametrize(("width", "height"), [(640, 360), (360, 640)])
def test_limbs_are_drawn_at_the_joints(width: int, height: int) -> None:
    image = draw_frame(width, height, WARMING_UP)
    # The middle of the left and of the right thigh.
    left, right = (image[round(0.675 * height), round(x * width)] for x in (0.54, 0.46))
    assert left[2] > 200 > left[0]
    assert right[0] > 200 > right[2]


def test_missing_person_and_invisible_joints_are_not_drawn() -> None:
    image = np.full((360, 640, 3), 120, np.uint8)
    overlay = Overlay(640, 360, GENRES, standing_landmarks())
    overlay.draw(image, np.full((33, 3), np.nan, np.float32), VISIBLE * np.nan, WARMING_UP)
    np.testing.assert_array_equal(image, draw_frame(640, 360, WARMING_UP, visibility=0.1))


def test_joints_far_outside_the_image_can_be_drawn() -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    far = standing_landmarks() * np.float32(1e5)
    Overlay(64, 48, GENRES, far).draw(image, far[0], VISIBLE, WARMING_UP)


@pytest.mark.parametrize("size", [(1, 1), (64, 48), (1, 500), (500, 1)])
def test_tiny_image_can_be_drawn_on(size: tuple[int, int]) -> None:
    image = draw_frame(*size, PREDICTIONS[-1])
    assert image.shape == (size[1], size[0], 3)
