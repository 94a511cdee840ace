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
from tests.fuzz.fuzzing import check_parser, damaged_bytes, fuzz_test, slow_fuzz_test, texts

NAMES = ["clip.mp4", "clip.mkv", "clip.avi"]


def write_video(path: Path) -> bytes:
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
    return {name: write_video(folder / name) for name in NAMES}


@slow_fuzz_test
@given(data=st.data())
@pytest.mark.parametrize("name", NAMES)
def test_damaged_video_has_rising_times_or_is_rejected(
    tmp_path: Path, videos: dict[str, bytes], name: str, data: st.DataObject
) -> None:
    path = tmp_path / name
    path.write_bytes(data.draw(damaged_bytes(videos[name])))
    with check_parser("video files", SourceError), closing(FileSource(path)) as source:
        times: list[float] = []
        while (frame := source.read()) and len(times) < 50:
            assert frame.image.ndim == 3
            times.append(frame.time)
        assert all(earlier < later for earlier, later in pairwise(times))


@fuzz_test
@given(texts)
@example("~no-such-user/clip.mp4")
@example("x" * 3000)
@example("a\0b")
@example("\udcff")
def test_missing_file_with_any_name_is_rejected(name: str) -> None:
    with check_parser("video files", SourceError):
        FileSource(f"/dev/null/{name}")
    with check_parser("video files", SourceError):
        FileSource(name)


@fuzz_test
@given(st.floats(), st.lists(st.floats(), max_size=20))
def test_any_times_in_file_become_rising(fps: float, stored: list[float]) -> None:
    with check_parser("video files"):
        times = FrameTimes(fps)
        rising = [times.next(time) for time in stored]
        steps = [later - earlier for earlier, later in pairwise(rising)]
        assert all(0 <= step <= 86_400.001 for step in steps)
