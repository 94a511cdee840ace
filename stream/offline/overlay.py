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

from dancetype.engine.landmarks import OF_COCO
from dancetype.engine.media.opencv import cv2
from dancetype.engine.recognizer import Prediction
from dancetype.engine.rolling import Status
from dancetype.engine.skeleton import JOINTS, Array

WORDS: Final = {
    Status.WARMING_UP: "warming up",
    Status.NO_PERSON: "no dancer",
    Status.NOT_SURE: "not sure",
}
"""What is said where no genre is named."""

Picture = NDArray[np.uint8]
_Colour = tuple[int, int, int]

_GROUND: Final = (11, 10, 16, 214)
_TEXT: Final = (246, 244, 251)
_QUIET: Final = (196, 191, 212)
_ACCENT: Final = (255, 138, 212)
_LINE: Final = (66, 61, 82)
_FILL: Final = (150, 143, 172)
# Pillow's own rounding is jagged.
_SMOOTH: Final = 4

# All lengths count in the size of the text.
_PAD: Final = 1.1
_GUTTER: Final = 2.2
_ROW: Final = 1.6
_HEADLINE: Final = 2.1
_DETAIL: Final = 1.15
_BAR: Final = 5.0
_PERCENT: Final = 2.7
_GAP: Final = 0.7
_LONGEST_NAME: Final = 10.0
# Pixels: below the first codes take the place of names, below the second there are no letters.
_READABLE: Final = 9.0
_LEAST: Final = 4.0


