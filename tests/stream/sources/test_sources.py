import os
import struct
import wave
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from dancetype.engine.errors import Fault, SourceError, SourceUnavailableError
from dancetype.stream.sources.base import Frame, Source
from dancetype.stream.sources.file import FileSource
from dancetype.stream.sources.opening import open_source
from dancetype.stream.sources.pattern import PatternOptions, PatternSource
from dancetype.stream.sources.uri import parse_uri
from tests.testbed.videos import noisy_frames, write_video

MakeVideo = Callable[..., Path]

# Matrices of an MP4 track header, in its 16.16 fixed point.
ROTATIONS = {
    90: (0, 1, -1, 0),
    180: (-1, 0, 0, -1),
    270: (0, -1, 1, 0),
}


def frames_of(source: Source) -> Iterator[Frame]:
    with closing(source):
        while frame := source.read():
            yield frame


def rotate_by_metadata(video: Path, degrees: int) -> None:
    """Rotate a video as a phone does: keep the pixels, and write the rotation to the header."""
    content = bytearray(video.read_bytes())
    # Type, version and flags, five times and ids of 4 bytes, 8 reserved, layer, group, volume.
    matrix = content.index(b"tkhd") + 4 + 4 + 20 + 16
    a, b, c, d = (value << 16 for value in ROTATIONS[degrees])
    content[matrix : matrix + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    video.write_bytes(content)


def red_corner(frame: Frame) -> tuple[bool, bool]:
    """Return whether the red corner is at the bottom, and whether it is on the right."""
    red = frame.image[..., 2].astype(int) - frame.image[..., 1]
    row, column = np.unravel_index(int(red.argmax()), red.shape)
    return bool(row >= red.shape[0] // 2), bool(column >= red.shape[1] // 2)


def test_rate_of_file_source_may_depend_on_the_capture_time(make_video: MakeVideo) -> None:
    times: list[float] = []

    def rate(time: float) -> float:
        times.append(time)
        return 5.0

    with closing(FileSource(make_video(frames=10, fps=10), start=100.0, fps=rate)) as source:
        frames = list(iter(source.read, None))
    assert len(frames) == 5
    assert times == pytest.approx([100 + index / 10 for index in range(10)])


def test_file_source_returns_every_frame_with_the_time_from_the_file(make_video: MakeVideo) -> None:
    frames = list(frames_of(FileSource(make_video(frames=10, fps=25), epoch=3, start=100.0)))
    assert [frame.index for frame in frames] == list(range(10))
    assert {frame.epoch for frame in frames} == {3}
    assert np.allclose([frame.time for frame in frames], 100 + np.arange(10) / 25)
    assert {frame.image.shape for frame in frames} == {(48, 64, 3)}
    assert frames[0].image.dtype == np.uint8


def test_file_frames_above_the_maximum_rate_are_skipped_and_counted(
    make_video: MakeVideo,
) -> None:
    uri = parse_uri(str(make_video(frames=10, fps=30)))
    frames = list(frames_of(open_source(uri, clock=lambda: 100.0, fps=15)))
    assert [frame.index for frame in frames] == [0, 2, 4, 6, 8]
    assert np.allclose([frame.time for frame in frames], 100 + np.arange(0, 10, 2) / 30)


def test_sampling_restarts_with_the_first_frame_of_each_epoch(make_video: MakeVideo) -> None:
    uri = parse_uri(str(make_video(frames=4, fps=30)))
    for epoch in (0, 1):
        frames = frames_of(open_source(uri, epoch, clock=lambda: 100.0, fps=15))
        assert [frame.index for frame in frames] == [0, 2]


def test_file_source_knows_its_number_of_frames(make_video: MakeVideo) -> None:
    with closing(FileSource(make_video(frames=7))) as source:
        assert source.frames == 7


@pytest.mark.parametrize(
    ("degrees", "corner"), [(90, (False, True)), (180, (True, True)), (270, (True, False))]
)
def test_rotation_in_the_file_header_is_applied(
    make_video: MakeVideo, degrees: int, corner: tuple[bool, bool]
) -> None:
    video = make_video(frames=2)
    rotate_by_metadata(video, degrees)
    first = next(frames_of(FileSource(video)))
    assert first.image.shape == ((48, 64, 3) if degrees == 180 else (64, 48, 3))
    assert red_corner(first) == corner


def test_real_clip_is_read_to_its_end(sample_clip: Path) -> None:
    times = [frame.time for frame in frames_of(FileSource(sample_clip))]
    assert len(times) == 230
    assert all(earlier < later for earlier, later in pairwise(times))
    assert times[-1] == pytest.approx(229 / 30, abs=0.01)


def write_audio(path: Path) -> None:
    with wave.open(str(path), "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(8000)
        audio.writeframes(bytes(8000))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "a folder"),
        (lambda path: path.touch(), "empty"),
        (lambda path: path.write_text("hello"), "no video that can be read"),
        (write_audio, "sound only"),
    ],
    ids=["missing", "folder", "empty", "text", "sound"],
)
def test_path_that_is_no_video_is_rejected_with_the_reason(
    tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    path = tmp_path / "dance.mp4"
    make(path)
    with pytest.raises(SourceError, match=f"dance.mp4: .*{reason}"):
        open_source(parse_uri(str(path)))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("~no-such-user/dance.mp4", "cannot be opened"),
        ("x" * 300, "File name too long"),
        ("a\0b", "no such file"),
    ],
)
def test_impossible_file_name_is_rejected(name: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        FileSource(name)


def test_file_name_need_not_be_utf_8(make_video: MakeVideo, tmp_path: Path) -> None:
    path = make_video(frames=3).rename(tmp_path / "not-\udcff.mp4")
    assert len(list(frames_of(FileSource(path)))) == 3


def test_named_pipe_is_read_to_its_end(make_video: MakeVideo, tmp_path: Path) -> None:
    content = make_video("clip.ts", frames=10).read_bytes()
    pipe = tmp_path / "pipe.ts"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    frames = list(frames_of(FileSource(pipe)))
    writer.join(10)
    assert [frame.index for frame in frames] == list(range(10))


def test_truncated_file_is_rejected(make_video: MakeVideo) -> None:
    video = make_video(frames=10)
    video.write_bytes(video.read_bytes()[:200])
    with pytest.raises(SourceError, match="cut short"):
        FileSource(video)


def test_damaged_packets_of_a_file_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_video(tmp_path / "clip.mkv", noisy_frames(20), np.arange(20) / 25)
    list(frames_of(FileSource(path)))
    assert not caplog.records
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 5000 : 50] = bytes(100)
    path.write_bytes(content)
    assert list(frames_of(FileSource(path)))
    (record,) = caplog.records
    assert "damaged_packets" in record.getMessage()
    assert str(path) in record.getMessage()


