import zipfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from dancetype.engine.pose.litert.pruning import pruned


@pytest.fixture(scope="module")
def model(pose_model: Path) -> bytes:
    with zipfile.ZipFile(pose_model) as archive:
        return archive.read("pose_landmarks_detector.tflite")


def outputs_of(model: bytes, image: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    interpreter = Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    return [interpreter.get_tensor(exit_["index"]) for exit_ in interpreter.get_output_details()]


def test_a_pruned_model_says_the_very_same(model: bytes) -> None:
    image = np.random.default_rng(0).random((1, 256, 256, 3), np.float32)
    whole, part = outputs_of(model, image), outputs_of(pruned(model, [4, 1]), image)
    assert len(part) == 2
    assert np.array_equal(part[0], whole[4])
    assert np.array_equal(part[1], whole[1])


def test_a_pruned_model_has_only_the_operators_it_needs(model: bytes) -> None:
    def operators(content: bytes) -> int:
        interpreter = Interpreter(model_content=content, num_threads=1)
        return len(interpreter._get_ops_details())

    mask, rest = operators(pruned(model, [2])), operators(pruned(model, [0, 1, 3, 4]))
    assert mask < operators(model)
    assert rest < operators(model)


@pytest.mark.parametrize("outputs", [[5], [0, 9]])
def test_an_output_that_is_not_there_is_refused(model: bytes, outputs: list[int]) -> None:
    with pytest.raises(ValueError, match="TensorFlow Lite"):
        pruned(model, outputs)


@pytest.mark.parametrize("content", [b"", b"TFL3", bytes(64), b"\xff" * 64])
def test_what_is_no_model_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="TensorFlow Lite"):
        pruned(content, [0])


def test_a_model_cut_short_anywhere_is_refused_or_prunes(model: bytes) -> None:
    for length in range(0, len(model), len(model) // 97):
        try:
            pruned(model[:length], [0])
        except ValueError:
            continue
