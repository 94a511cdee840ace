import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.pages import load, save
from benchmarks.soak_result import Result, Sample


def test_list_has_one_line_per_benchmark(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in BENCHMARKS:
        assert find_spec(f"benchmarks.{name}")
        assert len([line for line in lines if line.startswith(f"  {name} ")]) == 1


def test_unknown_benchmark_is_an_error() -> None:
    assert main(["no-such-benchmark"]) == 2


def test_expected_error_is_printed_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["offline", "--videos", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"error: {tmp_path}: no .mp4 in this folder\n"


def test_page_is_rendered_from_saved_results(tmp_path: Path) -> None:
    page, results = tmp_path / "page.md", tmp_path / "results.json"
    page.write_text("<!-- gpu -->\n<!-- /gpu -->\n")
    results.write_text(json.dumps({"not_measured": "no CUDA", "conditions": "a machine"}))
    assert main(["render", "gpu", str(results), "--out", str(page)]) == 0
    assert "Not measured: no CUDA." in page.read_text()


def test_rendering_without_results_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["render", "gpu", str(tmp_path / "none.json")]) == 1
    assert "cannot read results" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["render", "soak"])


def test_results_with_dataclasses_can_be_saved(tmp_path: Path) -> None:
    result = Result(minutes=1, samples=[Sample(0.0, 1, 2, 3, 4)])
    result.faults["broker killed"] += 1
    save(vars(result), tmp_path / "soak.json")
    saved = load(tmp_path / "soak.json")
    assert saved["faults"] == {"broker killed": 1}
    assert saved["samples"][0]["threads"] == 2
