from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.decoding import (
    DEFAULT,
    NOISE,
    OPTIONS,
    STREAMS,
    cpu_seconds,
    decode,
    encode,
    nearest,
)
from benchmarks.pages import render
from dancetype.engine.landmarks import LANDMARKS
from dancetype.engine.media.track import Track


@pytest.mark.parametrize(("stream", "skips"), list(zip(STREAMS, (False, True, False), strict=True)))
def test_only_frames_without_reference_are_skipped(
    make_video: Callable[..., Path], tmp_path: Path, stream: str, *, skips: bool
) -> None:
    file = tmp_path / "stream.mkv"
    encode(make_video(frames=24, fps=30), file, *STREAMS[stream], seconds=1.0)
    for name, options in OPTIONS.items():
        seconds, packets, frames = cpu_seconds(file, options)
        assert seconds > 0
        assert packets == 24
        assert (frames < 24) is (skips and "skip_frame" in name)
    times = [time for time, _ in decode(file, OPTIONS[DEFAULT])]
    assert np.diff(times) == pytest.approx(1 / 15, abs=2e-3)


def test_nearest_frames_of_a_track_get_the_times_of_another() -> None:
    shape = (3, LANDMARKS)
    world = np.broadcast_to(np.arange(3.0)[:, None, None], (*shape, 3)).astype(np.float32)
    track = Track("clip", "", np.array([0.0, 0.1, 0.2]), world, world, np.ones(shape, np.float32))
    times = np.array([0.0, 0.06, 0.12, 0.18])
    result = nearest(track, times)
    assert result.times is times
    assert result.world[:, 0, 0].tolist() == [0, 1, 1, 2]
    assert nearest(replace(track), track.times).world.tolist() == track.world.tolist()
    assert nearest(replace(track, image_size=(640, 360)), times).image_size == (640, 360)


def test_page_has_a_row_for_each_option() -> None:
    row = {"stream": "camera", "same_windows": 0.985, "windows": 40, "mean_cm": 1.234}
    cost = {"ms": 1.5, "ratio": 0.8, "frames": 0.412}
    results = {
        "rows": [
            {**row, "option": DEFAULT, "cost": cost},
            {**row, "option": NOISE, "cost": None},
        ],
        "clips": ["a.mp4", "b.mp4"],
        "seconds": 12.0,
        "conditions": "a machine",
    }
    text = render("decoding", results)
    assert "| camera | one thread | 1.50 | 0.80 | 41 % | 1.23 cm | 98.5 % of 40 |" in text
    assert "| camera | changed last bits | — | — | — | 1.23 cm | 98.5 % of 40 |" in text
