"""The two networks in a Pose Landmarker file, run by LiteRT."""

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
from dancetype.engine.pose.bundle import DETECTOR, LANDMARKER
from dancetype.engine.pose.litert.pruning import prune
from dancetype.engine.skeleton import Array

# Shapes of the outputs that are used, by index in the file.
_DETECTOR_OUTPUTS: Final = {0: (1, 2254, 12), 1: (1, 2254, 1)}
# Output 2, a mask of the person, is not used.
_LANDMARKER_OUTPUTS: Final = {0: (1, 195), 1: (1, 1), 3: (1, 64, 64, 39), 4: (1, 117)}


class Network:
    """Network that computes arrays from an image.

    Args:
        model: Content of a TensorFlow Lite file.
        outputs: Shapes of the outputs to compute, by index in the file.
        lowest: Input value for a pixel of 0; the value for 255 is 1.
        threads: Number of threads.

    Attributes:
        pixels: Width and height of the image.

    Raises:
        ValueError: `model` is not such a file, or has other inputs or outputs.
    """

    def __init__(
        self,
        model: bytes,
        outputs: Mapping[int, tuple[int, ...]],
        *,
        lowest: float,
        threads: int,
    ) -> None:
        content = prune(model, list(outputs))
        self._interpreter = Interpreter(model_content=content, num_threads=threads)
        self._interpreter.allocate_tensors()
        (image,) = self._interpreter.get_input_details()
        results = self._interpreter.get_output_details()
        shapes = [tuple(result["shape"].tolist()) for result in results]
        if shapes != list(outputs.values()):
            raise ValueError(f"its outputs have the shapes {shapes}")
        self.pixels = int(image["shape"][1])
        self._input = self._interpreter.tensor(image["index"])
        self._outputs = [result["index"] for result in results]
        step = np.float32((1 - lowest) / 255)
        self._input_values = (np.arange(256) * float(step) + lowest).astype(np.float32)

    def __call__(self, image: NDArray[np.uint8]) -> list[Array]:
        """Return the outputs for an image (pixels, pixels, 3) RGB."""
        # LiteRT refuses to run while its memory is referenced, so do not keep the input array.
        cv2.LUT(image, self._input_values, dst=self._input()[0])
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index)[0] for index in self._outputs]


def load_networks(model: Path, *, threads: int) -> tuple[Network, Network]:
    """Load the detector and the landmark network from a `.task` file, a zip archive.

    Args:
        model: Path of the file.
        threads: Number of threads of each network.

    Raises:
        ModelError: The file does not exist or is not a pose model.
    """
    try:
        with zipfile.ZipFile(model) as archive:
            detector = archive.read(DETECTOR)
            landmarker = archive.read(LANDMARKER)
        return (
            Network(detector, _DETECTOR_OUTPUTS, lowest=-1.0, threads=threads),
            Network(landmarker, _LANDMARKER_OUTPUTS, lowest=0.0, threads=threads),
        )
    # The type of the error depends on how far LiteRT gets with the file.
    except (
        zipfile.BadZipFile,
        zlib.error,
        LookupError,
        ValueError,
        RuntimeError,
        OSError,
    ) as error:
        raise ModelError(f"{model}: not a pose model: {error}") from error
