import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import export.console
from engine.classifier import Classifier
from export.console import FiguresError
from tests.export.test_to_onnx import untrained


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    export.console.register(app)
    return app


def test_figures_that_are_given_are_kept_in_the_file(app: typer.Typer, tmp_path: Path) -> None:
    untrained().save(tmp_path / "checkpoint.pt")
    figures = {"dancers:A -> dancers:B": {"clip_accuracy": 0.5}}
    (tmp_path / "figures.json").write_text(json.dumps(figures))
    out = tmp_path / "new folder" / "model.onnx"
    words = ["export", str(tmp_path / "checkpoint.pt"), "--out", str(out)]
    result = CliRunner().invoke(app, [*words, "--figures", str(tmp_path / "figures.json")])
    assert result.exit_code == 0, result.output
    assert Classifier(out, device="cpu").contract.figures == figures


@pytest.mark.parametrize("content", ["", "[1]", "{"])
def test_figures_that_cannot_be_read_are_refused(
    app: typer.Typer, tmp_path: Path, content: str
) -> None:
    untrained().save(tmp_path / "checkpoint.pt")
    (tmp_path / "figures.json").write_text(content)
    words = ["export", str(tmp_path / "checkpoint.pt"), "--out", str(tmp_path / "model.onnx")]
    result = CliRunner().invoke(app, [*words, "--figures", str(tmp_path / "figures.json")])
    assert isinstance(result.exception, FiguresError)
    assert not (tmp_path / "model.onnx").exists()
