import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from hypothesis import example, given
from hypothesis import strategies as st
from onnx import helper

from dancetype.engine import classifier
from dancetype.engine.classifier import Classifier
from dancetype.engine.errors import ModelError
from tests.engine.test_classifier import CONTRACT, make_model
from tests.fuzz.fuzzing import changed, damaged, fuzzed, fuzzed_less, only, values

SHIPPED = (Path(classifier.__file__).parent / "models" / "live.onnx").read_bytes()
SMALL = make_model().SerializeToString()
METADATA = CONTRACT.metadata()
WINDOW = json.loads(METADATA["window"])


def structure(content: bytes) -> list[int]:
    """Where a model holds anything but weights, of which one is as good as another."""
    inside = np.zeros(len(content), bool)
    for tensor in onnx.load_from_string(content).graph.initializer:
        if tensor.raw_data:
            start = content.index(tensor.raw_data)
            inside[start : start + len(tensor.raw_data)] = True
    return [int(place) for place in np.flatnonzero(~inside)]


def read(content: bytes, folder: Path) -> None:
    path = folder / "model.onnx"
    path.write_bytes(content)
    with only("ONNX models", ModelError):
        genres = Classifier(path, device="cpu")
        spec = genres.contract.window
        answer = genres(np.zeros((3, spec.length, spec.features), np.float32))
        assert answer.shape == (3, len(genres.contract.labels))
        np.testing.assert_allclose(answer.sum(axis=1), 1, atol=0.01)


@fuzzed
@given(st.binary())
def test_noise_is_refused(tmp_path: Path, content: bytes) -> None:
    read(content, tmp_path)


@fuzzed_less
@given(damaged(SHIPPED, structure(SHIPPED)) | damaged(SHIPPED))
def test_a_damaged_copy_of_the_shipped_model_works_or_is_refused(
    tmp_path: Path, content: bytes
) -> None:
    read(content, tmp_path)


@fuzzed
@given(damaged(SMALL, structure(SMALL)) | damaged(SMALL))
def test_a_damaged_model_works_or_is_refused(tmp_path: Path, content: bytes) -> None:
    read(content, tmp_path)


texts = st.text(st.characters(codec="utf-8"), max_size=40)
metadata = st.dictionaries(
    st.sampled_from(sorted(METADATA)) | texts, texts | values.map(json.dumps), min_size=1
) | changed(WINDOW).map(lambda window: {"window": json.dumps(window)})


@fuzzed
@given(metadata)
@example({"labels": "[" * 100_000})
@example({"window": json.dumps(WINDOW | {"length": 10**12})})
@example({"window": json.dumps(WINDOW | {"seconds": 10**400})})
@example({"labels": json.dumps(["\n" * 5000])})
def test_a_model_that_says_anything_of_itself_works_or_is_refused(
    tmp_path: Path, says: dict[str, Any]
) -> None:
    model = make_model()
    helper.set_model_props(model, METADATA | says)
    read(model.SerializeToString(), tmp_path)
