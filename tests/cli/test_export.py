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
from tests.export.test_onnx import CHECKOUT, untrained_checkpoint

SHIPPED = CHECKOUT / "engine" / "models" / "live.onnx"


def folder_with_track(folder: Path) -> Path:
    """Create a folder with a track of two seconds of random motion."""
    folder.mkdir()
    world = np.random.default_rng(0).normal(0, 0.5, (60, 33, 3)).astype(np.float32)
    visibility = np.ones((60, 33), np.float32)
    Track("random", "HO", np.arange(60) / 30, world, world, visibility).save(folder / "random.npz")
    return folder


def test_figures_are_stored_in_the_exported_file(tmp_path: Path) -> None:
    untrained_checkpoint().save(tmp_path / "checkpoint.pt")
    figures = {"dancers:A -> dancers:B": {"clip_accuracy": 0.5}}
    (tmp_path / "figures.json").write_text(json.dumps(figures), encoding="utf-8-sig")
    out = tmp_path / "new folder" / "model.onnx"
    arguments = ["export", str(tmp_path / "checkpoint.pt"), "--out", str(out)]
    result = CliRunner().invoke(app, [*arguments, "--figures", str(tmp_path / "figures.json")])
    assert result.exit_code == 0, result.output
    assert Classifier(out, device="cpu").contract.figures == figures


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_invalid_figures_file_is_refused(tmp_path: Path, content: str) -> None:
    untrained_checkpoint().save(tmp_path / "checkpoint.pt")
    (tmp_path / "figures.json").write_text(content)
    arguments = ["export", str(tmp_path / "checkpoint.pt"), "--out", str(tmp_path / "model.onnx")]
    result = CliRunner().invoke(app, [*arguments, "--figures", str(tmp_path / "figures.json")])
    assert isinstance(result.exception, FileError)
    assert not (tmp_path / "model.onnx").exists()


def test_shipped_model_can_be_exported_to_int8_and_evaluated(tmp_path: Path) -> None:
    out = tmp_path / "small.onnx"
    arguments = ["export", str(SHIPPED), "--out", str(out), "--precision", "int8"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "1.4 MB, within" in result.output
    assert "of live.onnx" in result.output
    assert Evaluator(out).on_tracks(folder_with_track(tmp_path / "tracks"))[0].clips


def test_figures_are_refused_with_an_onnx_file(tmp_path: Path) -> None:
    arguments = ["export", str(SHIPPED), "--out", str(tmp_path / "out.onnx"), "--precision", "int8"]
    result = CliRunner().invoke(app, [*arguments, "--figures", str(tmp_path / "figures.json")])
    assert isinstance(result.exception, SettingsError)
    assert result.exception.exit_code == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("precision", ["int4", "FP16"])
def test_unknown_precision_is_refused(tmp_path: Path, precision: str) -> None:
    arguments = [
        "export",
        str(SHIPPED),
        "--out",
        str(tmp_path / "out.onnx"),
        "--precision",
        precision,
    ]
    assert CliRunner().invoke(app, arguments).exit_code == 2
