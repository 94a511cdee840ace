import gc
from collections.abc import Callable
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition

from dancetype.engine.errors import FileError, MissingFileError
from dancetype.engine.media.images import Image, ImageConverter
from dancetype.engine.media.sampler import FrameSampler
from dancetype.engine.media.video import FrameTimes, Video, realtime_threads
from tests.testbed.videos import coloured_frames, join_tracks, noisy_frames, write_video

MakeVideo = Callable[..., Path]


def test_video_yields_every_frame_with_its_time(make_video: MakeVideo) -> None:
    with Video(make_video(frames=10, fps=25)) as video:
        assert video.frames == 10
        frames = list(video)
        assert video.read() is None
    assert [time for time, _ in frames] == pytest.approx(np.arange(10) / 25)
    assert {(image.shape, image.dtype) for _, image in frames} == {
        ((48, 64, 3), np.dtype(np.uint8))
    }
    brightness = [image[-1, -1].mean() for _, image in frames]
    assert all(earlier < later for earlier, later in pairwise(brightness))


def test_missing_file_and_unreadable_file_raise_different_errors(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"missing\.mp4: no such file"):
        Video(tmp_path / "missing.mp4")
    (tmp_path / "text.mp4").write_text("hello")
    with pytest.raises(FileError, match=r"text\.mp4: no video that can be read") as caught:
        Video(tmp_path / "text.mp4")
    assert not isinstance(caught.value, MissingFileError)


def test_valid_times_are_used_relative_to_the_first() -> None:
    times = FrameTimes(fps=25)
    stored = (0.4, 0.44, 0.6, 0.61)
    assert [times.next(time) for time in stored] == pytest.approx([0, 0.04, 0.2, 0.21])


@pytest.mark.parametrize(
    "stored",
    [
        (0.0, 0.0, 0.0, 0.0),
        (float("nan"),) * 4,
        (9.0, 0.0, -1.0, -2.0),
        (0.0, 1e9, 1e9, 2e9),
        (0.0, 0.1, 0.1, 0.1),
        (0.0, float("inf"), 0.2, 0.3),
    ],
    ids=["missing", "not a number", "backwards", "jumping", "repeating", "infinite"],
)
def test_invalid_times_are_replaced_at_frame_rate(stored: tuple[float, ...]) -> None:
    times = FrameTimes(fps=10)
    assert [times.next(time) for time in stored] == pytest.approx([0.0, 0.1, 0.2, 0.3], abs=1e-6)


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf"), 1e5])
def test_implausible_frame_rate_is_replaced_by_thirty(fps: float) -> None:
    times = FrameTimes(fps)
    assert [times.next(0.0), times.next(0.0)] == pytest.approx([0, 1 / 30])


