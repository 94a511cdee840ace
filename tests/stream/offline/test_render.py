import resource
import struct
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from dancetype.engine.errors import FileError
from dancetype.engine.genres import GENRES
from dancetype.engine.media.video import Video
from dancetype.stream.offline import render as film
from dancetype.stream.offline.analysis import ClipAnalysis
from dancetype.stream.offline.files import output_file
from dancetype.stream.offline.render import render_overlay
from tests.stream.offline.clips import analyzed_clip

MakeVideo = Callable[..., Path]
Heard = list[tuple[Fraction, bytes]]


def write_clip(
    path: Path,
    times: Iterable[float],
    *,
    size: tuple[int, int] = (160, 120),
    sound: str | None = None,
    rate: int = 48000,
    noise: bool = False,
) -> Path:
    """A clip that gets brighter, with two seconds of sound from half a second before it on."""
    moments = list(times)
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        heard = None
        if sound:
            added = container.add_stream(sound, rate=rate, layout="mono")
            assert isinstance(added, av.AudioStream)
            heard = added
        for index, time in enumerate(moments):
            shape = (size[1], size[0], 3)
            image = np.full(shape, 40 + 150 * index // len(moments), np.uint8)
            if noise:
                image = rng.integers(0, 255, shape, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = round((time + 0.5) * 1000), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if heard is not None:
            wave = (8000 * np.sin(np.arange(2 * rate) / 5)).astype(np.int16)[None]
            sounding = av.AudioFrame.from_ndarray(wave, "s16", "mono")
            sounding.rate, sounding.pts = rate, 0
            for part in av.AudioResampler(heard.codec_context.format, "mono", rate).resample(
                sounding
            ):
                container.mux(heard.encode(part))
            container.mux(heard.encode())
    return path


def filmed(clip: Path, out: Path, *, analysis: ClipAnalysis | None = None) -> str | None:
    analysis = analysis or analysis_of(clip)
    return render_overlay(clip, analysis, GENRES, out, on_frame=lambda done, total: None)


def analysis_of(clip: Path) -> ClipAnalysis:
    with Video(clip) as video:
        return analyzed_clip([time for time, _ in video])


def frames_of(path: Path) -> list[tuple[float, NDArray[np.uint8]]]:
    with av.open(str(path)) as container:
        return [
            (float(frame.time), frame.to_ndarray(format="bgr24").astype(np.uint8))
            for frame in container.decode(video=0)
        ]


def sound_of(path: Path) -> Heard:
    """Its packets, each with its time from the first frame on."""
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


def test_of_frames_left_out_none_is_filmed_and_the_others_keep_their_times(
    tmp_path: Path,
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", np.arange(20) / 20)
    analysis = replace(analyzed_clip([0, 0.2, 0.4, 0.6, 0.8]), fps=5.0)
    filmed(clip, tmp_path / "out.mp4", analysis=analysis)
    found, every = frames_of(tmp_path / "out.mp4"), frames_of(clip)
    assert [time for time, _ in found] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8], abs=1e-3)
    # In the upper corner nothing is drawn.
    corner = [int(image[2, -3].mean()) for _, image in found]
    taken = [int(every[index][1][2, -3].mean()) for index in (0, 4, 8, 12, 16)]
    assert corner == pytest.approx(taken, abs=6)


def test_a_film_has_the_frames_of_its_clip_at_their_times(tmp_path: Path) -> None:
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
    # Away from all that is drawn, the picture is the clip's.
    for (_, image), (_, original) in zip(frames, frames_of(clip), strict=True):
        np.testing.assert_allclose(image[-20:, -20:].mean(), original[-20:, -20:].mean(), atol=3)
        assert np.abs(image.astype(int) - original).max() > 100


def test_a_clip_that_a_phone_has_filmed_upright_makes_an_upright_film(
    make_video: MakeVideo, tmp_path: Path
) -> None:
    clip = make_video()
    content = bytearray(clip.read_bytes())
    # What a phone writes of how it was held: a quarter turn to the right.
    matrix = content.index(b"tkhd") + 44
    turn = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 48 << 16, 0, 1 << 30)
    content[matrix : matrix + 36] = turn
    clip.write_bytes(content)
    filmed(clip, tmp_path / "out.mp4")
    for _, image in frames_of(tmp_path / "out.mp4"):
        assert image.shape == (64, 48, 3)
        # The corner that was red at the top left.
        blue, green, red = image[2, -2].astype(int)
        assert red > 150 > max(blue, green)


