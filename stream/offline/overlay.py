"""Annotation of a frame: the dancer's skeleton, and a panel with the prediction and its bars."""

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
from dancetype.engine.rolling import Status
from dancetype.engine.skeleton import JOINTS, Array

WORDS: Final = {
    Status.WARMING_UP: "warming up",
    Status.NO_PERSON: "no dancer",
    Status.NOT_SURE: "not sure",
}
"""Texts for predictions without a genre."""

Picture = NDArray[np.uint8]
_Colour = tuple[int, int, int]

_BACKGROUND: Final = (11, 10, 16, 214)
_TEXT: Final = (246, 244, 251)
_QUIET: Final = (196, 191, 212)
_ACCENT: Final = (255, 138, 212)
_LINE: Final = (66, 61, 82)
_FILL: Final = (150, 143, 172)
# Pillow draws jagged corners, so they are drawn larger and scaled down.
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
_READABLE: Final = 9.0  # pixels; below it, codes replace names
_MIN_EM: Final = 4.0  # pixels; below it, there is no panel


@dataclass(frozen=True, slots=True)
class Layout:
    """Position of the panel in a picture, in pixels."""

    em: float  # size of the text, to which everything else is in proportion
    left: int
    top: int
    width: int
    height: int
    columns: int  # one in a wide picture, two in a tall one
    names: Mapping[str, str]  # genres by code
    short: bool  # whether codes replace the names, which do not fit beside the bars

    @property
    def shown(self) -> list[str]:
        """The labels of the bars."""
        return list(self.names if self.short else self.names.values())

    @property
    def rows(self) -> int:
        """Number of genres in a column."""
        return -(-len(self.names) // self.columns)

    @property
    def head(self) -> float:
        """Height of the part above the genres, in pixels."""
        return (4.6 if self.columns == 1 else 2.9) * self.em


def lay_out(width: int, height: int, names: Mapping[str, str], joints: Array) -> Layout | None:
    """Return the panel's layout where it hides least of the dancer, or None if there is no room.

    Args:
        width: Pixels.
        height: Pixels.
        names: Genre names by code, in the classifier's order.
        joints: (T, 17, 2) joints in all frames, normalized to the image; NaN without a person.
    """
    wide = width >= 1.2 * height
    columns = 1 if wide else 2
    for short in (False, True):
        unit = Layout(1, 0, 0, 0, 0, columns, names, short)
        tall = 2 * _PAD + unit.head + unit.rows * _ROW
        breadth = columns * (_name_width(unit.shown) + _BAR + _PERCENT + 2 * _GAP)
        breadth += 2 * _PAD + (columns - 1) * _GUTTER
        wanted = max(0.026 * min(width, height), _READABLE + 1)
        em = min(wanted, (0.42 if wide else 0.94) * width / breadth, 0.94 * height / tall)
        if em >= _READABLE:
            break
    if em < _MIN_EM:
        return None
    margin = round(0.6 * em)
    panel = (round(em * breadth) if wide else width - 2 * margin, round(em * tall))
    right, bottom = width - margin - panel[0], height - margin - panel[1]
    across = (margin, right) if wide else (margin,)
    corners = [(x, y) for x in across for y in (margin, bottom)]
    corner = min(corners, key=lambda each: _hidden(joints, each, panel, (width, height)))
    return Layout(em, *corner, *panel, columns, names, short)


def _name_width(names: Iterable[str]) -> float:
    longest = max(_font(100, bold=True).getlength(name) / 100 for name in names)
    # Small letters are wider than in proportion.
    return min(1.05 * longest, _LONGEST_NAME)


def _hidden(
    joints: Array, corner: tuple[int, int], panel: tuple[int, int], size: tuple[int, int]
) -> int:
    """Return how many joints a panel at `corner` would hide in all frames."""
    start = np.array(corner) / size
    end = (np.array(corner) + panel) / size
    # NaN compares false.
    return int(((joints >= start) & (joints <= end)).all(axis=2).sum())


def draw_panel(layout: Layout, prediction: Prediction) -> Image.Image:
    """Return the panel as an RGBA image of the layout's size."""
    estimate, em = prediction.estimate, layout.em
    named = estimate.genre is not None
    best = int(estimate.probabilities.argmax()) if estimate.confidence else None
    panel = _background(layout.width, layout.height, round(0.7 * em)).copy()
    draw = ImageDraw.Draw(panel)
    _draw_head(draw, layout, prediction, best)
    pad, names = _PAD * em, _name_width(layout.shown) * em
    room = layout.width - 2 * pad - (layout.columns - 1) * _GUTTER * em
    for number, name in enumerate(layout.shown):
        column, row = divmod(number, layout.rows)
        left = pad + column * (room / layout.columns + _GUTTER * em)
        middle = pad + layout.head + (row + 0.5) * _ROW * em
        end = left + room / layout.columns
        start, stop = left + names + _GAP * em, end - (_PERCENT + _GAP) * em
        is_best = number == best
        colour = _TEXT if is_best else _QUIET
        _write(draw, (left, middle), name, colour, em, names, bold=is_best)
        bar = (start, middle - 0.3 * em, stop, middle + 0.3 * em)
        draw.rectangle(bar, _LINE)
        percent = "\N{EN DASH}"
        if best is not None:
            probability = float(estimate.probabilities[number])
            percent = f"{probability:.0%}"
            fill = (_ACCENT if named else _TEXT) if is_best else _FILL
            draw.rectangle((*bar[:2], start + probability * (stop - start), bar[3]), fill)
        draw.text((end, middle), percent, colour, _font(em, bold=is_best), anchor="rm")
    return panel


def _draw_head(
    draw: ImageDraw.ImageDraw, layout: Layout, prediction: Prediction, best: int | None
) -> None:
    estimate, em, pad = prediction.estimate, layout.em, _PAD * layout.em
    colour, quiet, detail = _TEXT, _QUIET, ""
    if estimate.genre is not None:
        headline, detail = layout.names[estimate.genre], f"{estimate.confidence:.0%} confidence"
        colour, quiet = _ACCENT, _TEXT
    else:
        headline = WORDS[estimate.status]
        if best is not None:
            name = list(layout.names.values())[best]
            detail = f"most likely {name}, {estimate.confidence:.0%}"
    room, right = layout.width - 2 * pad, layout.width - pad
    # One column is too narrow for both texts in one line.
    if layout.columns == 1:
        _write(draw, (pad, pad + 1.1 * em), headline, colour, _HEADLINE * em, room, bold=True)
        _write(draw, (pad, pad + 3.05 * em), detail, quiet, _DETAIL * em, room)
    else:
        y = pad + 0.95 * em
        _write(draw, (pad, y), headline, colour, _HEADLINE * em, 0.55 * room, bold=True)
        _write(draw, (right, y), detail, quiet, _DETAIL * em, 0.43 * room, anchor="rm")


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[float, float],
    text: str,
    colour: _Colour,
    em: float,
    width: float,
    *,
    bold: bool = False,
    anchor: str = "lm",
) -> None:
    """Write a text at `place`; if it is wider than `width`, smaller or cut off."""
    font = _font(em, bold=bold)
    if (needed := font.getlength(text)) > width:
        # Still readable, and in proportion to the rest.
        smallest = min(max(em / 2, _READABLE), em)
        font = _font(max(0.98 * em * width / needed, smallest), bold=bold)
    if font.getlength(text) > width:
        while text and font.getlength(f"{text}…") > width:
            text = text[:-1]
        text += "…"
    draw.text(place, text, colour, font, anchor=anchor)


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


