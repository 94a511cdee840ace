import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from dancetype.engine.classifier import Classifier
from dancetype.engine.contract import Contract
from dancetype.engine.errors import ModelError
from dancetype.engine.genres import CODES, GENRES
from dancetype.engine.onnx import ort
from dancetype.engine.skeleton import JOINTS
from dancetype.export.fold import fold_bones
from dancetype.export.onnx import check_parity, export, reduce_precision
from dancetype.export.precision import TOLERANCES, Precision
from dancetype.training.checkpoint import Checkpoint, CheckpointClassifier
from dancetype.training.model import GenreLSTM
from dancetype.training.probabilities import Calibration
from dancetype.training.recipe import Recipe


def untrained_checkpoint(*, seed: int = 0, trajectory: bool = False, **network: Any) -> Checkpoint:
    """Return a checkpoint with random weights."""
    defaults = {
        "hidden": 16,
        "layers": 2,
        "dropout": 0.3,
        "head_dropout": 0.4,
        "pooling": "mean_max",
        "input_norm": True,
    }
    recipe = Recipe.model_validate(
        {
            "name": "small",
            "about": "For tests.",
            "window": {
                "seconds": 4.0,
                "min_seconds": 1.0,
                "length": 30,
                "axes": "xy",
                "velocity": True,
                "smooth": True,
                "trajectory": trajectory,
            },
            "sampling": {"windows": "clip"},
            "network": defaults | network,
            "optimiser": {"kind": "adam", "learning_rate": 1e-3, "batch": 4, "epochs": 1},
        }
    )
    torch.manual_seed(seed)
    weights = GenreLSTM(recipe.network, window=recipe.window.spec(), genres=len(CODES)).state_dict()
    weights["head.weight"] *= 10  # larger logits, for probabilities that are not all similar
    return Checkpoint(
        recipe,
        "dancers:A",
        ["d01", "d04"],
        1,
        weights,
        calibration=Calibration(1.7),
        figures={"dancers:B": {"clip_accuracy": 0.9}},
    )


