from pathlib import Path

import av
import numpy as np
import pytest

from dancetype.stream.assets import DANCE_CLIP
from dancetype.training.synthetic.demo_clip import CLIP, DANCES, TIMELINE, encode


def test_clip_shows_five_genres_of_eight_to_ten_seconds_in_a_minute() -> None:
    assert len({dance.genre for dance in DANCES}) == 5
    assert all(8 <= dance.seconds <= 10 for dance in DANCES)
    assert TIMELINE.pause == 2
    assert TIMELINE.duration == pytest.approx(60, abs=3)


def test_packaged_clip_is_small_h264_with_the_timeline_of_the_script() -> None:
    assert CLIP.resolve() == DANCE_CLIP.resolve()
    assert DANCE_CLIP.stat().st_size <= 2_000_000
    with av.open(str(DANCE_CLIP)) as clip:
        (video,) = clip.streams
        assert video.codec_context.name == "h264"
        assert video.average_rate == 30
        assert video.frames / 30 == pytest.approx(TIMELINE.duration, abs=0.1)


def test_same_frames_give_the_same_file(tmp_path: Path) -> None:
    frames = np.zeros((4, 720, 1280, 3), np.uint8)
    frames[2:, 200:300, 500:700] = (40, 80, 200)
    for name in ("first.mp4", "second.mp4"):
        encode(iter(frames), tmp_path / name)
    assert (tmp_path / "first.mp4").read_bytes() == (tmp_path / "second.mp4").read_bytes()