# Blue, green, red. People with colour blindness can tell left from right.
_MIDDLE: Final = (251, 244, 246)
_LEFT: Final = (60, 170, 255)
_RIGHT: Final = (250, 190, 40)
_RIM: Final = (16, 10, 11)

# Visibility: joints below the first are not drawn, those from the second on at full thickness.
_GUESSED: Final = 0.2
_SURE: Final = 0.6
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
    """Draws on the frames of one clip.

    The panel keeps its place, where it hides least of the dancer in the whole clip.

    Args:
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
        names: Genre names by code, in the classifier's order.
        landmarks: (T, 33, 3) landmarks of all frames, normalized to the image.
    """

    def __init__(self, width: int, height: int, names: Mapping[str, str], landmarks: Array) -> None:
        self._size = np.array([width, height], np.float32)
        joints = landmarks[:, COCO_LANDMARKS, :2]
        self._layout = lay_out(width, height, names, joints)
        self._thickness = _thickness(self._size, joints)
        self._shown: Prediction | None = None

    def draw(
        self, image: Picture, landmarks: Array, visibility: Array, prediction: Prediction
    ) -> None:
        """Draw on one frame.

        Args:
            image: (H, W, 3) BGR of the size given, drawn on in place.
            landmarks: (33, 3) normalized to the image, or NaN without a person.
            visibility: (33,) of the landmarks.
            prediction: Prediction to show.
        """
        if np.isfinite(landmarks).all():
            self._draw_skeleton(
                image, landmarks[COCO_LANDMARKS, :2], visibility[list(COCO_LANDMARKS)]
            )
        if self._layout is None:
            return
        if prediction is not self._shown:
            self._shown = prediction
            panel = np.asarray(draw_panel(self._layout, prediction))
            self._panel = np.ascontiguousarray(panel[..., 2::-1])
            self._weight = panel[..., 3].astype(np.float32) / 255
        height, width = self._weight.shape
        top, left = self._layout.top, self._layout.left
        under = image[top : top + height, left : left + width]
        under[:] = cv2.blendLinear(under, self._panel, 1 - self._weight, self._weight)

    def _draw_skeleton(self, image: Picture, joints: Array, visibility: Array) -> None:
        # OpenCV takes integers, which a joint far outside would overflow.
        places = np.clip(joints, -3, 4) * self._size - 0.5
        ears = slice(JOINTS.index("left_ear"), JOINTS.index("right_ear") + 1)
        neck = slice(JOINTS.index("left_shoulder"), JOINTS.index("right_shoulder") + 1)
        throat = places[neck].mean(axis=0)
        # Halfway up to the head, so that the face stays free.
        chin = (places[ears].mean(axis=0) + throat) / 2
        places = np.vstack([places, chin, throat])
        sure = np.append(visibility, [visibility[ears].max(), visibility[neck].min()])
        points = np.round(places * 2**_SUBPIXEL).astype(int).tolist()
        for rim in (True, False):
            for start, end, colour in _LIMBS:
                seen = float(min(sure[start], sure[end]))
                if seen < _GUESSED:
                    continue
                part = 0.5 + 0.5 * min((seen - _GUESSED) / (_SURE - _GUESSED), 1.0)
                thickness = self._thickness * part
                cv2.line(
                    image,
                    points[start],
                    points[end],
                    _RIM if rim else colour,
                    max(round(thickness + (self._thickness * 0.7 + 1 if rim else 0)), 1),
                    cv2.LINE_AA,
                    _SUBPIXEL,
                )


def _thickness(size: Array, joints: Array) -> float:
    """Return the thickness of limbs in pixels, from the dancer's median height."""
    found = joints[np.isfinite(joints).all(axis=(1, 2))]
    if not len(found):
        return 1.0
    height = float(np.median(np.ptp(found * size, axis=1).max(axis=1)))
    return min(max(0.012 * height, 1.5), 0.012 * float(size.max()) + 1)