CHECKPOINT = untrained_checkpoint()
CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    assert export(CHECKPOINT, path) < 1e-4
    return path


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_onnx_agrees_with_pytorch_at_any_batch_size(model: Path, batch: int) -> None:
    windows = np.random.default_rng(batch).normal(0, 1, (batch, 30, 68)).astype(np.float32)
    probabilities = Classifier(model, device="cpu")(windows)
    assert probabilities.shape == (batch, 10)
    np.testing.assert_allclose(probabilities, CheckpointClassifier(CHECKPOINT)(windows), atol=1e-4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert np.ptp(probabilities) > 0.1


@pytest.mark.parametrize(
    "network",
    [
        {"pooling": "attention", "bidirectional": True, "layers": 1},
        {"pooling": "mean", "input_norm": False, "mirror": True},
    ],
)
def test_all_network_variants_can_be_exported(tmp_path: Path, network: dict[str, Any]) -> None:
    assert export(untrained_checkpoint(**network), tmp_path / "model.onnx") < 1e-4


def test_model_with_a_trajectory_can_be_exported(tmp_path: Path) -> None:
    checkpoint = untrained_checkpoint(trajectory=True, bones=True, mirror=True)
    assert export(checkpoint, tmp_path / "model.onnx") < 1e-4
    classifier = Classifier(tmp_path / "model.onnx", device="cpu")
    assert classifier.contract.window.trajectory
    windows = np.random.default_rng(0).normal(0, 1, (3, 30, 72)).astype(np.float32)
    np.testing.assert_allclose(
        classifier(windows), CheckpointClassifier(checkpoint)(windows), atol=1e-4
    )


@pytest.mark.parametrize("trajectory", [False, True])
def test_bones_are_folded_into_the_first_convolution(trajectory: bool) -> None:
    checkpoint = untrained_checkpoint(
        trajectory=trajectory, bones=True, mirror=True, stem_strides=[2, 1], stem_width=8
    )
    for name in ("input_norm.weight", "input_norm.bias", "stem.0.bias"):
        nn.init.normal_(checkpoint.weights[name])
    network, folded = checkpoint.network(), fold_bones(checkpoint.network())
    features = checkpoint.recipe.window.spec().features
    windows = torch.randn(3, 30, features)
    torch.testing.assert_close(folded(windows), network(windows), atol=1e-5, rtol=1e-5)
    assert folded.state_dict()["stem.0.weight"].shape[1] == features + 2


def test_network_without_bones_is_not_folded() -> None:
    checkpoint = untrained_checkpoint(stem_strides=[2, 1], stem_width=8)
    assert fold_bones(checkpoint.network()).state_dict().keys() == checkpoint.weights.keys()


def test_model_is_one_file_without_external_data(model: Path) -> None:
    assert [path.name for path in model.parent.iterdir()] == ["model.onnx"]
    graph = onnx.load(model, load_external_data=False).graph
    assert graph.initializer
    assert all(tensor.data_location == onnx.TensorProto.DEFAULT for tensor in graph.initializer)


def test_only_the_batch_dimension_is_dynamic(model: Path) -> None:
    graph = onnx.load(model).graph
    (windows,), (probabilities,) = graph.input, graph.output
    for tensor, expected in ((windows, [30, 68]), (probabilities, [10])):
        batch, *fixed = tensor.type.tensor_type.shape.dim
        assert batch.dim_param
        assert not batch.dim_value
        assert [dim.dim_value for dim in fixed] == expected


def test_metadata_contains_the_whole_contract(model: Path) -> None:
    metadata = {prop.key: prop.value for prop in onnx.load(model).metadata_props}
    contract = CHECKPOINT.contract()
    assert Contract.parse(metadata) == contract
    assert json.loads(metadata["labels"]) == list(CODES)
    assert json.loads(metadata["genres"]) == GENRES
    assert json.loads(metadata["joints"]) == list(JOINTS)
    assert json.loads(metadata["window"])["seconds"] == 4.0
    assert json.loads(metadata["window"])["length"] == 30
    assert json.loads(metadata["features"]) == ["x", "y", "vx", "vy"]
    assert json.loads(metadata["dancers"]) == ["d01", "d04"]
    assert json.loads(metadata["figures"]) == {"dancers:B": {"clip_accuracy": 0.9}}
    assert (metadata["recipe"], metadata["split"]) == ("small", "dancers:A")
    assert metadata["licence"]
    assert "AIST++" in metadata["credit"]
    assert "pelvis" in metadata["normalisation"]


def test_parity_check_rejects_a_file_of_another_checkpoint(model: Path) -> None:
    with pytest.raises(ModelError, match="differ from the reference by"):
        check_parity(CheckpointClassifier(untrained_checkpoint(seed=1)), model)


def test_failed_parity_check_keeps_the_existing_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.onnx").write_bytes(b"previous model")
    monkeypatch.setitem(TOLERANCES, Precision.FP32, 0.0)
    with pytest.raises(ModelError, match="differ from the reference by"):
        export(CHECKPOINT, tmp_path / "model.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    assert (tmp_path / "model.onnx").read_bytes() == b"previous model"


def test_graph_with_fixed_batch_size_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(self: GenreLSTM, windows: Tensor) -> Tensor:
        return self._logits(windows.reshape(2, 30, 68))

    monkeypatch.setattr(GenreLSTM, "forward", forward)
    with pytest.raises(ModelError, match="fixed batch size of 2"):
        export(CHECKPOINT, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_model_contains_no_local_paths(model: Path) -> None:
    content = model.read_bytes()
    assert str(CHECKOUT).encode() not in content
    assert b"to_onnx" not in content
    shipped = (CHECKOUT / "engine" / "models" / "live.onnx").read_bytes()
    assert b"to_onnx" not in shipped


SIZES = [(Precision.FP16, 0.65), (Precision.INT8, 0.5)]


@pytest.mark.parametrize(("precision", "share"), SIZES)
def test_reduced_precision_keeps_contract_and_nearly_the_same_probabilities(
    model: Path, tmp_path: Path, precision: Precision, share: float
) -> None:
    small = tmp_path / "small.onnx"
    difference = reduce_precision(model, small, precision=precision)
    assert 0 < difference < TOLERANCES[precision]
    assert small.stat().st_size < share * model.stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["small.onnx"]
    full, reduced = Classifier(model, device="cpu"), Classifier(small, device="cpu")
    assert reduced.contract == full.contract
    windows = np.random.default_rng(3).normal(0, 1, (64, 30, 68)).astype(np.float32)
    assert np.abs(full(windows) - reduced(windows)).max() < TOLERANCES[precision]
    assert (full(windows).argmax(axis=1) == reduced(windows).argmax(axis=1)).mean() > 0.9


@pytest.mark.parametrize("precision", [Precision.FP16, Precision.INT8])
def test_weights_are_converted_back_when_the_model_is_loaded(
    model: Path, tmp_path: Path, precision: Precision
) -> None:
    reduce_precision(model, tmp_path / "small.onnx", precision=precision)
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "loaded.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(tmp_path / "small.onnx", options, providers=["CPUExecutionProvider"])
    kinds = {node.op_type for node in onnx.load(tmp_path / "loaded.onnx").graph.node}
    assert "LSTM" in kinds
    assert not kinds & {"Cast", "DequantizeLinear"}


def test_precision_of_unsuitable_file_is_not_reduced(model: Path, tmp_path: Path) -> None:
    reduce_precision(model, tmp_path / "small.onnx", precision=Precision.INT8)
    with pytest.raises(ModelError, match="precision was already reduced"):
        reduce_precision(
            tmp_path / "small.onnx", tmp_path / "smaller.onnx", precision=Precision.FP16
        )
    with pytest.raises(ModelError, match="give --precision fp16 or int8"):
        reduce_precision(model, tmp_path / "same.onnx", precision=Precision.FP32)
    with pytest.raises(ModelError, match="cannot be read"):
        reduce_precision(
            tmp_path / "nowhere.onnx", tmp_path / "none.onnx", precision=Precision.INT8
        )
    assert [path.name for path in tmp_path.iterdir()] == ["small.onnx"]
