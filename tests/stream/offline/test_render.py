import resource
import struct
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.errors import FileError
from dancetype.engine.genres import GENRES
from dancetype.engine.media.video import Video
from dancetype.stream.offline import render
from dancetype.stream.offline.analysis import ClipAnalysis
from dancetype.stream.offline.files import output_file
from dancetype.stream.offline.render import render_overlay
from tests.stream.offline.clips import analyzed_clip
from tests.testbed.videos import coloured_frames, join_tracks, write_video

MakeVideo = Callable[..., Path]
SoundPackets = list[tuple[Fraction, bytes]]


def write_clip(
    path: Path,
    times: Iterable[float],
    *,
    size: tuple[int, int] = (160, 120),
    sound: str | None = None,
    rate: int = 48000,
    noise: bool = False,
    sound_seconds: int = 2,
) -> Path:
    """Write a clip that gets brighter; its sound starts 0.5 s before the first frame."""
    frame_times = list(times)
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        sound_stream = None
        if sound:
            added = container.add_stream(sound, rate=rate, layout="mono")
            assert isinstance(added, av.AudioStream)
            sound_stream = added
        for index, time in enumerate(frame_times):
            shape = (size[1], size[0], 3)
            image = np.full(shape, 40 + 150 * index // len(frame_times), np.uint8)
            if noise:
                image = rng.integers(0, 255, shape, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = round((time + 0.5) * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if sound_stream is not None:
            wave = (8000 * np.sin(np.arange(sound_seconds * rate) / 5)).astype(np.int16)[None]
            samples = av.AudioFrame.from_ndarray(wave, "s16", "mono")
            samples.rate, samples.pts = rate, 0
            resampler = av.AudioResampler(sound_stream.codec_context.format, "mono", rate)
            for part in resampler.resample(samples):
                container.mux(sound_stream.encode(part))
            container.mux(sound_stream.encode())
    return path


def render_clip(clip: Path, out: Path, *, analysis: ClipAnalysis | None = None) -> str | None:
    """Render a clip; return the codec of its sound if MP4 does not support it."""
    analysis = analysis or analysis_of(clip)
    return render_overlay(clip, analysis, GENRES, out, on_frame=lambda done, total: None)


def analysis_of(clip: Path) -> ClipAnalysis:
    with Video(clip) as video:
        return analyzed_clip([time for time, _ in video])


def frames_of(path: Path) -> list[tuple[float, NDArray[np.uint8]]]:
    """Return the frames of a video, each with its time."""
    with av.open(str(path)) as container:
        return [
            (float(frame.time), frame.to_ndarray(format="bgr24").astype(np.uint8))
            for frame in container.decode(video=0)
        ]


def sound_of(path: Path) -> SoundPackets:
    """Return the sound packets of a video, each with its time since the first frame."""
    with av.open(str(path)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert video.start_time is not None
        assert video.time_base is not None
        start = video.start_time * video.time_base
        return [
            (packet.pts * packet.time_base - start, bytes(packet))
            for packet in container.demux(sound)
            if packet.pts is not None
        ]


def test_copy_has_only_the_analysed_frames_at_their_times(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", np.arange(20) / 20)
    render_overlay(
        clip,
        analyzed_clip([0, 0.2, 0.4, 0.6, 0.8]),
        GENRES,
        tmp_path / "out.mp4",
        on_frame=lambda done, total: None,
        open_clip=partial(Video, fps=5),
    )
    frames, originals = frames_of(tmp_path / "out.mp4"), frames_of(clip)
    assert [time for time, _ in frames] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8], abs=1e-3)
    # Nothing is drawn in the upper right corner.
    corners = [int(image[2, -3].mean()) for _, image in frames]
    original_corners = [int(originals[index][1][2, -3].mean()) for index in (0, 4, 8, 12, 16)]
    assert corners == pytest.approx(original_corners, abs=6)


def test_copy_has_the_frames_of_the_clip_at_their_times(tmp_path: Path) -> None:
    times = np.cumsum([0, *(0.01, 0.07) * 12, 0.005]).round(3)
    clip = write_clip(tmp_path / "clip.mkv", times)
    done: list[int] = []
    render_overlay(
        clip,
        analysis_of(clip),
        GENRES,
        tmp_path / "out.mp4",
        on_frame=lambda number, total: done.append(number),
    )
    frames = frames_of(tmp_path / "out.mp4")
    assert [time for time, _ in frames] == pytest.approx(times.tolist(), abs=1e-3)
    assert done == list(range(1, len(times) + 1))
    # Nothing is drawn in the lower right corner; elsewhere there are differences.
    for (_, image), (_, original) in zip(frames, frames_of(clip), strict=True):
        np.testing.assert_allclose(image[-20:, -20:].mean(), original[-20:, -20:].mean(), atol=3)
        assert np.abs(image.astype(int) - original).max() > 100


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_sound_stays_in_step_after_a_long_pause(tmp_path: Path, suffix: str) -> None:
    # The first packet of sound is half a second before the first frame, the last one after 71.5 s.
    times = [0, 0.04, 0.08, 30, 30.04, 70.1, 70.14]
    clip = write_clip(tmp_path / f"clip.{suffix}", times, sound="aac", sound_seconds=72)
    assert render_clip(clip, tmp_path / "out.mp4") is None
    assert [time for time, _ in frames_of(tmp_path / "out.mp4")] == pytest.approx(times, abs=1e-3)
    sounds = sound_of(tmp_path / "out.mp4")
    assert [data for _, data in sounds] == [data for _, data in sound_of(clip)]
    assert float(sounds[0][0]) == pytest.approx(-0.5, abs=0.03)
    assert float(sounds[-1][0]) == pytest.approx(71.5, abs=0.05)


def test_sound_of_joined_recordings_stays_in_step(tmp_path: Path) -> None:
    first = write_clip(tmp_path / "1.ts", np.arange(50) / 25, sound="aac", sound_seconds=3)
    later = [*np.arange(25) / 25, 12, 12.04]
    second = write_clip(tmp_path / "2.ts", later, sound="aac", sound_seconds=13)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    assert render_clip(joined, tmp_path / "out.mp4") is None
    times = [time for time, _ in frames_of(tmp_path / "out.mp4")]
    assert times == pytest.approx([*np.arange(50) / 25, *(2 + np.array(later))], abs=0.01)
    sounds = [float(time) for time, _ in sound_of(tmp_path / "out.mp4")]
    # The first part has 3 s of sound from 0.5 s before its first frame, the second one 13 s.
    assert sounds[0] == pytest.approx(-0.5, abs=0.05)
    assert sounds[-1] == pytest.approx(15.5, abs=0.1)
    assert all(0 < later - earlier < 0.1 for earlier, later in pairwise(sounds))


def test_copy_shows_the_default_track_with_square_pixels(tmp_path: Path) -> None:
    times = list(np.arange(20) / 20)
    clips = [
        write_video(tmp_path / "large.mp4", coloured_frames(20, size=(320, 240)), times),
        write_video(
            tmp_path / "small.mp4", coloured_frames(20), times, pixel_aspect=Fraction(3, 2)
        ),
    ]
    clip = join_tracks(tmp_path / "clip.mkv", clips, default=1)
    render_clip(clip, tmp_path / "out.mp4")
    assert {image.shape for _, image in frames_of(tmp_path / "out.mp4")} == {(48, 96, 3)}


def test_copy_of_a_rotated_phone_video_is_upright(make_video: MakeVideo, tmp_path: Path) -> None:
    clip = make_video()
    content = bytearray(clip.read_bytes())
    # The matrix that a phone writes for a quarter turn to the right.
    offset = content.index(b"tkhd") + 44
    matrix = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 48 << 16, 0, 1 << 30)
    content[offset : offset + 36] = matrix
    clip.write_bytes(content)
    render_clip(clip, tmp_path / "out.mp4")
    for _, image in frames_of(tmp_path / "out.mp4"):
        assert image.shape == (64, 48, 3)
        # The red corner was at the top left before the rotation.
        blue, green, red = image[2, -2].astype(int)
        assert red > 150 > max(blue, green)


def test_copy_has_the_most_widely_supported_format(make_video: MakeVideo, tmp_path: Path) -> None:
    render_clip(make_video(), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert container.duration == pytest.approx(10 / 25 * 1e6, rel=0.01)


@pytest.mark.parametrize("size", [(161, 121), (1, 1), (119, 250)])
def test_odd_sizes_are_padded_to_even_ones(size: tuple[int, int], tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", [0, 0.04, 0.08], size=size)
    render_clip(clip, tmp_path / "out.mp4")
    images = [image for _, image in frames_of(tmp_path / "out.mp4")]
    assert [image.shape for image in images] == [
        (size[1] + size[1] % 2, size[0] + size[0] % 2, 3)
    ] * 3


@pytest.mark.parametrize("sound", ["aac", "mp3", "ac3"])
def test_sound_is_copied_unchanged_at_its_times(sound: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", np.arange(30) / 25, sound=sound)
    assert render_clip(clip, tmp_path / "out.mp4") is None
    copied, original = sound_of(tmp_path / "out.mp4"), sound_of(clip)
    assert [packet for _, packet in copied] == [packet for _, packet in original]
    assert min(time for time, _ in original) < -0.4
    for (time, _), (original_time, _) in zip(copied, original, strict=True):
        assert float(time) == pytest.approx(float(original_time), abs=2e-3)


@pytest.mark.parametrize(
    ("name", "sound", "rate"), [("clip.mkv", "pcm_u8", 48000), ("clip.mkv", "mp3", 8000)]
)
def test_unsupported_sound_is_left_out_and_its_codec_returned(
    name: str, sound: str, rate: int, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / name, [0, 0.04], sound=sound, rate=rate)
    unsupported = render_clip(clip, tmp_path / "out.mp4")
    assert unsupported is not None
    assert sound in unsupported
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert not container.streams.audio
    assert len(frames_of(tmp_path / "out.mp4")) == 2


def test_mpeg_4_is_used_if_h264_is_missing(
    make_video: MakeVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render, "_CODECS", {"libnowhere": {}, "mpeg4": {}})
    render_clip(make_video(), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
    assert [time for time, _ in frames_of(tmp_path / "out.mp4")] == pytest.approx(
        np.arange(10) / 25
    )


def test_copy_is_shorter_if_the_clip_yields_fewer_frames_than_analysed(
    make_video: MakeVideo, tmp_path: Path
) -> None:
    analysis = analyzed_clip([n / 25 for n in range(20)])
    render_clip(make_video(frames=10), tmp_path / "out.mp4", analysis=analysis)
    assert len(frames_of(tmp_path / "out.mp4")) == 10


def test_clip_deleted_after_the_analysis_is_reported(make_video: MakeVideo, tmp_path: Path) -> None:
    clip = make_video()
    analysis = analysis_of(clip)
    clip.unlink()
    with pytest.raises(FileError, match=r"clip\.mp4: no such file"):
        render_clip(clip, tmp_path / "out.mp4", analysis=analysis)


def test_full_disk_is_reported_and_leaves_no_file(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", np.arange(25) / 25, size=(640, 480), noise=True)
    analysis = analysis_of(clip)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Simulates a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with (
            pytest.raises(FileError, match=r"out\.mp4: cannot be written: File too large"),
            output_file(tmp_path / "out.mp4") as part,
        ):
            render_clip(clip, part, analysis=analysis)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mkv"}


def test_interrupted_rendering_leaves_no_file(make_video: MakeVideo, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    clip = make_video()
    with pytest.raises(KeyboardInterrupt), output_file(tmp_path / "out.mp4") as part:
        render_overlay(clip, analysis_of(clip), GENRES, part, on_frame=interrupt)
    assert list(tmp_path.iterdir()) == [clip]
