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

from engine.classifier import Classifier
from engine.contract import Contract
from engine.errors import ExpectedError
from training.checkpoint import Checkpoint, CheckpointClassifier
from training.network import GenreLSTM

TOLERANCE: Final = 1e-4
"""Largest difference between a probability of PyTorch's and of onnxruntime's."""

BATCHES: Final = (1, 2, 7)


class ExportError(ExpectedError):
    """A graph that is not what it has to be; no file is left behind."""


class _Calibrated(nn.Module):
    """Probabilities rather than logits, so that a device needs nothing but the file."""

    def __init__(self, network: GenreLSTM, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, windows: Tensor) -> Tensor:
        return torch.softmax(self.network(windows) / self.temperature, dim=-1)


def export(checkpoint: Checkpoint, out: Path) -> float:
    """Writes `out`.

    Args:
        checkpoint: a trained one.
        out: the ONNX file to write; it appears only if all checks pass.

    Returns:
        The largest difference from PyTorch that was seen.

    Raises:
        ExportError: the graph fixes its batch or differs from PyTorch.
    """
    contract = checkpoint.contract()
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_suffix(".part.onnx")
    try:
        onnx.save(_graph(checkpoint, contract), part)
        difference = parity(checkpoint, part)
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
        raise ExportError(f"the graph takes {batch.dim_value} windows at a time, not any number")
    if any(tensor.external_data for tensor in model.graph.initializer):
        raise ExportError("the graph keeps weights in a file of their own")
    _forget_origin(model.graph)
    onnx.helper.set_model_props(model, contract.metadata())
    onnx.checker.check_model(model, full_check=True)
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


def parity(checkpoint: Checkpoint, file: Path) -> float:
    """Largest difference of probabilities between PyTorch and onnxruntime, at several batch sizes.

    Raises:
        ExportError: it exceeds `TOLERANCE`.
    """
    in_torch, in_onnx = CheckpointClassifier(checkpoint), Classifier(file, device="cpu")
    spec = in_onnx.contract.window
    rng = np.random.default_rng(0)
    differences = []
    for batch in BATCHES:
        windows = rng.normal(0, 1, (batch, spec.length, spec.features)).astype(np.float32)
        differences.append(float(np.abs(in_torch(windows) - in_onnx(windows)).max()))
    if not max(differences) < TOLERANCE:
        raise ExportError(f"onnxruntime differs from PyTorch by {max(differences):.1e}")
    return max(differences)
