"""A frame of a clip with the dancer's skeleton and what is said of the dance drawn on it."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.landmarks import OF_COCO
from dancetype.engine.media.opencv import cv2
from dancetype.engine.recognizer import Prediction
from dancetype.engine.skeleton import JOINTS, Array
from dancetype.stream.offline.panel import draw_panel, lay_out

Picture = NDArray[np.uint8]
_Colour = tuple[int, int, int]

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
