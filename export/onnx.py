"""Export of a checkpoint as one ONNX file with its contract, checked against PyTorch."""

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
from dancetype.export.precision import TOLERANCES, Precision
from dancetype.export.quantize import pack
from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier
from dancetype.training.model import GenreLSTM

BATCHES: Final = (1, 2, 7)


class _Calibrated(nn.Module):
    """Network that returns probabilities, so that a device needs only the file."""

    def __init__(self, network: GenreLSTM, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, windows: Tensor) -> Tensor:
        return torch.softmax(self.network(windows) / self.temperature, dim=-1)


def export(checkpoint: Checkpoint, out: Path, *, precision: Precision = Precision.FP32) -> float:
    """Write `out` if all checks pass, and return its largest difference from PyTorch.

    Raises:
        ModelError: The graph fixes its batch or differs from PyTorch.
    """
    model = _graph(checkpoint, checkpoint.contract())
    return _write(model, out, precision, like=CheckpointClassifier(checkpoint))


def reduce_precision(file: Path, out: Path, *, precision: Precision) -> float:
    """Write `out` with the weights of an ONNX file in fewer bits, if all checks pass.

    Returns:
        The largest difference from `file`.

    Raises:
        ModelError: `file` has no contract or was shrunk before, `precision` is float32, or the new
            file differs too much.
    """
    like = Classifier(file, device="cpu")
    if precision is Precision.FP32:
        raise ModelError(f"{file} is an ONNX file already; give --precision fp16 or int8")
    return _write(onnx.load(file), out, precision, like=like)


def _write(
    model: onnx.ModelProto, out: Path, precision: Precision, *, like: WindowClassifier
) -> float:
    pack(model, precision)
    onnx.checker.check_model(model, full_check=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(out) as part:
        onnx.save(model, part, format="protobuf")
        return parity(like, part, precision=precision)


def _graph(checkpoint: Checkpoint, contract: Contract) -> onnx.ModelProto:
    # The exporter would take a batch of one for a constant, and fix the graph to it.
    example = torch.zeros(2, contract.window.length, contract.window.features)
    with _quiet():
        program = torch.onnx.export(
            _Calibrated(checkpoint.network(), checkpoint.temperature).eval(),
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
        raise ModelError(f"the graph takes {batch.dim_value} windows at a time, not any number")
    if any(tensor.external_data for tensor in model.graph.initializer):
        raise ModelError("the graph keeps weights in a file of their own")
    _forget_origin(model.graph)
    onnx.helper.set_model_props(model, contract.metadata())
    return model


def _forget_origin(graph: onnx.GraphProto) -> None:
    """Remove the exporter's notes: they contain paths of the machine that it ran on."""
    noted = (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer)
    for part in (graph, *noted):
        del part.metadata_props[:]
        part.ClearField("doc_string")
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
                _forget_origin(inner)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the exporter's progress and its own deprecations."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def parity(like: WindowClassifier, file: Path, *, precision: Precision = Precision.FP32) -> float:
    """Return the largest difference of probabilities between two models, at several batch sizes.

    Args:
        like: Model that the file was made from.
        file: ONNX file.
        precision: Precision of its weights.

    Raises:
        ModelError: The difference exceeds the tolerance of the precision.
    """
    in_onnx = Classifier(file, device="cpu")
    spec = in_onnx.contract.window
    rng = np.random.default_rng(0)
    differences = []
    for batch in BATCHES:
        windows = rng.normal(0, 1, (batch, spec.length, spec.features)).astype(np.float32)
        differences.append(float(np.abs(like(windows) - in_onnx(windows)).max()))
    if not max(differences) < TOLERANCES[precision]:
        raise ModelError(
            f"in {precision} the file differs from what it was made from by {max(differences):.1e}"
        )
    return max(differences)
