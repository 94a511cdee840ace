import zipfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from dancetype.engine.pose.litert.pruning import prune


@pytest.fixture(scope="module")
def model(pose_model: Path) -> bytes:
    with zipfile.ZipFile(pose_model) as archive:
        return archive.read("pose_landmarks_detector.tflite")


def run_model(model: bytes, image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return [interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()]


def test_pruned_model_gives_identical_outputs(model: bytes) -> None:
    image = np.random.default_rng(0).random((1, 256, 256, 3), np.float32)
    original, pruned = run_model(model, image), run_model(prune(model, [4, 1]), image)
    assert len(pruned) == 2
    assert np.array_equal(pruned[0], original[4])
    assert np.array_equal(pruned[1], original[1])


def test_pruned_model_has_fewer_operators(model: bytes) -> None:
    def count_operators(content: bytes) -> int:
        interpreter = Interpreter(model_content=content, num_threads=1)
        return len(interpreter._get_ops_details())

    for outputs in ([2], [0, 1, 3, 4]):
        assert count_operators(prune(model, outputs)) < count_operators(model)


@pytest.mark.parametrize("outputs", [[5], [0, 9]])
def test_output_that_does_not_exist_is_rejected(model: bytes, outputs: list[int]) -> None:
    with pytest.raises(ValueError, match="TensorFlow Lite"):
        prune(model, outputs)


@pytest.mark.parametrize("content", [b"", b"TFL3", bytes(64), b"\xff" * 64])
def test_content_that_is_not_a_model_is_rejected(content: bytes) -> None:
    with pytest.raises(ValueError, match="TensorFlow Lite"):
        prune(content, [0])


def test_truncated_model_is_rejected_or_pruned(model: bytes) -> None:
    for length in range(0, len(model), len(model) // 97):
        try:
            prune(model[:length], [0])
        except ValueError:
            continue
