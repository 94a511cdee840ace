"""What several verbs load before they start."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from dancetype.engine.errors import AssetError, ExpectedError
from dancetype.stream.assets import POSE_MODELS, cache_folder, fetch
from dancetype.stream.settings import Settings, Variant

if TYPE_CHECKING:
    from dancetype.engine.pose.base import PoseEstimator

SYSTEM_LIBRARIES: Final = {
    "libGL.so.1": "libgl1",
    "libgthread-2.0.so.0": "libglib2.0-0",
}
"""What OpenCV loads, with the Debian package each is in."""

MEDIAPIPE_LIBRARIES: Final = {"libEGL.so.1": "libegl1", "libGLESv2.so.2": "libgles2"}
"""What MediaPipe loads besides, likewise."""


def say(line: str) -> None:
    """Tells the user what is going on, on stderr."""
    Console(stderr=True).print(Text(line), soft_wrap=True)


def pose_model(own: Path | None, variant: Variant) -> Path:
    """The pose model to use: the user's own, or MediaPipe's, fetched where it is not there yet.

    Raises:
        AssetError: it is not there, or cannot be fetched.
    """
    if own is None:
        return fetch(POSE_MODELS[variant], cache_folder(), say=say)
    if not own.is_file():
        raise AssetError(f"no such pose model: {own}")
    return own


def estimator_maker(settings: Settings, *, people: int = 1) -> Callable[[], "PoseEstimator"]:
    """Makes pose estimators as the settings have them, on whichever thread it is called.

    Args:
        settings: say the pose model, which is fetched at once, and what runs it.
        people: how many to find at most.

    Raises:
        AssetError: the model is not there, or cannot be fetched.
    """
    model = pose_model(settings.pose_model, settings.variant)

    def make() -> "PoseEstimator":
        # A second to load, and for MediaPipe itself on the thread that uses it.
        from dancetype.engine.pose.opening import open_estimator

        with native_libraries():
            return open_estimator(model, runtime=settings.pose_runtime, people=people)

    return make


@contextmanager
def native_libraries() -> Iterator[None]:
    """Explains a system library that is missing when OpenCV or MediaPipe are loaded.

    Raises:
        ExpectedError: one is.
    """
    try:
        yield
    except OSError as error:
        raise _explained(error) from error
    except ImportError as error:
        raise _explained(error) from error


def _explained(error: Exception) -> Exception:
    if "cannot open shared object file" not in str(error):
        return error
    packages = " ".join((SYSTEM_LIBRARIES | MEDIAPIPE_LIBRARIES).values())
    return ExpectedError(f"{error}; on Debian and Ubuntu: apt-get install {packages}")
