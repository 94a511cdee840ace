import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dancetype.cli import app
from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import FileError, SettingsError
from dancetype.engine.media.track import Track
from dancetype.training.evaluate import Evaluator
from tests.export.test_onnx import CHECKOUT, untrained

SHIPPED = CHECKOUT / "engine" / "models" / "live.onnx"


def a_track(folder: Path) -> Path:
    """A folder with two seconds of a made-up dance."""
    folder.mkdir()
    world = np.random.default_rng(0).normal(0, 0.5, (60, 33, 3)).astype(np.float32)
    seen = np.ones((60, 33), np.float32)
    Track("made", "HO", np.arange(60) / 30, world, world, seen).save(folder / "made.npz")
    return folder


def test_figures_that_are_given_are_kept_in_the_file(tmp_path: Path) -> None:
    untrained().save(tmp_path / "checkpoint.pt")
    figures = {"dancers:A -> dancers:B": {"clip_accuracy": 0.5}}
    (tmp_path / "figures.json").write_text(json.dumps(figures))
    out = tmp_path / "new folder" / "model.onnx"
    words = ["export", str(tmp_path / "checkpoint.pt"), "--out", str(out)]
    result = CliRunner().invoke(app, [*words, "--figures", str(tmp_path / "figures.json")])
    assert result.exit_code == 0, result.output
    assert Classifier(out, device="cpu").contract.figures == figures


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_figures_that_cannot_be_read_are_refused(tmp_path: Path, content: str) -> None:
    untrained().save(tmp_path / "checkpoint.pt")
    (tmp_path / "figures.json").write_text(content)
    words = ["export", str(tmp_path / "checkpoint.pt"), "--out", str(tmp_path / "model.onnx")]
    result = CliRunner().invoke(app, [*words, "--figures", str(tmp_path / "figures.json")])
    assert isinstance(result.exception, FileError)
    assert not (tmp_path / "model.onnx").exists()


def test_the_shipped_model_can_be_shrunk_and_evaluated(tmp_path: Path) -> None:
    out = tmp_path / "small.onnx"
    words = ["export", str(SHIPPED), "--out", str(out), "--precision", "int8"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "0.5 MB, within" in result.output
    assert "of live.onnx" in result.output
    assert Evaluator(out).on_tracks(a_track(tmp_path / "tracks"))[0].clips


def test_figures_do_not_go_with_an_onnx_file(tmp_path: Path) -> None:
    words = ["export", str(SHIPPED), "--out", str(tmp_path / "out.onnx"), "--precision", "int8"]
    result = CliRunner().invoke(app, [*words, "--figures", str(tmp_path / "figures.json")])
    assert isinstance(result.exception, SettingsError)
    assert result.exception.exit_code == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("precision", ["int4", "FP16"])
def test_a_precision_that_there_is_not_is_refused(tmp_path: Path, precision: str) -> None:
    words = ["export", str(SHIPPED), "--out", str(tmp_path / "out.onnx"), "--precision", precision]
    assert CliRunner().invoke(app, words).exit_code == 2