def test_it_plays_in_every_player(make_video: MakeVideo, tmp_path: Path) -> None:
    filmed(make_video(), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert container.duration == pytest.approx(10 / 25 * 1e6, rel=0.01)


@pytest.mark.parametrize("size", [(161, 121), (1, 1), (119, 250)])
def test_odd_sizes_are_made_even(size: tuple[int, int], tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", [0, 0.04, 0.08], size=size)
    filmed(clip, tmp_path / "out.mp4")
    images = [image for _, image in frames_of(tmp_path / "out.mp4")]
    assert [image.shape for image in images] == [
        (size[1] + size[1] % 2, size[0] + size[0] % 2, 3)
    ] * 3


@pytest.mark.parametrize("sound", ["aac", "mp3", "ac3"])
def test_sound_is_copied_as_it_is_and_at_its_time(sound: str, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", np.arange(30) / 25, sound=sound)
    assert filmed(clip, tmp_path / "out.mp4") is None
    heard, original = sound_of(tmp_path / "out.mp4"), sound_of(clip)
    assert [packet for _, packet in heard] == [packet for _, packet in original]
    assert min(time for time, _ in original) < -0.4
    for (time, _), (told, _) in zip(heard, original, strict=True):
        assert float(time) == pytest.approx(float(told), abs=2e-3)


@pytest.mark.parametrize(
    ("name", "sound", "rate"), [("clip.mkv", "pcm_u8", 48000), ("clip.mkv", "mp3", 8000)]
)
def test_sound_that_mp4_does_not_hold_is_left_out_and_named(
    name: str, sound: str, rate: int, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / name, [0, 0.04], sound=sound, rate=rate)
    left_out = filmed(clip, tmp_path / "out.mp4")
    assert left_out is not None
    assert sound in left_out
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert not container.streams.audio
    assert len(frames_of(tmp_path / "out.mp4")) == 2


def test_without_h264_there_is_mpeg_4(
    make_video: MakeVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film, "_CODECS", {"libnowhere": {}, "mpeg4": {}})
    filmed(make_video(), tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
    assert [time for time, _ in frames_of(tmp_path / "out.mp4")] == pytest.approx(
        np.arange(10) / 25
    )


def test_a_clip_that_breaks_off_sooner_the_second_time_makes_a_shorter_film(
    make_video: MakeVideo, tmp_path: Path
) -> None:
    analysis = analyzed_clip([n / 25 for n in range(20)])
    filmed(make_video(frames=10), tmp_path / "out.mp4", analysis=analysis)
    assert len(frames_of(tmp_path / "out.mp4")) == 10


def test_a_clip_that_is_gone_by_then_is_named(make_video: MakeVideo, tmp_path: Path) -> None:
    clip = make_video()
    analysis = analysis_of(clip)
    clip.unlink()
    with pytest.raises(FileError, match=r"clip\.mp4: no such file"):
        filmed(clip, tmp_path / "out.mp4", analysis=analysis)


def test_a_disk_that_is_full_is_told_in_one_line_and_nothing_is_left(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mkv", np.arange(25) / 25, size=(640, 480), noise=True)
    analysis = analysis_of(clip)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # As near to a full disk as a test gets without a disk of its own.
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, limits[1]))
    try:
        with (
            pytest.raises(FileError, match=r"out\.mp4: cannot be written: File too large"),
            output_file(tmp_path / "out.mp4") as part,
        ):
            filmed(clip, part, analysis=analysis)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name for path in tmp_path.iterdir()} == {"clip.mkv"}


def test_a_film_that_is_interrupted_leaves_nothing(make_video: MakeVideo, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    clip = make_video()
    with pytest.raises(KeyboardInterrupt), output_file(tmp_path / "out.mp4") as part:
        render_overlay(clip, analysis_of(clip), GENRES, part, on_frame=interrupt)
    assert list(tmp_path.iterdir()) == [clip]
