"""Classify dance genres live from a camera, or from video files.

    import dancetype

    print(dancetype.classify("clip.mp4").genre)
    for prediction in dancetype.watch("rtsp://camera/1"):  # or 0, a file, "test:"
        print(prediction.genre, prediction.confidence)

Only the names in `__all__` are public. They are imported on first use, so that importing the
package alone loads neither OpenCV nor onnxruntime.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dancetype.engine.classifier import Classifier
    from dancetype.engine.media.track import Track
    from dancetype.engine.recognizer import Prediction, Recognizer
    from dancetype.library import classify, watch

__all__ = [
    "Classifier",
    "Prediction",
    "Recognizer",
    "Track",
    "__version__",
    "classify",
    "watch",
]

__version__: str

_MODULES: Final = {
    "Classifier": "dancetype.engine.classifier",
    "Prediction": "dancetype.engine.recognizer",
    "Recognizer": "dancetype.engine.recognizer",
    "Track": "dancetype.engine.media.track",
    "classify": "dancetype.library",
    "watch": "dancetype.library",
}


# In a checkout without symbolic links, as on Windows by default, the links to the subpackages are
# text files. The subpackages are then found in the parent folder.
if (Path(__file__).parent / "engine").is_file():
    __path__.append(str(Path(__file__).parents[1]))


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("dancetype")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
