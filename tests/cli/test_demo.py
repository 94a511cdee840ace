from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import dancetype.app
import dancetype.stream.assets
from dancetype.cli import app
from dancetype.stream.assets import DANCE_CLIP, SAMPLE_CLIP


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Any, ...]]:
    """Arguments of each run that the command starts."""
    started: list[tuple[Any, ...]] = []

    def run_sources(settings: Any, sources: Any, *, loop: bool, note: str) -> None:
        started.append((settings, sources["demo"].address, note))

    def fetch(asset: Any, folder: Path, *, report: Any) -> Path:
        assert asset is SAMPLE_CLIP
        return tmp_path / "walk.mp4"

    monkeypatch.setattr(dancetype.app, "run_sources", run_sources)
    monkeypatch.setattr(dancetype.stream.assets, "fetch", fetch)
    return started


def demo(*arguments: str) -> None:
    result = CliRunner().invoke(app, ["demo", *arguments])
    assert result.exit_code == 0, result.exception


def test_demo_plays_the_packaged_dances_without_a_download(calls: list[tuple[Any, ...]]) -> None:
    demo()
    ((_, target, note),) = calls
    assert target == str(DANCE_CLIP)
    assert "trained on these dances" in note
    assert "AIST++, CC BY 4.0" in note


def test_clip_walk_plays_a_person_who_does_not_dance(calls: list[tuple[Any, ...]]) -> None:
    demo("--clip", "walk")
    ((_, target, note),) = calls
    assert Path(target).name == "walk.mp4"
    assert "does not dance" in note


@pytest.mark.parametrize(
    ("arguments", "preview"),
    [
        ([], True),
        (["--host", "0.0.0.0", "--token", "a-token-for-the-demo"], True),
        # Other settings would make the preview an error.
        (["--host", "0.0.0.0", "--insecure"], False),
        (["--no-serve"], False),
    ],
    ids=str,
)
def test_dashboard_shows_the_images_of_the_demo(
    calls: list[tuple[Any, ...]], arguments: list[str], preview: bool
) -> None:
    demo(*arguments)
    assert calls[0][0].preview is preview


def test_images_can_be_turned_off(
    calls: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANCETYPE_PREVIEW", "false")
    demo()
    assert calls[0][0].preview is False


def test_unknown_clip_is_an_error() -> None:
    result = CliRunner().invoke(app, ["demo", "--clip", "salsa"])
    assert result.exit_code == 2
    assert "dance" in result.output