def test_skipped_frames_are_not_converted_to_images(
    make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert = ImageConverter._convert
    converted: list[float | None] = []

    def count(self: ImageConverter, frame: av.VideoFrame, width: int) -> Image:
        converted.append(frame.time)
        return convert(self, frame, width)

    monkeypatch.setattr(ImageConverter, "_convert", count)
    checked: list[float] = []

    def accept(self: FrameSampler, time: float) -> bool:
        checked.append(time)
        return len(checked) % 3 == 1

    monkeypatch.setattr(FrameSampler, "accept", accept)
    with Video(make_video(frames=10, fps=25)) as video:
        times = [time for time, _ in video]
    assert checked == pytest.approx([index / 25 for index in range(10)])
    assert times == checked[::3]
    assert len(converted) == 4


@pytest.mark.parametrize(
    ("options", "threads"),
    [
        ({}, 4),
        ({"threads": 2}, 2),
        ({"realtime": True}, 1),
        ({"realtime": True, "threads": 1}, 1),
    ],
    ids=str,
)
def test_threads_follow_from_the_cores_and_the_need(
    make_video: MakeVideo,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    threads: int,
) -> None:
    monkeypatch.setattr("dancetype.engine.media.video.available_cores", lambda: 64)
    with Video(make_video(), **options) as video:
        assert video._stream.thread_count == threads


@pytest.mark.parametrize(
    ("size", "rate", "threads"),
    [
        ((1280, 720), Fraction(30), 1),
        ((1920, 1080), Fraction(60), 2),
        ((3840, 2160), Fraction(30), 3),
        ((3840, 2160), Fraction(60), 4),
        ((3840, 2160), None, 3),
        ((3840, 2160), Fraction(90_000), 3),
        ((0, 0), Fraction(25), 1),
    ],
    ids=str,
)
def test_as_many_threads_decode_a_stream_as_real_time_needs(
    size: tuple[int, int], rate: Fraction | None, threads: int
) -> None:
    codec_context = SimpleNamespace(width=size[0], height=size[1])
    stream: Any = SimpleNamespace(codec_context=codec_context, average_rate=rate)
    assert realtime_threads(stream) == threads


def test_frames_are_freed_without_the_garbage_collector(make_video: MakeVideo) -> None:
    gc.disable()
    try:
        with Video(make_video(frames=20)) as video:
            alive = [sum(type(value) is av.VideoFrame for value in gc.get_objects()) for _ in video]
    finally:
        gc.enable()
    assert max(alive) - min(alive) <= 2


def test_deferred_image_can_be_converted_after_the_file_is_closed(make_video: MakeVideo) -> None:
    path = make_video(frames=3)
    with Video(path) as video:
        images = [image for _, image in video]
    with Video(path) as video:
        pictures = list(iter(video.read_deferred, None))
    for image, picture in zip(images, pictures, strict=True):
        assert picture is not None
        np.testing.assert_array_equal(picture[1](), image)


# A pause, two pauses, and one frame every 15 seconds.
PAUSES = [
    [0, 0.04, 0.08, 60.1, 60.14],
    [0, 20, 20.04, 20.08, 900],
    [0, 15, 30, 45, 60],
]


@pytest.mark.parametrize("times", PAUSES)
@pytest.mark.parametrize("suffix", ["mkv", "mp4", "ts", "flv"])
def test_times_are_presentation_times_whatever_the_pauses(
    tmp_path: Path, suffix: str, times: list[float]
) -> None:
    path = write_video(tmp_path / f"clip.{suffix}", coloured_frames(5), times)
    with Video(path) as video:
        assert [time for time, _ in video] == pytest.approx(times, abs=0.01)


def test_second_of_two_joined_recordings_keeps_its_pauses(tmp_path: Path) -> None:
    first = write_video(tmp_path / "1.ts", coloured_frames(4), [0, 0.04, 0.08, 0.12])
    second = write_video(tmp_path / "2.ts", coloured_frames(3), [0, 7, 30])
    # Television recordings start anywhere on the clock of the stream.
    late = write_video(tmp_path / "3.ts", coloured_frames(2), [3000, 3020])
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(path.read_bytes() for path in (late, first, second)))
    with Video(joined) as video:
        times = [time for time, _ in video]
    assert np.diff(times)[[0, 2, 3, 4]] == pytest.approx([20, 0.04, 0.04, 0.04], abs=0.01)
    assert np.diff(times)[6:] == pytest.approx([7, 23], abs=0.01)


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov"])
@pytest.mark.parametrize(
    ("default", "width"), [(0, 64), (1, 128), (2, 96), (None, 128)], ids=["1", "2", "3", "equal"]
)
def test_default_track_is_read_or_else_the_largest(
    tmp_path: Path, suffix: str, default: int | None, width: int
) -> None:
    clips = [
        write_video(tmp_path / f"{size[0]}.mp4", coloured_frames(3, size=size), [0, 0.04, 0.08])
        for size in ((64, 48), (128, 96), (96, 96))
    ]
    with Video(join_tracks(tmp_path / f"tracks.{suffix}", clips, default=default)) as video:
        images = [image for _, image in video]
    assert [image.shape[1] for image in images] == [width] * 3


def test_cover_picture_is_not_a_video(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", coloured_frames(3), [0, 0.04, 0.08])
    success, cover = cv2.imencode(".jpg", np.zeros((600, 600, 3), np.uint8))
    assert success
    with av.open(str(clip)) as original, av.open(str(tmp_path / "cover.mp4"), "w") as container:
        picture = container.add_stream("mjpeg", rate=25)
        picture.width, picture.height, picture.pix_fmt = 600, 600, "yuvj420p"
        picture.disposition = Disposition.attached_pic
        track = original.streams.video[0]
        copy = container.add_stream_from_template(track)
        copy.disposition = Disposition(0)
        cover_packet = av.Packet(cover.tobytes())
        cover_packet.stream, cover_packet.pts, cover_packet.dts = picture, 0, 0
        container.mux(cover_packet)
        for packet in original.demux(track):
            if packet.dts is not None:
                packet.stream = copy
                container.mux(packet)
    with Video(tmp_path / "cover.mp4") as video:
        assert [image.shape for _, image in video] == [(48, 64, 3)] * 3


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp4", "libx264"), ("ts", "libx264"), ("mkv", "mpeg4")]
)
@pytest.mark.parametrize(
    ("aspect", "width"),
    [(Fraction(4, 3), 85), (Fraction(2), 128), (Fraction(12, 11), 70), (Fraction(1, 2), 32)],
    ids=str,
)
def test_frames_have_square_pixels(
    tmp_path: Path, suffix: str, codec: str, aspect: Fraction, width: int
) -> None:
    path = tmp_path / f"clip.{suffix}"
    write_video(path, coloured_frames(12), np.arange(12) / 25, codec=codec, pixel_aspect=aspect)
    with Video(path) as video:
        _, image = list(video)[-1]
    assert image.shape == (48, width, 3)
    # The red corner is stretched with the image.
    red = image[4, :, 2].astype(int) - image[4, :, 1]
    assert np.flatnonzero(red > 100)[-1] == pytest.approx(width / 2, abs=4)


