"""Export of a checkpoint as one ONNX file with its contract, verified against PyTorch."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from dancetype.engine.classifier import Classifier
from dancetype.engine.contract import Contract
from dancetype.engine.errors import ModelError
from dancetype.engine.files import atomic_write
from dancetype.engine.recognizer import WindowClassifier
from dancetype.export.fold import fold_bones
from dancetype.export.precision import TOLERANCES, Precision
from dancetype.export.quantize import quantize_weights
from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier
from dancetype.training.probabilities import probabilities

BATCH_SIZES: Final = (1, 2, 7)
"""Batch sizes at which an exported model is compared with its reference."""


class _Calibrated(nn.Module):
    """Network that returns calibrated probabilities instead of logits."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self.network = fold_bones(checkpoint.network())
        self.rejection = checkpoint.recipe.network.rejection
        self.calibration = checkpoint.calibration

    def forward(self, windows: Tensor) -> Tensor:
        return probabilities(self.network(windows), self.rejection, self.calibration)


def export(checkpoint: Checkpoint, out: Path, *, precision: Precision = Precision.FP32) -> float:
    """Write a checkpoint as an ONNX file, if all checks pass.

    Returns:
        The largest difference of a probability from PyTorch's.

    Raises:
        ModelError: The graph has a fixed batch size or external weights, or differs from PyTorch.
    """
    model = _export_graph(checkpoint, checkpoint.contract())
    return _write(model, out, precision, reference=CheckpointClassifier(checkpoint))


def reduce_precision(file: Path, out: Path, *, precision: Precision) -> float:
    """Write a copy of an ONNX file with weights of lower precision, if all checks pass.

    Returns:
        The largest difference of a probability from that of `file`.

    Raises:
        ModelError: `file` has no contract or no float32 weights, `precision` is float32, or the
            difference is too large.
    """
    reference = Classifier(file, device="cpu")
    if precision is Precision.FP32:
        raise ModelError(f"{file} is already an ONNX file; give --precision fp16 or int8")
    return _write(onnx.load(file), out, precision, reference=reference)


def _write(
    model: onnx.ModelProto, out: Path, precision: Precision, *, reference: WindowClassifier
) -> float:
    quantize_weights(model, precision)
    onnx.checker.check_model(model, full_check=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out) as temporary:
        onnx.save(model, temporary, format="protobuf")
        return check_parity(reference, temporary, precision=precision)


def _export_graph(checkpoint: Checkpoint, contract: Contract) -> onnx.ModelProto:
    # The exporter would treat a batch size of one as a constant.
    example = torch.zeros(2, contract.window.length, contract.window.features)
    with _silence_exporter():
        program = torch.onnx.export(
            _Calibrated(checkpoint).eval(),
            (example,),
            input_names=["windows"],
            output_names=["probabilities"],
            dynamic_shapes={"windows": {0: torch.export.Dim("batch")}},
            dynamo=True,
        )
    assert program is not None
    model = program.model_proto
    batch = model.graph.input[0].type.tensor_type.shape.dim[0]
    if not batch.dim_param:
        raise ModelError(f"the exported graph has a fixed batch size of {batch.dim_value}")
    if any(tensor.external_data for tensor in model.graph.initializer):
        raise ModelError("the exported graph stores weights outside the ONNX file")
    _remove_debug_info(model.graph)
    onnx.helper.set_model_props(model, contract.metadata())
    return model


def _remove_debug_info(graph: onnx.GraphProto) -> None:
    """Remove the exporter's debug information, which contains local file paths."""
    elements = (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer)
    for element in (graph, *elements):
        del element.metadata_props[:]
        element.ClearField("doc_string")
    for node in graph.node:
        for attribute in node.attribute:
            subgraphs = [attribute.g] if attribute.HasField("g") else []
            for subgraph in (*subgraphs, *attribute.graphs):
                _remove_debug_info(subgraph)


@contextlib.contextmanager
def _silence_exporter() -> Iterator[None]:
    """Suppress the exporter's progress output and deprecation warnings."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def check_parity(
    reference: WindowClassifier, file: Path, *, precision: Precision = Precision.FP32
) -> float:
    """Compare an ONNX file with its reference model on random poses, at several batch sizes.

    Args:
        reference: Model that the file was exported from.
        file: ONNX file.
        precision: Precision of its weights.

    Returns:
        The largest difference of a probability.

    Raises:
        ModelError: The difference exceeds the tolerance of the precision.
    """
    exported = Classifier(file, device="cpu")
    spec = exported.contract.window
    rng = np.random.default_rng(0)
    differences = []
    for size in BATCH_SIZES:
        # Small motion about a random pose: the probabilities of noise alone are near 0.
        poses = rng.normal(0, 0.5, (size, 1, spec.features))
        motion = rng.normal(0, 0.1, (size, spec.length, spec.features))
        windows = (poses + motion).astype(np.float32)
        differences.append(float(np.abs(reference(windows) - exported(windows)).max()))
    difference, tolerance = max(differences), TOLERANCES[precision]
    if not difference < tolerance:
        raise ModelError(
            f"the exported probabilities in {precision} differ from the reference by "
            f"{difference:.1e}, and {tolerance:.0e} is allowed"
        )
    return difference