def test_file_without_a_decodable_frame_is_rejected(make_video: MakeVideo) -> None:
    video = make_video(frames=10)
    content = bytearray(video.read_bytes())
    data = content.index(b"mdat") + 4
    length = content.index(b"moov") - 4 - data
    content[data : data + length] = bytes(length)
    video.write_bytes(content)
    with pytest.raises(SourceError, match="no frame in it can be decoded"):
        list(frames_of(FileSource(video)))


def test_relative_path_with_a_colon_is_not_a_protocol(
    make_video: MakeVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_video("concat:dance.mp4", frames=3)
    monkeypatch.chdir(tmp_path)
    assert len(list(frames_of(open_source(parse_uri("concat:dance.mp4"))))) == 3


def test_missing_webcam_fails_permanently_in_the_first_epoch() -> None:
    with pytest.raises(SourceError, match="no webcam 987") as caught:
        open_source(parse_uri("987"))
    assert not isinstance(caught.value, SourceUnavailableError)
    assert caught.value.fault is Fault.NOT_FOUND


def test_missing_webcam_is_retried_in_a_later_epoch() -> None:
    with pytest.raises(SourceUnavailableError, match="no webcam 987") as caught:
        open_source(parse_uri("987"), epoch=1)
    assert caught.value.fault is Fault.NOT_FOUND


def test_link_to_an_unplugged_webcam_is_a_missing_webcam(tmp_path: Path) -> None:
    link = tmp_path / "usb-camera-index0"
    link.symlink_to("/dev/video987")
    with pytest.raises(
        SourceError, match=r"no webcam .*usb-camera.*link to /dev/video987"
    ) as caught:
        open_source(parse_uri(str(link)))
    assert caught.value.fault is Fault.NOT_FOUND


def test_device_that_is_no_camera_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "camera").symlink_to("/dev/null")
    with pytest.raises(SourceError, match=r"camera is a device, but not a camera"):
        open_source(parse_uri(str(tmp_path / "camera")))


class VirtualTime:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_pattern_has_its_frame_rate_and_duration() -> None:
    clock = VirtualTime()
    source = PatternSource(
        PatternOptions(fps=10, seconds=0.5), epoch=2, clock=clock, sleep=clock.sleep
    )
    frames = list(frames_of(source))
    assert [frame.time for frame in frames] == pytest.approx([50, 50.1, 50.2, 50.3, 50.4])
    assert clock.now == pytest.approx(50.4)
    assert {frame.epoch for frame in frames} == {2}
    assert not np.array_equal(frames[0].image, frames[1].image)


def test_pattern_draws_only_sampled_frames_and_counts_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn_at: list[float] = []
    monkeypatch.setattr("dancetype.stream.sources.pattern.draw_figure", drawn_at.append)
    clock = VirtualTime()
    source = PatternSource(
        PatternOptions(fps=20, seconds=0.5),
        clock=clock,
        sleep=clock.sleep,
        fps=10,
    )
    assert [frame.index for frame in frames_of(source)] == [0, 2, 4, 6, 8]
    assert drawn_at == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_pattern_skips_frames_that_were_not_read_in_time() -> None:
    clock = VirtualTime()
    source = PatternSource(PatternOptions(fps=10), clock=clock, sleep=clock.sleep)
    source.read()
    clock.sleep(1.0)
    times = [frame.time for _ in range(3) if (frame := source.read())]
    assert times == pytest.approx([51.0, 51.1, 51.2])


def test_pattern_is_a_live_source() -> None:
    assert open_source(parse_uri("test:")).live


def test_pattern_options_are_parsed() -> None:
    assert PatternOptions.parse("?fps=5&seconds=2") == PatternOptions(fps=5, seconds=2)
    assert PatternOptions.parse("") == PatternOptions()


@pytest.mark.parametrize(
    "text",
    ["?fps=0", "?fps=1e-9", "?fps=1e9", "?fps=nan", "?seconds=-1", "?colour=1", "?fps=", "?x"],
)
def test_invalid_pattern_options_are_rejected(text: str) -> None:
    with pytest.raises(SourceError, match=r"use fps=0\.1 to 1000 and seconds above 0"):
        PatternOptions.parse(text)
