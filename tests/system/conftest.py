import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.testbed.rtsp_server import RtspServer, find_free_port, write_stream

Figure = Callable[[str, str], None]


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Function that records a measured figure, `text`, for a row of reliability.md."""

    def record(row: str, text: str) -> None:
        test = request.node.nodeid
        print(f"{row}: {text}")
        if path := os.environ.get("DANCETYPE_FIGURES"):
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"row": row, "test": test, "text": text}) + "\n")

    return record


@pytest.fixture
def free_port() -> int:
    """An unused port of 127.0.0.1."""
    return find_free_port()


@pytest.fixture(scope="session")
def videos(sample_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a video of a real person in two small frame sizes."""
    folder = tmp_path_factory.mktemp("videos")
    write_stream(sample_clip, folder / "small.mp4", width=320, height=180)
    write_stream(sample_clip, folder / "other.mp4", width=256, height=144)
    return folder


@pytest.fixture(scope="module")
def camera(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RtspServer]:
    """A real RTSP server that streams `show.mp4`, which a test may replace."""
    folder = tmp_path_factory.mktemp("camera")
    shutil.copy(videos / "small.mp4", folder / "show.mp4")
    with RtspServer(folder) as server:
        yield server


@pytest.fixture(scope="session")
def pictures() -> Path:
    """A folder for screenshots, which are kept for inspection."""
    folder = Path(
        os.environ.get("DANCETYPE_PICTURES", Path(__file__).parents[2] / "build/pictures")
    )
    folder.mkdir(parents=True, exist_ok=True)
    return folder
