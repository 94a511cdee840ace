"""Annotation of frames with the dancer's skeleton and a panel that shows the prediction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dancetype.engine.landmarks import COCO_LANDMARKS
from dancetype.engine.media.opencv import cv2
from dancetype.engine.recognizer import Prediction
from dancetype.engine.skeleton import JOINTS, Array
from dancetype.stream.messages import is_not_dancing, status_text

Picture = NDArray[np.uint8]
_Colour = tuple[int, int, int]

_BACKGROUND: Final = (11, 10, 16, 214)
_TEXT: Final = (246, 244, 251)
_SECONDARY_TEXT: Final = (196, 191, 212)
_ACCENT: Final = (255, 138, 212)
_EMPTY_BAR: Final = (66, 61, 82)
_FILLED_BAR: Final = (150, 143, 172)
# Pillow draws corners without anti-aliasing, so they are drawn larger and scaled down.
_OVERSAMPLING: Final = 4

# Lengths in multiples of the text size.
_PAD: Final = 1.1
_GUTTER: Final = 2.2
_ROW: Final = 1.6
_HEADLINE: Final = 2.1
_DETAIL: Final = 1.15
_BAR: Final = 5.0
_PERCENT: Final = 2.7
_GAP: Final = 0.7
_LONGEST_NAME: Final = 10.0
_MIN_NAME_EM: Final = 9.0  # pixels; codes replace names in smaller text
_MIN_EM: Final = 4.0  # pixels; no panel is drawn for smaller text


@dataclass(frozen=True, slots=True)
class Layout:
    """Position of the panel in a picture, in pixels."""

    em: float  # size of the text, to which all lengths are proportional
    left: int
    top: int
    width: int
    height: int
    columns: int  # one in a wide picture, two in a tall one
    names: Mapping[str, str]  # genre names by code
    uses_codes: bool  # whether the bars are labelled with codes, since names would not fit

    @property
    def labels(self) -> list[str]:
        """The labels of the bars."""
        return list(self.names if self.uses_codes else self.names.values())

    @property
    def rows(self) -> int:
        """Number of genres in a column."""
        return -(-len(self.names) // self.columns)

    @property
    def head(self) -> float:
        """Height of the part above the genres, in pixels."""
        return (4.6 if self.columns == 1 else 2.9) * self.em


def make_layout(width: int, height: int, names: Mapping[str, str], joints: Array) -> Layout | None:
    """Return the layout whose panel hides the fewest joints, or None if the picture is too small.

    Args:
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
        names: Genre names by code, in the classifier's order.
        joints: (T, 17, 2) joints in all frames, normalised to the image; NaN without a person.
    """
    wide = width >= 1.2 * height
    columns = 1 if wide else 2
    for uses_codes in (False, True):
        unit = Layout(1, 0, 0, 0, 0, columns, names, uses_codes)
        unit_height = 2 * _PAD + unit.head + unit.rows * _ROW
        unit_width = columns * (_name_width(unit.labels) + _BAR + _PERCENT + 2 * _GAP)
        unit_width += 2 * _PAD + (columns - 1) * _GUTTER
        preferred = max(0.026 * min(width, height), _MIN_NAME_EM + 1)
        max_share = 0.42 if wide else 0.94
        em = min(preferred, max_share * width / unit_width, 0.94 * height / unit_height)
        if em >= _MIN_NAME_EM:
            break
    if em < _MIN_EM:
        return None
    margin = round(0.6 * em)
    panel = (round(em * unit_width) if wide else width - 2 * margin, round(em * unit_height))
    right, bottom = width - margin - panel[0], height - margin - panel[1]
    lefts = (margin, right) if wide else (margin,)
    corners = [(left, top) for left in lefts for top in (margin, bottom)]
    best = min(corners, key=lambda corner: _hidden_joints(joints, corner, panel, (width, height)))
    return Layout(em, *best, *panel, columns, names, uses_codes)


def _name_width(names: Iterable[str]) -> float:
    longest = max(_font(100, bold=True).getlength(name) / 100 for name in names)
    # At small sizes, text is slightly wider than in proportion to its size.
    return min(1.05 * longest, _LONGEST_NAME)


def _hidden_joints(
    joints: Array, corner: tuple[int, int], panel: tuple[int, int], size: tuple[int, int]
) -> int:
    """Return the number of joints that a panel at `corner` would hide, over all frames."""
    start = np.array(corner) / size
    end = (np.array(corner) + panel) / size
    # Comparisons with NaN are false, so missing joints are not counted.
    return int(((joints >= start) & (joints <= end)).all(axis=2).sum())


def draw_panel(layout: Layout, prediction: Prediction) -> Image.Image:
    """Return the panel as an RGBA image of the layout's size."""
    estimate, em = prediction.estimate, layout.em
    has_genre = estimate.genre is not None
    best = int(estimate.probabilities.argmax()) if estimate.confidence else None
    panel = _background(layout.width, layout.height, round(0.7 * em)).copy()
    draw = ImageDraw.Draw(panel)
    _draw_head(draw, layout, prediction, best)
    pad, label_width = _PAD * em, _name_width(layout.labels) * em
    column_width = (layout.width - 2 * pad - (layout.columns - 1) * _GUTTER * em) / layout.columns
    for index, label in enumerate(layout.labels):
        column, row = divmod(index, layout.rows)
        left = pad + column * (column_width + _GUTTER * em)
        right = left + column_width
        middle = pad + layout.head + (row + 0.5) * _ROW * em
        bar_left, bar_right = left + label_width + _GAP * em, right - (_PERCENT + _GAP) * em
        is_best = index == best
        colour = _TEXT if is_best else _SECONDARY_TEXT
        _write(draw, (left, middle), label, colour, em, label_width, bold=is_best)
        top, bottom = middle - 0.3 * em, middle + 0.3 * em
        draw.rectangle((bar_left, top, bar_right, bottom), _EMPTY_BAR)
        percent = "\N{EN DASH}"
        if best is not None:
            probability = float(estimate.probabilities[index])
            percent = f"{probability:.0%}"
            fill = (_ACCENT if has_genre else _TEXT) if is_best else _FILLED_BAR
            filled_to = bar_left + probability * (bar_right - bar_left)
            draw.rectangle((bar_left, top, filled_to, bottom), fill)
        draw.text((right, middle), percent, colour, _font(em, bold=is_best), anchor="rm")
    return panel


