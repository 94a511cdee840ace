from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from dancetype.stream.assets import POSE_MODELS, SAMPLE_CLIP, cache_folder, fetch

MakeVideo = Callable[..., Path]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real data, next to the checkout."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs real data in {folder}, which does not exist")
    return folder


@pytest.fixture(scope="session")
def pose_model() -> Path:
    """MediaPipe's full pose model from the user's cache, downloaded if it is missing."""
    return fetch(POSE_MODELS["full"], cache_folder(), report=print)


@pytest.fixture(scope="session")
def sample_clip() -> Path:
    """Clip of the demo: a real person, 230 frames at 30 frames per second."""
    return fetch(SAMPLE_CLIP, cache_folder(), report=print)


@pytest.fixture
def make_video(tmp_path: Path) -> MakeVideo:
    """Return a function that makes a video of ever brighter frames with a red top left corner."""

    def make(name: str = "clip.mp4", *, frames: int = 10, fps: float = 25.0) -> Path:
        path = tmp_path / name
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (64, 48))
        for index in range(frames):
            image = np.full((48, 64, 3), 10 * index, np.uint8)
            image[:24, :32] = (0, 0, 255)
            writer.write(image)
        writer.release()
        return path

    return make