@pytest.mark.parametrize("aspect", [Fraction(1, 50), Fraction(50)], ids=str)
def test_implausible_pixel_aspect_is_ignored(tmp_path: Path, aspect: Fraction) -> None:
    path = write_video(tmp_path / "clip.mp4", coloured_frames(1), [0], pixel_aspect=aspect)
    with Video(path) as video:
        assert [image.shape for _, image in video] == [(48, 64, 3)]


def test_pixel_aspect_may_change_within_a_stream(tmp_path: Path) -> None:
    parts = [
        write_video(
            tmp_path / f"{n}.ts", coloured_frames(12), np.arange(12) / 25, pixel_aspect=aspect
        )
        for n, aspect in enumerate([Fraction(12, 11), Fraction(16, 11), Fraction(1)])
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(path.read_bytes() for path in parts))
    with Video(joined) as video:
        widths = [image.shape[1] for _, image in video]
    assert (widths[0], widths[len(widths) // 2], widths[-1]) == (70, 93, 64)


@pytest.mark.parametrize(
    ("rotation", "mirrored", "corner"),
    [
        (0, True, (False, True)),
        (90, False, (True, False)),
        (90, True, (True, True)),
        (180, True, (True, False)),
        (-90, False, (False, True)),
        (-90, True, (False, False)),
    ],
)
def test_frames_are_turned_and_mirrored_as_the_file_demands(
    tmp_path: Path, rotation: int, mirrored: bool, corner: tuple[bool, bool]
) -> None:
    path = tmp_path / "clip.mp4"
    aspect = Fraction(3, 2)
    write_video(
        path, coloured_frames(1), [0], pixel_aspect=aspect, rotation=rotation, mirrored=mirrored
    )
    with Video(path) as video:
        ((_, image),) = list(video)
    assert image.shape == ((96, 48, 3) if abs(rotation) == 90 else (48, 96, 3))
    red = image[..., 2].astype(int) - image[..., 1]
    row, column = np.unravel_index(int(red.argmax()), red.shape)
    # Whether the red corner is at the bottom, and whether it is on the right.
    assert (int(row) >= image.shape[0] // 2, int(column) >= image.shape[1] // 2) == corner


def test_title_of_a_file_may_have_any_encoding(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "TITLE"
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for image in coloured_frames(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    path.write_bytes(path.read_bytes().replace(b"TITLE", b"T\xe4nz\xff"))
    with Video(path) as video:
        assert len(list(video)) == 3


def flip_bytes(path: Path, count: int) -> None:
    """Change some bytes in the middle of a file."""
    content, rng = bytearray(path.read_bytes()), np.random.default_rng(1)
    for position in rng.integers(len(content) // 5, 4 * len(content) // 5, count):
        content[position] ^= int(rng.integers(1, 256))
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("clip.mp4", "libx264"),
        ("clip.mkv", "libx264"),
        ("clip.ts", "libx264"),
        ("clip.avi", "mpeg4"),
    ],
)
def test_damaged_packets_are_counted_and_skipped(tmp_path: Path, name: str, codec: str) -> None:
    path = write_video(tmp_path / name, noisy_frames(40), np.arange(40) / 25, codec=codec)
    with Video(path) as video:
        assert (len(list(video)), video.damaged) == (40, 0)
    flip_bytes(path, 12)
    with Video(path) as video:
        frames = list(video)
        assert 25 < len(frames) <= 40
        assert 3 <= video.damaged <= 24
    assert all(earlier < later for (earlier, _), (later, _) in pairwise(frames))


def test_missing_part_of_a_transport_stream_counts_as_damage(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.ts", noisy_frames(40), np.arange(40) / 25)
    content = path.read_bytes()
    middle = len(content) // 2 // 188 * 188
    path.write_bytes(content[:middle] + content[middle + 20 * 188 :])
    with Video(path) as video:
        assert len(list(video)) > 30
        assert video.damaged > 0


def test_playlist_in_a_file_opens_no_connection(tmp_path: Path) -> None:
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            self.send_error(404)

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/clip.ts"
        playlists = {
            "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n#EXT-X-ENDLIST\n",
            "list.mp4": f"ffconcat version 1.0\nfile '{url}'\n",
        }
        for name, text in playlists.items():
            (tmp_path / name).write_text(text)
            with pytest.raises(FileError), Video(tmp_path / name) as video:
                video.read()
        server.shutdown()
    assert requests == []
