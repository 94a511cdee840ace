import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from dancetype.engine.media.track import NOT_DANCING, Track
from dancetype.training.synthetic.report import contact_sheet, pair_tracks, summarise


def make_track(name: str, *, genre: str = "BR", sequence: str = "", start: float = np.nan) -> Track:
    frames = np.random.default_rng(0).normal(0, 0.3, (20, 33, 3)).astype(np.float32)
    return Track(
        name,
        genre,
        np.arange(20) / 20,
        frames,
        frames,
        np.ones((20, 33), np.float32),
        sequence=sequence,
        start=start,
    )


def first_sequence(aist: Path) -> str:
    return min((aist / "keypoints3d").glob("*.pkl")).stem


def test_contact_sheet_accepts_images_of_any_shape() -> None:
    images = [np.full(shape, 255, np.uint8) for shape in ((40, 90, 3), (90, 40, 3), (5, 5, 3))]
    sheet = contact_sheet(images * 3)
    assert sheet.shape == (640, 1920, 3)
    assert (sheet[:, :320] == 255).any()


def test_tracks_without_sequence_or_start_are_not_paired(aist: Path) -> None:
    paired = make_track("a", sequence=first_sequence(aist), start=0.5)
    unpaired = [make_track("b"), make_track("c", sequence=first_sequence(aist))]
    assert [pair.name for pair in pair_tracks([paired, *unpaired], aist)] == ["a"]


def test_missing_sequence_is_reported(aist: Path) -> None:
    lines: list[str] = []
    missing = make_track("a", sequence="gBR_sBM_cAll_d99_mBR0_ch02", start=0.0)
    assert pair_tracks([missing], aist, on_drop=lines.append) == []
    assert "gBR_sBM_cAll_d99_mBR0_ch02" in lines[0]


def test_report_compares_rendered_with_real_tracks(aist: Path, tmp_path: Path) -> None:
    name = first_sequence(aist)
    samples = tmp_path / "samples"
    samples.mkdir()
    cv2.imwrite(str(samples / "a.jpg"), np.zeros((40, 40, 3), np.uint8))
    summarise(
        tmp_path,
        samples,
        [make_track("a", sequence=name, start=0.5), make_track("idle", genre=NOT_DANCING)],
        data=aist,
        paired=[make_track("p", sequence=name, start=1.0)],
        failed=["b: no such leg"],
    )
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["genres"] == {"BR": 1, NOT_DANCING: 1}
    assert report["rendered"]["clips"] == report["real"]["clips"] == 1
    text = (tmp_path / "report.md").read_text()
    assert "| left wrist |" in text
    assert "- b: no such leg" in text
    assert (tmp_path / "contact.png").exists()


def test_report_without_ground_truth_has_no_error_tables(tmp_path: Path) -> None:
    idle = make_track("idle", genre=NOT_DANCING)
    report = summarise(tmp_path, tmp_path, [idle], data=None, paired=[], failed=[])
    assert report["rendered"] is None
    assert "## Errors" not in (tmp_path / "report.md").read_text()
    assert not (tmp_path / "contact.png").exists()


@pytest.mark.parametrize("hidden", [0, 5, 20])
def test_detection_is_the_share_of_frames_with_a_person(tmp_path: Path, hidden: int) -> None:
    rendered = make_track("a")
    rendered.world[:hidden] = np.nan
    report = summarise(tmp_path, tmp_path, [rendered], data=None, paired=[], failed=[])
    assert report["detection"] == 1 - hidden / 20
