import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from hypothesis import example, given
from hypothesis import strategies as st
from onnx import helper

from dancetype.engine.classifier import SHIPPED, Classifier
from dancetype.engine.errors import ModelError
from dancetype.engine.rolling import Decision
from tests.engine.test_classifier import CONTRACT, make_model
from tests.fuzz.fuzzing import (
    changed_documents,
    check_parser,
    damaged_bytes,
    fuzz_test,
    slow_fuzz_test,
    values,
)

LIVE = SHIPPED.read_bytes()
SMALL = make_model().SerializeToString()
METADATA = replace(CONTRACT, decision=Decision.uniform(10), dancing=True).metadata()
WINDOW = json.loads(METADATA["window"])
DECISION = json.loads(METADATA["decision"])


def structure_offsets(content: bytes) -> list[int]:
    """Return the offsets of everything but weights, since changed weights rarely cause errors."""
    is_weight = np.zeros(len(content), bool)
    for tensor in onnx.load_from_string(content).graph.initializer:
        if tensor.raw_data:
            start = content.index(tensor.raw_data)
            is_weight[start : start + len(tensor.raw_data)] = True
    return [int(offset) for offset in np.flatnonzero(~is_weight)]


def load(content: bytes, folder: Path) -> None:
    path = folder / "model.onnx"
    path.write_bytes(content)
    with check_parser("ONNX models", ModelError):
        classifier = Classifier(path, device="cpu")
        spec = classifier.contract.window
        output = classifier(np.zeros((3, spec.length, spec.features), np.float32))
        assert output.shape == (3, len(classifier.contract.labels))
        sums = output.sum(axis=1)
        assert (sums < 1.01).all()
        assert classifier.contract.dancing or (sums > 0.99).all()


@fuzz_test
@given(st.binary())
def test_random_bytes_are_rejected(tmp_path: Path, content: bytes) -> None:
    load(content, tmp_path)


@slow_fuzz_test
@given(damaged_bytes(LIVE, structure_offsets(LIVE)) | damaged_bytes(LIVE))
def test_damaged_copy_of_shipped_model_works_or_is_rejected(tmp_path: Path, content: bytes) -> None:
    load(content, tmp_path)


@fuzz_test
@given(damaged_bytes(SMALL, structure_offsets(SMALL)) | damaged_bytes(SMALL))
def test_damaged_model_works_or_is_rejected(tmp_path: Path, content: bytes) -> None:
    load(content, tmp_path)


texts = st.text(st.characters(codec="utf-8"), max_size=40)
metadata = st.dictionaries(
    st.sampled_from(sorted(METADATA)) | texts, texts | values.map(json.dumps), min_size=1
)
metadata |= changed_documents(WINDOW).map(lambda window: {"window": json.dumps(window)})
metadata |= changed_documents(DECISION).map(lambda decision: {"decision": json.dumps(decision)})


@fuzz_test
@given(metadata)
@example({"labels": "[" * 100_000})
@example({"window": json.dumps(WINDOW | {"length": 10**12})})
@example({"window": json.dumps(WINDOW | {"seconds": 10**400})})
@example({"labels": json.dumps(["\n" * 5000])})
def test_model_with_any_metadata_works_or_is_rejected(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    model = make_model()
    helper.set_model_props(model, METADATA | changes)
    load(model.SerializeToString(), tmp_path)
