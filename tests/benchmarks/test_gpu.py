from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import gpu
from benchmarks.pages import render, replace_part, write_part
from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import ExpectedError
from dancetype.engine.skeleton import Array


class OffsetClassifier:
    """Classifier with an offset on all probabilities, as a stand-in for another device."""

    def __init__(self, classifier: Classifier, offset: float) -> None:
        self.contract = classifier.contract
        self._classifier = classifier
        self._offset = np.float32(offset)

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        return self._classifier(windows) + self._offset


def test_devices_with_similar_probabilities_are_timed() -> None:
    cpu = Classifier(device="cpu")
    row = gpu.compare(cpu, OffsetClassifier(cpu, 5e-4), 2, seconds=0.01)
    assert row["difference"] == pytest.approx(5e-4, rel=0.01)
    assert min(map(len, (row["cpu"], row["cuda"]))) >= 1


@pytest.mark.parametrize("offset", [2e-3, float("nan")])
def test_devices_with_different_probabilities_are_an_error(offset: float) -> None:
    cpu = Classifier(device="cpu")
    with pytest.raises(ExpectedError, match="size 2: probabilities of CPU and CUDA differ by"):
        gpu.compare(cpu, OffsetClassifier(cpu, offset), 2, seconds=0.01)


def test_table_has_latency_and_throughput_of_both_devices() -> None:
    rows = [{"batch": 8, "cpu": [2.0, 2.0], "cuda": [0.5, 0.5], "difference": 3e-6}]
    results = {"not_measured": "", "rows": rows, "gpu": "of a test", "conditions": "a machine"}
    line = render("gpu", results).splitlines()[2]
    assert line == "| 8 | 2.00 / 2.00 ms | 4,000 | 0.50 / 0.50 ms | 16,000 | 3e-06 |"


def test_page_without_gpu_states_why_nothing_was_measured() -> None:
    text = render("gpu", {"not_measured": "no CUDA", "conditions": "a machine"})
    assert text.startswith("Not measured: no CUDA.\n\nTo measure it on a machine with a GPU, run")


def test_part_of_a_page_is_replaced_and_the_rest_is_unchanged(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- gpu -->\nold\n<!-- /gpu -->\nafter\n")
    write_part(page, "gpu", "new\n")
    assert page.read_text() == "before\n<!-- gpu -->\nnew\n<!-- /gpu -->\nafter\n"


@pytest.mark.parametrize("text", ["", "<!-- gpu -->", "<!-- /gpu --><!-- gpu -->"])
def test_page_without_the_part_is_an_error(text: str) -> None:
    with pytest.raises(ExpectedError, match="no part between <!-- gpu -->"):
        replace_part(text, "gpu", "new")


def test_missing_page_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ExpectedError, match="no such page"):
        write_part(tmp_path / "page.md", "gpu", "new")
