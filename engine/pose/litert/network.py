"""The two networks in a Pose Landmarker's file, as LiteRT runs them."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from dancetype.engine.errors import ModelError
from dancetype.engine.pose.litert.pruning import pruned
from dancetype.engine.skeleton import Array

# Shapes of the outputs that are wanted, by their places in the files.
_BOXES: Final = {0: (1, 2254, 12), 1: (1, 2254, 1)}
# The third of them, a mask of the person, nobody reads.
_LANDMARKS: Final = {0: (1, 195), 1: (1, 1), 3: (1, 64, 64, 39), 4: (1, 117)}


class Network:
    """A network that makes arrays of an image.

    Args:
        model: a TensorFlow Lite file.
        outputs: shapes of those wanted, by their places in the file.
        lowest: what the network sees for 0; for 255 it sees 1.
        threads: to compute with.

    Attributes:
        pixels: length of a side of the image.

    Raises:
        ValueError: the file is none, or its inputs and outputs are others.
    """

    def __init__(
        self,
        model: bytes,
        outputs: Mapping[int, tuple[int, ...]],
        *,
        lowest: float,
        threads: int,
    ) -> None:
        content = pruned(model, list(outputs))
        self._interpreter = Interpreter(model_content=content, num_threads=threads)
        self._interpreter.allocate_tensors()
        (entrance,) = self._interpreter.get_input_details()
        exits = self._interpreter.get_output_details()
        shapes = [tuple(details["shape"].tolist()) for details in exits]
        if shapes != list(outputs.values()):
            raise ValueError(f"its outputs are of shapes {shapes}")
        self.pixels = int(entrance["shape"][1])
        self._entrance = self._interpreter.tensor(entrance["index"])
        self._exits = [details["index"] for details in exits]
        step = np.float32((1 - lowest) / 255)
        self._values = (np.arange(256) * float(step) + lowest).astype(np.float32)

    def __call__(self, image: NDArray[np.uint8]) -> list[Array]:
        """Its outputs for an image (pixels, pixels, 3) RGB."""
        # LiteRT refuses to compute while its memory is held, so nothing may keep the array.
        cv2.LUT(image, self._values, dst=self._entrance()[0])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index)[0] for index in self._exits]


def load_networks(model: Path, *, threads: int) -> tuple[Network, Network]:
    """Loads what is in a `.task` file of the Pose Landmarker, a zip archive.

    Args:
        model: the file.
        threads: for each network to compute with.

    Returns:
        The one that finds people: (2254, 12) boxes with points and (2254, 1) scores. And the one
        that finds the landmarks of one: (195,), (1,) presence, (64, 64, 39) heat maps and (117,)
        world landmarks.

    Raises:
        ModelError: no such file, or no such model.
    """
    if not model.is_file():
        raise ModelError(f"no such file: {model}")
    try:
        with zipfile.ZipFile(model) as archive:
            boxes = archive.read("pose_detector.tflite")
            landmarks = archive.read("pose_landmarks_detector.tflite")
        return (
            Network(boxes, _BOXES, lowest=-1.0, threads=threads),
            Network(landmarks, _LANDMARKS, lowest=0.0, threads=threads),
        )
    # What LiteRT raises depends on how far it got with the file.
    except (
        zipfile.BadZipFile,
        zlib.error,
        LookupError,
        ValueError,
        RuntimeError,
        OSError,
    ) as error:
        raise ModelError(f"{model}: not a pose model: {error}") from error
