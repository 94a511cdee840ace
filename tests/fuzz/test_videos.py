from contextlib import closing
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dancetype.engine.errors import SourceError
from dancetype.engine.media.video import FrameTimes
from dancetype.stream.sources.file import FileSource
from tests.fuzz.fuzzing import damaged, fuzzed, fuzzed_less, only, texts

NAMES = ["clip.mp4", "clip.mkv", "clip.avi"]


def made(path: Path) -> bytes:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for index in range(5):
            image = np.full((32, 32, 3), 40 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        container.mux(stream.encode())
    return path.read_bytes()


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("videos")
    return {name: made(folder / name) for name in NAMES}


@fuzzed_less
@given(data=st.data())
@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_video_gives_rising_frames_or_is_refused(
    tmp_path: Path, videos: dict[str, bytes], name: str, data: st.DataObject
) -> None:
    path = tmp_path / name
    path.write_bytes(data.draw(damaged(videos[name])))
    with only("video files", SourceError), closing(FileSource(path)) as source:
        times: list[float] = []
        while (frame := source.read()) and len(times) < 50:
            assert frame.image.ndim == 3
            times.append(frame.time)
        assert all(one < other for one, other in pairwise(times))


@fuzzed
@given(texts)
@example("~nobody-by-that-name/clip.mp4")
@example("x" * 3000)
@example("a\0b")
@example("\udcff")
def test_any_name_of_a_file_is_refused_where_there_is_none(name: str) -> None:
    with only("video files", SourceError):
        FileSource(f"/dev/null/{name}")
    with only("video files", SourceError):
        FileSource(name)


@fuzzed
@given(st.floats(), st.lists(st.floats(), max_size=20))
def test_any_times_of_a_file_become_rising_ones(fps: float, told: list[float]) -> None:
    with only("video files"):
        times = FrameTimes(fps)
        steps = [other - one for one, other in pairwise(times.next(time) for time in told)]
        assert all(0 <= step <= 10.001 for step in steps)
