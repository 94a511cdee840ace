from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dancetype.engine.genres import GENRES
from dancetype.stream.offline.plot import make_plot
from tests.stream.offline.clips import analyzed_clip


def read_image(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.parametrize(
    "times", [np.arange(50) / 10, [0.0], np.arange(1000) / 2], ids=["usual", "one frame", "long"]
)
def test_clip_of_any_length_can_be_plotted(times: np.ndarray, tmp_path: Path) -> None:
    make_plot(Path("a.mp4"), analyzed_clip(list(times)), GENRES, tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.shape[1] == 1800
    assert image.mean() > 200


def test_row_is_blue_while_its_genre_is_reported(tmp_path: Path) -> None:
    # The predictions last a second each: no person, warming up, not sure, house, and again.
    make_plot(
        Path("a.mp4"), analyzed_clip(list(np.arange(80) / 10), hop=1), GENRES, tmp_path / "a.png"
    )
    image = read_image(tmp_path / "a.png")
    blue = (image[..., 2] > 150) & (image[..., 0] < 60)
    left, right = 1.75 * 150, 1800 - 0.75 * 150
    columns = (left + (np.arange(8) + 0.5) * (right - left) / 8).astype(int)
    assert (blue[:, columns].sum(axis=0) > 20).tolist() == 2 * [False, False, False, True]


def test_title_may_contain_any_characters(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    names = dict.fromkeys(GENRES, "n" * 40)
    for name in ("$x$_^{.mp4", "花子.mp4", "\udcff\x1b[2J.mp4", "x" * 200 + ".mp4"):
        make_plot(Path(name), analyzed_clip([0.0, 0.1]), names, tmp_path / "a.png")
    assert capfd.readouterr() == ("", "")


def test_missing_folder_raises_file_not_found_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        make_plot(Path("a.mp4"), analyzed_clip([0.0, 0.1]), GENRES, tmp_path / "gone" / "a.png")