def _draw_head(
    draw: ImageDraw.ImageDraw, layout: Layout, prediction: Prediction, best: int | None
) -> None:
    estimate, em, pad = prediction.estimate, layout.em, _PAD * layout.em
    colour, detail_colour, detail = _TEXT, _SECONDARY_TEXT, ""
    if estimate.genre is not None:
        headline, detail = layout.names[estimate.genre], f"{estimate.confidence:.0%} confidence"
        colour, detail_colour = _ACCENT, _TEXT
    else:
        headline = status_text(estimate.status, estimate.dancing)
        if best is not None and not is_not_dancing(estimate.dancing):
            name = list(layout.names.values())[best]
            detail = f"most likely {name}, {estimate.confidence:.0%}"
    width, right = layout.width - 2 * pad, layout.width - pad
    # One column is too narrow for both texts in one line.
    if layout.columns == 1:
        _write(draw, (pad, pad + 1.1 * em), headline, colour, _HEADLINE * em, width, bold=True)
        _write(draw, (pad, pad + 3.05 * em), detail, detail_colour, _DETAIL * em, width)
    else:
        y = pad + 0.95 * em
        _write(draw, (pad, y), headline, colour, _HEADLINE * em, 0.55 * width, bold=True)
        _write(draw, (right, y), detail, detail_colour, _DETAIL * em, 0.43 * width, anchor="rm")


def _write(
    draw: ImageDraw.ImageDraw,
    position: tuple[float, float],
    text: str,
    colour: _Colour,
    em: float,
    max_width: float,
    *,
    bold: bool = False,
    anchor: str = "lm",
) -> None:
    """Write a text at `position`; make it smaller, or cut it off, if it exceeds `max_width`."""
    font = _font(em, bold=bold)
    if (width := font.getlength(text)) > max_width:
        # At least half the size, and readable.
        min_em = min(max(em / 2, _MIN_NAME_EM), em)
        font = _font(max(0.98 * em * max_width / width, min_em), bold=bold)
    if font.getlength(text) > max_width:
        while text and font.getlength(f"{text}…") > max_width:
            text = text[:-1]
        text += "…"
    draw.text(position, text, colour, font, anchor=anchor)


@cache
def _font(pixels: float, *, bold: bool) -> ImageFont.FreeTypeFont:
    folder = files("matplotlib") / "mpl-data" / "fonts" / "ttf"
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(folder / name), pixels)


@cache
def _background(width: int, height: int, radius: int) -> Image.Image:
    large = Image.new("L", (width * _OVERSAMPLING, height * _OVERSAMPLING))
    box = (0, 0, large.width - 1, large.height - 1)
    ImageDraw.Draw(large).rounded_rectangle(box, radius * _OVERSAMPLING, _BACKGROUND[3])
    background = Image.new("RGBA", (width, height), _BACKGROUND)
    background.putalpha(large.resize((width, height), Image.Resampling.BOX))
    return background


# Blue, green, red. People with colour blindness can distinguish left from right.
_MIDDLE: Final = (251, 244, 246)
_LEFT: Final = (60, 170, 255)
_RIGHT: Final = (250, 190, 40)
_OUTLINE: Final = (16, 10, 11)

