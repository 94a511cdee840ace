"""HLS playlists."""

from contextlib import closing
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final

import av
import numpy as np
import pytest

from dancetype.engine.errors import Fault
from dancetype.stream.sources.network import NetworkSource
from dancetype.stream.sources.uri import parse_uri
from tests.stream.sources.streams import Handler, fault_of, read_all, send
from tests.testbed.senders import PlaylistServer

FPS: Final = 10


def write_segment(path: Path, *, start: int = 0, frames: int = 10, width: int = 64) -> None:
    """Write a segment that begins with frame `start`."""
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=FPS, options={"tune": "zerolatency"})
        video.width, video.height, video.pix_fmt = width, 48, "yuv420p"
        for index in range(start, start + frames):
            picture = av.VideoFrame.from_ndarray(
                np.full((48, width, 3), 20 * (index % 10), np.uint8), format="bgr24"
            )
            picture.pts, picture.time_base = index, Fraction(1, FPS)
            file.mux(video.encode(picture))
        file.mux(video.encode())


def playlist(*segments: str, end: bool = True, duration: float = 1.0) -> str:
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{int(duration)}"]
    for segment in segments:
        lines += [f"#EXTINF:{duration},", segment]
    return "\n".join([*lines, *["#EXT-X-ENDLIST"] * end, ""])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two segments, the second of them in a folder."""
    (tmp_path / "parts").mkdir()
    write_segment(tmp_path / "1.ts")
    write_segment(tmp_path / "parts" / "2.ts", start=10)
    return tmp_path


@pytest.mark.parametrize(
    "second",
    ["parts/2.ts", "./parts/../parts/2.ts", "/parts/2.ts", "{url}/parts/2.ts", "/moved/2.ts"],
)
def test_segments_of_a_playlist_may_be_relative_or_absolute(folder: Path, second: str) -> None:
    def respond(handler: Handler) -> bool:
        return handler.path.startswith("/moved/") and send(
            handler, 302, Location=handler.path.replace("moved", "parts")
        )

    with PlaylistServer(folder, respond) as server:
        text = playlist("1.ts", second.format(url=server.url))
        (folder / "live.m3u8").write_text(text)
        times, error = read_all(f"{server.url}/live.m3u8?token=s3cret")
    assert len(times) == 20
    # Segments arrive at once, but are played at their own pace. A redirect delays a segment.
    assert median(b - a for a, b in pairwise(times)) == pytest.approx(0.1, abs=0.02)
    assert times[-1] - times[0] == pytest.approx(1.9, abs=0.1)
    assert error.fault is Fault.ENDED
    assert str(error) == f"{server.url}/live.m3u8?token=***: the stream has ended"


def test_segments_are_relative_to_the_playlist_after_a_redirect(folder: Path) -> None:
    def respond(handler: Handler) -> bool:
        return handler.path == "/start" and send(handler, 307, Location="/parts/live.m3u8")

    (folder / "parts" / "live.m3u8").write_text(playlist("2.ts"))
    with PlaylistServer(folder, respond) as server:
        assert len(read_all(f"{server.url}/start")[0]) == 10


def test_largest_variant_that_is_not_too_large_is_read(tmp_path: Path) -> None:
    lines = ["#EXTM3U"]
    for width in (64, 1920, 1280, 640):
        write_segment(tmp_path / f"{width}.ts", width=width)
        (tmp_path / f"{width}.m3u8").write_text(playlist(f"{width}.ts"))
        lines += [f"#EXT-X-STREAM-INF:BANDWIDTH={width}000,RESOLUTION={width}x48", f"{width}.m3u8"]
    (tmp_path / "all.m3u8").write_text("\n".join(lines))
    with (
        PlaylistServer(tmp_path) as server,
        closing(NetworkSource(parse_uri(f"{server.url}/all.m3u8"), epoch=0)) as source,
    ):
        assert source.read().image.shape == (48, 1280, 3)


def test_missing_segment_is_skipped(folder: Path) -> None:
    (folder / "live.m3u8").write_text(playlist("1.ts", "gone.ts", "parts/2.ts"))
    with PlaylistServer(folder) as server:
        assert len(read_all(f"{server.url}/live.m3u8")[0]) == 20


@pytest.mark.parametrize(
    "reference",
    [
        *("file:///etc/passwd", "file:{folder}/1.ts", "concat:{folder}/1.ts|{folder}/1.ts"),
        *("subfile,,start,0,end,0,,:{folder}/1.ts", "data:video/mp2t;base64,AAAA", "ftp://x/1.ts"),
        *("tcp://127.0.0.1:9/x.ts", "rtmp://127.0.0.1/x", "crypto:{folder}/1.ts", "pipe:0"),
        *("async:{folder}/1.ts", "cache:{folder}/1.ts", "unix:/tmp/socket", "{folder}/1.ts"),
    ],
)
def test_playlist_opens_nothing_but_http(folder: Path, reference: str) -> None:
    reference = reference.format(folder=folder)
    (folder / "live.m3u8").write_text(playlist(reference))
    with PlaylistServer(folder) as server:
        times, error = read_all(f"{server.url}/live.m3u8")
        requests = [path for _, path in server.requests]
    assert not times
    # A path is relative to the server, where it does not exist.
    assert requests in (["/live.m3u8"], ["/live.m3u8", f"{folder}/1.ts"])
    assert error.fault in (Fault.ENDED, Fault.OTHER, Fault.CODEC)


@pytest.mark.parametrize("place", ["file://{folder}/key", "key"])
def test_encrypted_playlist_is_refused(folder: Path, place: str) -> None:
    (folder / "key").write_bytes(bytes(16))
    key = f'#EXT-X-KEY:METHOD=AES-128,URI="{place.format(folder=folder)}"'
    (folder / "live.m3u8").write_text(playlist(key, "1.ts"))
    with PlaylistServer(folder) as server:
        error = fault_of(f"{server.url}/live.m3u8")
        requests = [path for _, path in server.requests]
    assert "/1.ts" not in requests
    assert ("encrypted" in str(error)) is (place == "key")


def test_requests_for_a_playlist_without_duration_are_limited(folder: Path) -> None:
    (folder / "live.m3u8").write_text(playlist(*["1.ts"] * 3, end=False, duration=0))
    with PlaylistServer(folder) as server:
        read_all(f"{server.url}/live.m3u8")
        times = [moment for moment, _ in server.requests]
    assert len(times) > 8
    in_a_second = [sum(start <= moment < start + 1 for moment in times) for start in times]
    assert max(in_a_second) <= 9
