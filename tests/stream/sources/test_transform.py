from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dancetype.engine.errors import FileError, SourceError
from dancetype.engine.media.transform import Transform
from dancetype.engine.media.video import Video
from dancetype.stream.sources.opening import open_source
from dancetype.stream.sources.transform import (
    by_source,
    parse_crop,
    parse_flip,
    parse_rotate,
)
from dancetype.stream.sources.uri import parse_uri

MakeVideo = Callable[..., Path]


def corner_of(video: Path, transform: Transform) -> tuple[tuple[int, int], str]:
    """Return the size of a transformed image, and the corner in which it is red.

    The image must be the same in a live run and in the analysis of whole files.
    """
    with closing(open_source(parse_uri(str(video)), transform=transform)) as source:
        frame = source.read()
    assert frame is not None
    assert frame.image.flags.c_contiguous
    with Video(video, transform=transform) as clip:
        np.testing.assert_array_equal(next(iter(clip))[1], frame.image)
    height, width = frame.image.shape[:2]
    red = frame.image[..., 2].astype(int) - frame.image[..., 1]
    row, column = np.unravel_index(int(red.argmax()), red.shape)
    vertical = "bottom" if row >= height // 2 else "top"
    return (width, height), f"{vertical} {'right' if column >= width // 2 else 'left'}"


@pytest.mark.parametrize(
    ("transform", "size", "corner"),
    [
        (Transform(), (64, 48), "top left"),
        (Transform(rotate=90), (48, 64), "top right"),
        (Transform(rotate=180), (64, 48), "bottom right"),
        (Transform(rotate=270), (48, 64), "bottom left"),
        (Transform(flip="horizontal"), (64, 48), "top right"),
        (Transform(flip="vertical"), (64, 48), "bottom left"),
        (Transform(rotate=90, flip="horizontal"), (48, 64), "top left"),
        (Transform(rotate=270, flip="vertical"), (48, 64), "top left"),
        (Transform(crop=(4, 4, 60, 44)), (60, 44), "top left"),
        # Pixels of the image after rotation; parts outside of it are ignored.
        (Transform(rotate=90, crop=(0, 10, 100, 60)), (48, 54), "top right"),
    ],
    ids=str,
)
def test_image_is_turned_then_mirrored_then_cropped(
    make_video: MakeVideo, transform: Transform, size: tuple[int, int], corner: str
) -> None:
    assert corner_of(make_video(), transform) == (size, corner)


def test_crop_outside_of_the_image_fails_the_source(make_video: MakeVideo) -> None:
    uri = parse_uri(str(make_video()))
    transform = Transform(rotate=90, crop=(0, 64, 10, 10))
    with closing(open_source(uri, transform=transform)) as source:
        frame = source.read()
    assert frame is not None
    reason = r"crop=0,64,10,10 lies outside .* 48x64 pixels"
    with pytest.raises(SourceError, match=reason):
        _ = frame.image
    with (
        Video(make_video(), transform=transform) as clip,
        pytest.raises(FileError, match=rf"clip\.mp4: {reason}"),
    ):
        clip.read()


def test_other_properties_of_source_and_frame_are_kept(make_video: MakeVideo) -> None:
    uri = parse_uri(str(make_video(frames=5, fps=25)))
    source = open_source(uri, 3, clock=lambda: 100.0, transform=Transform(rotate=90))
    assert not source.live
    assert getattr(source, "frames", None) == 5
    frames = list(iter(source.read, None))
    source.close()
    assert [(frame.index, frame.epoch) for frame in frames if frame] == [(n, 3) for n in range(5)]
    assert [frame.time for frame in frames if frame] == pytest.approx(100 + np.arange(5) / 25)
    assert open_source(parse_uri("test:"), transform=Transform(rotate=90)).live


@pytest.mark.parametrize(
    ("value", "values"),
    [
        (90, {"": 90}),
        ("90", {"": 90}),
        ("stage=90", {"stage": 90}),
        (["90", "left=270", "main stage=180"], {"": 90, "left": 270, "main stage": 180}),
        ('["left=90", "right=0"]', {"left": 90, "right": 0}),
        ({"left": 90, "a=b": "180"}, {"left": 90, "a=b": 180}),
        (["a=b=90"], {"a=b": 90}),
    ],
)
def test_value_applies_to_all_sources_or_one(value: Any, values: dict[str, int]) -> None:
    assert by_source(parse_rotate)(value) == values


@pytest.mark.parametrize("value", [["90", "180"], ["a=0", "a=90"]])
def test_value_given_twice_is_rejected(value: Any) -> None:
    with pytest.raises(ValueError, match="given twice for"):
        by_source(parse_rotate)(value)


@pytest.mark.parametrize("value", [45, "stage", "90 degrees", True, -90, 360, None, 1.5, [1]])
def test_other_rotations_are_rejected(value: Any) -> None:
    with pytest.raises(ValueError, match="0, 90, 180 or 270"):
        parse_rotate(value)


def test_flip_has_a_direction() -> None:
    assert by_source(parse_flip)({"a": True, "b": "vertical", "c": None, "d": "Horizontal"}) == {
        "a": "horizontal",
        "b": "vertical",
        "c": None,
        "d": "horizontal",
    }
    with pytest.raises(ValueError, match="horizontal or vertical, not 'left'"):
        parse_flip("left")


@pytest.mark.parametrize("value", ["320,0,640,720", "320, 0, 640, 720", [320, 0, 640, 720]])
def test_crop_is_four_numbers(value: Any) -> None:
    assert parse_crop(value) == (320, 0, 640, 720)
    assert by_source(parse_crop)(value) == {"": (320, 0, 640, 720)}


@pytest.mark.parametrize(
    "value", ["1,2,3", "0,0,0,9", "-1,0,5,5", "a,b,c,d", 5, None, [0, 0, 1.5, 2]]
)
def test_other_crops_are_rejected(value: Any) -> None:
    with pytest.raises(ValueError, match="X,Y,WIDTH,HEIGHT"):
        parse_crop(value)
