"""Writes a checkpoint as one ONNX file with its contract, and checks it against PyTorch."""

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
from dancetype.engine.recognizer import WindowClassifier
from dancetype.export.precision import TOLERANCES, Precision
from dancetype.export.quantize import pack
from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier
from dancetype.training.model import GenreLSTM

BATCHES: Final = (1, 2, 7)


class _Calibrated(nn.Module):
    """Probabilities rather than logits, so that a device needs nothing but the file."""

    def __init__(self, network: GenreLSTM, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, windows: Tensor) -> Tensor:
        return torch.softmax(self.network(windows) / self.temperature, dim=-1)


def export(checkpoint: Checkpoint, out: Path, *, precision: Precision = Precision.FP32) -> float:
    """Writes `out`.

    Args:
        checkpoint: a trained one.
        out: the ONNX file to write; it appears only if all checks pass.
        precision: of its weights.

    Returns:
        The largest difference from PyTorch that was seen.

    Raises:
        ModelError: the graph fixes its batch or differs from PyTorch.
    """
    model = _graph(checkpoint, checkpoint.contract())
    return _write(model, out, precision, like=CheckpointClassifier(checkpoint))


def shrink(file: Path, out: Path, *, precision: Precision) -> float:
    """Writes `out` with the weights of a model file in fewer bits.

    Args:
        file: an ONNX file of ours, such as the shipped one.
        out: the ONNX file to write; it appears only if all checks pass.
        precision: of its weights.

    Returns:
        The largest difference from `file` that was seen.

    Raises:
        ModelError: `file` is no model of ours.
        ModelError: its weights are in fewer bits already.
        ModelError: float32 is what it has, or the new one differs too much.
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
    part = out.with_suffix(".part.onnx")
    try:
        onnx.save(model, part)
        difference = parity(like, part, precision=precision)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return difference


def _graph(checkpoint: Checkpoint, contract: Contract) -> onnx.ModelProto:
    # A batch of one would be taken for a constant, and fix the graph to it.
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
    """Takes out the exporter's notes: they hold the paths of whoever's machine it ran on."""
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
    """The exporter reports its progress and its own deprecations, which are nobody's concern."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def parity(like: WindowClassifier, file: Path, *, precision: Precision = Precision.FP32) -> float:
    """Largest difference of probabilities between two models, at several batch sizes.

    Args:
        like: what the file was made from.
        file: an ONNX file.
        precision: of its weights.

    Raises:
        ModelError: it exceeds the tolerance of the precision.
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