@dataclass(frozen=True, slots=True)
class Layout:
    """Where in a picture the panel is, in pixels.

    Attributes:
        em: size of the text; all else is in proportion.
        left: of the panel.
        top: of the panel.
        width: of the panel.
        height: of the panel.
        columns: of genres: one at the side of a wide picture, two along the edge of a tall one.
        names: of the genres by code.
        short: whether the names do not fit beside the bars and codes stand for them.
    """

    em: float
    left: int
    top: int
    width: int
    height: int
    columns: int
    names: Mapping[str, str]
    short: bool

    @property
    def shown(self) -> list[str]:
        """What stands beside the bars."""
        return list(self.names if self.short else self.names.values())

    @property
    def rows(self) -> int:
        """How many genres there are in a column."""
        return -(-len(self.names) // self.columns)

    @property
    def head(self) -> float:
        """Height of what is above the genres."""
        return (4.6 if self.columns == 1 else 2.9) * self.em


def lay_out(width: int, height: int, names: Mapping[str, str], joints: Array) -> Layout | None:
    """Puts the panel where it hides least of the dancer.

    Args:
        width: of the picture in pixels.
        height: of the picture in pixels.
        names: of the genres by code, in the classifier's order.
        joints: (T, 17, 2) in all frames, normalised to the image; NaN where nobody is seen.

    Returns:
        None where the picture is too small for any words.
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
    if em < _LEAST:
        return None
    margin = round(0.6 * em)
    panel = (round(em * breadth) if wide else width - 2 * margin, round(em * tall))
    right, bottom = width - margin - panel[0], height - margin - panel[1]
    across = (margin, right) if wide else (margin,)
    corners = [(x, y) for x in across for y in (margin, bottom)]
    hidden = [_hidden(joints, corner, panel, (width, height)) for corner in corners]
    return Layout(em, *corners[hidden.index(min(hidden))], *panel, columns, names, short)


def _name_width(names: Iterable[str]) -> float:
    longest = max(_font(100, bold=True).getlength(name) / 100 for name in names)
    # Small letters are wider than in proportion.
    return min(1.05 * longest, _LONGEST_NAME)


def _hidden(
    joints: Array, corner: tuple[int, int], panel: tuple[int, int], size: tuple[int, int]
) -> int:
    """How many joints a panel at `corner` would hide in all frames."""
    start = np.array(corner) / size
    end = (np.array(corner) + panel) / size
    # NaN compares false.
    return int(((joints >= start) & (joints <= end)).all(axis=2).sum())


def draw_panel(layout: Layout, prediction: Prediction) -> Image.Image:
    """The panel as an RGBA image of the size laid out, see-through between what is written."""
    estimate, em = prediction.estimate, layout.em
    named = estimate.genre is not None
    best = int(estimate.probabilities.argmax()) if estimate.confidence else None
    panel = _ground(layout.width, layout.height, round(0.7 * em)).copy()
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
        likeliest = number == best
        colour = _TEXT if likeliest else _QUIET
        _write(draw, (left, middle), name, colour, em, names, bold=likeliest)
        bar = (start, middle - 0.3 * em, stop, middle + 0.3 * em)
        draw.rectangle(bar, _LINE)
        percent = "\N{EN DASH}"
        if best is not None:
            probability = float(estimate.probabilities[number])
            percent = f"{probability:.0%}"
            fill = (_ACCENT if named else _TEXT) if likeliest else _FILL
            draw.rectangle((*bar[:2], start + probability * (stop - start), bar[3]), fill)
        font = _font(em, bold=likeliest)
        draw.text((end, middle), percent, colour, font, anchor="rm")
    return panel


def _draw_head(
    draw: ImageDraw.ImageDraw, layout: Layout, prediction: Prediction, best: int | None
) -> None:
    estimate, em, pad = prediction.estimate, layout.em, _PAD * layout.em
    room = layout.width - 2 * pad
    if estimate.genre is not None:
        headline, detail = layout.names[estimate.genre], f"{estimate.confidence:.0%} confidence"
        colour, quiet = _ACCENT, _TEXT
    else:
        headline, detail = WORDS[estimate.status], ""
        colour, quiet = _TEXT, _QUIET
        if best is not None:
            name = list(layout.names.values())[best]
            detail = f"most likely {name}, {estimate.confidence:.0%}"
    # The width in which there is one column has room for the one or the other.
    stacked = layout.columns == 1
    first = pad + (1.1 if stacked else 0.95) * em
    size = _HEADLINE * em
    _write(draw, (pad, first), headline, colour, size, room * (1 if stacked else 0.55), bold=True)
    if stacked:
        _write(draw, (pad, pad + 3.05 * em), detail, quiet, _DETAIL * em, room)
    else:
        place = (layout.width - pad, first)
        _write(draw, place, detail, quiet, _DETAIL * em, room * 0.43, anchor="rm")


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
    """Writes beside `place`, smaller or cut off where it is wider than `width`."""
    font = _font(em, bold=bold)
    if (needed := font.getlength(text)) > width:
        # Not so small that it cannot be read, where it can be now, nor out of proportion.
        least = min(max(em / 2, _READABLE), em)
        font = _font(max(0.98 * em * width / needed, least), bold=bold)
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
def _ground(width: int, height: int, radius: int) -> Image.Image:
    large = Image.new("L", (width * _SMOOTH, height * _SMOOTH))
    corner = (0, 0, large.width - 1, large.height - 1)
    ImageDraw.Draw(large).rounded_rectangle(corner, radius * _SMOOTH, _GROUND[3])
    ground = Image.new("RGBA", (width, height), _GROUND)
    ground.putalpha(large.resize((width, height), Image.Resampling.BOX))
    return ground


# Blue, green, red. Left and right stay apart in the eyes of people who see two of the primary
# colours as one.
_MIDDLE: Final = (251, 244, 246)
_LEFT: Final = (60, 170, 255)
_RIGHT: Final = (250, 190, 40)
_RIM: Final = (16, 10, 11)

# Joints that pose estimation only guesses are left out, and those it is sure of drawn in full.
_GUESSED: Final = 0.2
_SURE: Final = 0.6
_CHIN: Final = len(JOINTS)
_NECK: Final = _CHIN + 1
_SUBPIXEL: Final = 4  # bits


def _limbs() -> tuple[tuple[int, int, _Colour], ...]:
    def joint(name: str) -> int:
        return JOINTS.index(name)

    limbs = [(_NECK, _CHIN, _MIDDLE)]
    for part in ("shoulder", "hip"):
        limbs.append((joint(f"left_{part}"), joint(f"right_{part}"), _MIDDLE))
    for side, colour in (("left", _LEFT), ("right", _RIGHT)):
        limbs.append((joint(f"{side}_shoulder"), joint(f"{side}_hip"), _MIDDLE))
        for chain in (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")):
            for start, end in pairwise(chain):
                limbs.append((joint(f"{side}_{start}"), joint(f"{side}_{end}"), colour))
    return tuple(limbs)


_LIMBS: Final = _limbs()


class Overlay:
    """Draws on the frames of one clip.

    The panel with the words and bars lies in the corner, or of an upright picture on the edge,
    that hides least of the dancer in the whole of the clip.

    Args:
        width: of the frames in pixels.
        height: of the frames in pixels.
        names: of the genres by code, in the classifier's order.
        marks: (T, 33, 3) of a track: where the dancer is in each frame.
    """

    def __init__(self, width: int, height: int, names: Mapping[str, str], marks: Array) -> None:
        self._size = np.array([width, height], np.float32)
        joints = marks[:, OF_COCO, :2]
        self._layout = lay_out(width, height, names, joints)
        self._thickness = _thickness(self._size, joints)
        self._said: Prediction | None = None

    def draw(self, image: Picture, marks: Array, visibility: Array, prediction: Prediction) -> None:
        """Draws on one frame.

        Args:
            image: (H, W, 3) BGR of the size given; is drawn on.
            marks: (33, 3) normalised to the image as in `Landmarks`, or NaN where nobody is seen.
            visibility: (33,).
            prediction: what is said at this moment.
        """
        if np.isfinite(marks).all():
            self._draw_skeleton(image, marks[OF_COCO, :2], visibility[list(OF_COCO)])
        if self._layout is None:
            return
        if prediction is not self._said:
            self._said = prediction
            panel = np.asarray(draw_panel(self._layout, prediction))
            self._panel = np.ascontiguousarray(panel[..., 2::-1])
            self._weight = panel[..., 3].astype(np.float32) / 255
        height, width = self._weight.shape
        top, left = self._layout.top, self._layout.left
        under = image[top : top + height, left : left + width]
        under[:] = cv2.blendLinear(under, self._panel, 1 - self._weight, self._weight)

    def _draw_skeleton(self, image: Picture, joints: Array, visibility: Array) -> None:
        # OpenCV counts in whole numbers, which a joint far outside would not fit.
        places = np.clip(joints, -3, 4) * self._size - 0.5
        ears = slice(JOINTS.index("left_ear"), JOINTS.index("right_ear") + 1)
        neck = slice(JOINTS.index("left_shoulder"), JOINTS.index("right_shoulder") + 1)
        throat = places[neck].mean(axis=0)
        # Half way up to the head: the face stays free.
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
    """Of limbs in pixels, for a dancer who is so tall in most frames (T, 17, 2)."""
    seen = joints[np.isfinite(joints).all(axis=(1, 2))]
    if not len(seen):
        return 1.0
    tall = float(np.median(np.ptp(seen * size, axis=1).max(axis=1)))
    return min(max(0.012 * tall, 1.5), 0.012 * float(size.max()) + 1)
