import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from dancetype.engine.clip import ClipResult
from dancetype.engine.media.track import NOT_DANCING
from dancetype.training.evaluate import EvaluatedClip, Evaluation, describe_overlap
from dancetype.training.live import LiveClip, LiveEvaluation
from dancetype.training.report import (
    evaluation_tables,
    live_table,
    percent,
    save_confusion,
    save_curves,
)

LABELS = ("BR", "PO")


def clip(genre: str, predicted: str) -> EvaluatedClip:
    probabilities = np.array([0.75, 0.25] if predicted == "BR" else [0.25, 0.75], np.float32)
    return EvaluatedClip(
        "clip", genre, "basic", ClipResult(predicted, 0.75, probabilities, probabilities[None])
    )


EVALUATION = Evaluation(LABELS, [clip("BR", "BR"), clip("BR", "PO"), clip("PO", "PO")])


def printed_tables(title: str) -> str:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(evaluation_tables(EVALUATION, title=title))
    return " ".join(console.export_text().split())


def test_live_table_has_a_row_per_clip_and_the_means_at_the_end() -> None:
    clips = [
        LiveClip("battle", "BR", 8.0, 0.625, 0.125, 0.25, 0.3, 1.5, 2, 0.7, "BR"),
        LiveClip("walk", NOT_DANCING, 1.0, None, None, None, 1.0, None, 0, None, None),
    ]
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(live_table(LiveEvaluation(clips), title="live"))
    lines = [" ".join(line.split()) for line in console.export_text().splitlines()]
    figures = "62.5 12.5 25.0 30.0 1.5 2 70.0 BR"
    assert f"battle BR {figures}" in lines
    assert f"mean of 1 clips dance {figures}" in lines
    assert "walk none - - - 100.0 - 0 - -" in lines


def test_title_names_the_dancers_that_training_and_test_share() -> None:
    overlap = describe_overlap(["d01", "d04", "d07"], ["d07", "d04", "d10"])
    assert "on split all; training and test SHARE 2 of 3 dancers: d04, d07" in printed_tables(
        f"on split all; {overlap}"
    )


def test_overlap_is_none_if_no_dancer_is_shared() -> None:
    assert describe_overlap(["d01"], ["d04"]) == "training and test share no dancer"


def test_tables_contain_accuracies_and_confusion() -> None:
    text = printed_tables("on split all")
    for row in ("all │ 3 │ 66.7 % │ 3 │ 66.7 %", "BR break │ 2 │ 50.0 % │ 2 │ 50.0 %"):
        assert row in text
    assert "│ BR │ 1 │ 1 │" in text
    assert "│ PO │ · │ 1 │" in text
    assert "calibration error of windows: 8.3 %" in text


@pytest.mark.parametrize(("share", "text"), [(0.9314, "93.1 %"), (1.0, "100.0 %"), (None, "-")])
def test_shares_are_formatted_as_percentages(share: float | None, text: str) -> None:
    assert percent(share) == text


def test_confusion_matrix_is_plotted(tmp_path: Path) -> None:
    save_confusion(EVALUATION, tmp_path / "confusion.png", title="on split all")
    picture = cv2.imread(str(tmp_path / "confusion.png"))
    assert picture is not None
    assert picture.std() > 10


def test_curves_are_plotted(tmp_path: Path) -> None:
    names = ("loss", "accuracy", "validation_loss", "validation_accuracy")
    history = [{"epoch": n, **dict.fromkeys(names, 1 / n)} for n in (1.0, 2.0, 3.0)]
    save_curves(history, tmp_path / "curves.png", title="live")
    picture = cv2.imread(str(tmp_path / "curves.png"))
    assert picture is not None
    assert picture.std() > 10