# Visibilities below which limbs are not drawn, and from which they are drawn at full thickness.
_MIN_VISIBILITY: Final = 0.2
_FULL_VISIBILITY: Final = 0.6
_CHIN: Final = len(JOINTS)
_NECK: Final = _CHIN + 1
_SUBPIXEL: Final = 4  # bits


def _limbs() -> list[tuple[int, int, _Colour]]:
    def limb(start: str, end: str, colour: _Colour) -> tuple[int, int, _Colour]:
        return JOINTS.index(start), JOINTS.index(end), colour

    limbs = [(_NECK, _CHIN, _MIDDLE)]
    for part in ("shoulder", "hip"):
        limbs.append(limb(f"left_{part}", f"right_{part}", _MIDDLE))
    for side, colour in (("left", _LEFT), ("right", _RIGHT)):
        limbs.append(limb(f"{side}_shoulder", f"{side}_hip", _MIDDLE))
        for chain in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")):
            for start, end in pairwise(chain):
                limbs.append(limb(f"{side}_{start}", f"{side}_{end}", colour))
    return limbs


_LIMBS: Final = _limbs()


class Overlay:
    """Annotation of the frames of one clip.

    The panel has a fixed position, at which it hides the fewest joints over the whole clip.

    Args:
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
        names: Genre names by code, in the classifier's order.
        landmarks: (T, 33, 3) landmarks of all frames, normalised to the image.
    """

    def __init__(self, width: int, height: int, names: Mapping[str, str], landmarks: Array) -> None:
        self._size = np.array([width, height], np.float32)
        joints = landmarks[:, COCO_LANDMARKS, :2]
        self._layout = make_layout(width, height, names, joints)
        self._thickness = _thickness(self._size, joints)
        self._drawn_prediction: Prediction | None = None

    def draw(
        self, image: Picture, landmarks: Array, visibility: Array, prediction: Prediction
    ) -> None:
        """Draw on one frame.

        Args:
            image: (H, W, 3) BGR frame, modified in place.
            landmarks: (33, 3) landmarks, normalised to the image; NaN without a person.
            visibility: (33,) visibility of the landmarks.
            prediction: Prediction to show.
        """
        if np.isfinite(landmarks).all():
            self._draw_skeleton(
                image, landmarks[COCO_LANDMARKS, :2], visibility[list(COCO_LANDMARKS)]
            )
        if self._layout is None:
            return
        if prediction is not self._drawn_prediction:
            self._drawn_prediction = prediction
            panel = np.asarray(draw_panel(self._layout, prediction))
            self._panel = np.ascontiguousarray(panel[..., 2::-1])
            self._alpha = panel[..., 3].astype(np.float32) / 255
        height, width = self._alpha.shape
        top, left = self._layout.top, self._layout.left
        background = image[top : top + height, left : left + width]
        background[:] = cv2.blendLinear(background, self._panel, 1 - self._alpha, self._alpha)

    def _draw_skeleton(self, image: Picture, joints: Array, visibility: Array) -> None:
        # Clipped, since the coordinates of a joint far outside would overflow OpenCV's integers.
        positions = np.clip(joints, -3, 4) * self._size - 0.5
        ears = slice(JOINTS.index("left_ear"), JOINTS.index("right_ear") + 1)
        shoulders = slice(JOINTS.index("left_shoulder"), JOINTS.index("right_shoulder") + 1)
        neck = positions[shoulders].mean(axis=0)
        # Halfway between neck and head, so that the line does not cross the face.
        chin = (positions[ears].mean(axis=0) + neck) / 2
        positions = np.vstack([positions, chin, neck])
        visibilities = np.append(visibility, [visibility[ears].max(), visibility[shoulders].min()])
        points = np.round(positions * 2**_SUBPIXEL).astype(int).tolist()
        for is_outline in (True, False):
            for start, end, colour in _LIMBS:
                limb_visibility = float(min(visibilities[start], visibilities[end]))
                if limb_visibility < _MIN_VISIBILITY:
                    continue
                certainty = (limb_visibility - _MIN_VISIBILITY) / (
                    _FULL_VISIBILITY - _MIN_VISIBILITY
                )
                thickness = self._thickness * (0.5 + 0.5 * min(certainty, 1.0))
                cv2.line(
                    image,
                    points[start],
                    points[end],
                    _OUTLINE if is_outline else colour,
                    max(round(thickness + (self._thickness * 0.7 + 1 if is_outline else 0)), 1),
                    cv2.LINE_AA,
                    _SUBPIXEL,
                )


def _thickness(size: Array, joints: Array) -> float:
    """Return the thickness of limbs in pixels, based on the median height of the dancer."""
    detected = joints[np.isfinite(joints).all(axis=(1, 2))]
    if not len(detected):
        return 1.0
    height = float(np.median(np.ptp(detected * size, axis=1).max(axis=1)))
    return min(max(0.012 * height, 1.5), 0.012 * float(size.max()) + 1)
