from dataclasses import replace
from importlib.resources import as_file
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from dancetype.engine.classifier import SHIPPED, Classifier
from dancetype.engine.contract import Contract
from dancetype.engine.defaults import Device
from dancetype.engine.errors import ModelError
from dancetype.engine.genres import CODES
from dancetype.engine.onnx import CPU, CUDA, ort
from dancetype.engine.rolling import Decision, RollingEstimate
from dancetype.engine.skeleton import Array
from dancetype.engine.window import WindowSpec

CONTRACT = Contract(CODES, WindowSpec(4.0, 1.0, 60), "camera", "none", "none", ())


def make_model(
    *,
    batch: int | str = "N",
    length: int = 60,
    features: int = 68,
    genres: int = 10,
    outputs: tuple[str, ...] = ("probabilities",),
    total: float = 1.0,
    contract: Contract = CONTRACT,
) -> onnx.ModelProto:
    """Return a model with a mean over the steps, a linear layer and a softmax times `total`."""
    weights = np.random.default_rng(0).normal(0, 1, (features, genres)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["windows"], ["mean"], axes=[1], keepdims=0),
            helper.make_node("MatMul", ["mean", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["softmax"]),
            helper.make_node("Mul", ["softmax", "total"], ["probabilities"]),
        ],
        "model",
        [helper.make_tensor_value_info("windows", TensorProto.FLOAT, [batch, length, features])],
        [helper.make_tensor_value_info(o, TensorProto.FLOAT, [batch, genres]) for o in outputs],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array(total, np.float32), "total"),
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    helper.set_model_props(model, contract.metadata())
    return model


def save(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    onnx.save(model, path)
    return path


def random_windows(count: int) -> Array:
    return np.random.default_rng(1).normal(0, 1, (count, 60, 68)).astype(np.float32)


def test_model_with_valid_contract_returns_probabilities(tmp_path: Path) -> None:
    classifier = Classifier(save(make_model(), tmp_path))
    probabilities = classifier(random_windows(5))
    assert classifier.contract == CONTRACT
    assert probabilities.shape == (5, 10)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("total", [0.0, 0.4, 1.0])
def test_model_with_dancing_returns_probabilities_that_sum_to_it(
    tmp_path: Path, total: float
) -> None:
    model = make_model(total=total, contract=replace(CONTRACT, dancing=True))
    probabilities = Classifier(save(model, tmp_path))(random_windows(5))
    np.testing.assert_allclose(probabilities.sum(axis=1), total, atol=1e-5)


@pytest.mark.parametrize(
    ("total", "dancing"), [(0.9, False), (1.1, False), (1.1, True), (-0.5, True), (np.nan, True)]
)
def test_model_with_output_that_contradicts_its_contract_is_rejected(
    tmp_path: Path, total: float, dancing: bool
) -> None:
    model = make_model(total=total, contract=replace(CONTRACT, dancing=dancing))
    with pytest.raises(ModelError, match="outputs are not probabilities"):
        Classifier(save(model, tmp_path))


def test_model_without_decision_in_its_contract_has_the_defaults() -> None:
    with as_file(SHIPPED) as file:
        metadata = {prop.key: prop.value for prop in onnx.load(file).metadata_props}
    contract = Contract.parse({key: metadata[key] for key in metadata.keys() - {"decision"}})
    default = RollingEstimate(CODES, Decision(1.5, (0.65,) * 10, (0.45,) * 10, 0.1))
    rolling = contract.rolling_estimate()
    windows = np.random.default_rng(0).dirichlet(np.full(10, 0.2), 200).astype(np.float32)
    named = set()
    # The windows are so far apart that a single one can name a genre.
    for time, window in zip(range(0, 800, 4), windows, strict=True):
        estimate = rolling.update(time, window)
        assert estimate.genre == default.update(time, window).genre
        named.add(estimate.genre)
    assert None in named
    assert len(named) > 5


@pytest.mark.parametrize("batch", [1, 8])
def test_model_with_fixed_batch_size_is_rejected(tmp_path: Path, batch: int) -> None:
    with pytest.raises(ModelError, match=f"has a fixed batch size of {batch}"):
        Classifier(save(make_model(batch=batch), tmp_path))


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (make_model(length=30), "input"),
        (make_model(features=34), "input"),
        (make_model(genres=9), "output"),
    ],
)
def test_model_with_shape_that_contradicts_contract_is_rejected(
    tmp_path: Path, model: onnx.ModelProto, name: str
) -> None:
    with pytest.raises(
        ModelError, match=rf"model\.onnx: refused because its {name} is .* its contr"
    ):
        Classifier(save(model, tmp_path))


def test_model_with_two_outputs_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="1 inputs and 2 outputs"):
        Classifier(save(make_model(outputs=("probabilities", "logits")), tmp_path))


def test_model_without_contract_is_rejected(tmp_path: Path) -> None:
    model = make_model()
    del model.metadata_props[:]
    with pytest.raises(ModelError, match="no dancetype contract"):
        Classifier(save(model, tmp_path))


def test_model_with_contradictory_contract_is_rejected(tmp_path: Path) -> None:
    model = make_model()
    helper.set_model_props(model, CONTRACT.metadata() | {"features": '["x"]'})
    with pytest.raises(ModelError, match="contradict its window"):
        Classifier(save(model, tmp_path))


@pytest.mark.parametrize("folder", ["folder of the model", "other folder"])
def test_model_with_external_data_is_rejected_in_any_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(
        make_model(), path, save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    assert (tmp_path / "weights.bin").exists()
    (tmp_path / "other folder").mkdir()
    monkeypatch.chdir(tmp_path if folder == "folder of the model" else tmp_path / folder)
    with pytest.raises(ModelError, match="weights are in a separate file"):
        Classifier(path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08" * 50])
def test_file_that_is_not_a_model_is_rejected(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.onnx: (not a model|refused)"):
        Classifier(path)


def test_truncated_model_is_rejected(tmp_path: Path) -> None:
    path = save(make_model(), tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match="not a model"):
        Classifier(path)


def test_error_names_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.onnx: cannot be read: No such file"):
        Classifier(tmp_path / "absent.onnx")


def fake_cuda(monkeypatch: pytest.MonkeyPatch, *, works: bool, missing: str = "") -> list[str]:
    """Make onnxruntime report CUDA support.

    Returns:
        First provider requested for each session, filled as sessions are created.
    """
    requested: list[str] = []
    original = ort.InferenceSession

    class FakeSession(original):  # type: ignore[misc, valid-type]
        def __init__(self, model: bytes, options: Any, *, providers: Any, **arguments: Any) -> None:
            names = [item if isinstance(item, str) else item[0] for item in providers]
            requested.append(names[0])
            super().__init__(model, options, providers=[CPU], **arguments)
            self._reported = names if works else [CPU]

        def get_providers(self) -> list[str]:
            return self._reported

    def preload(*, directory: str) -> None:
        print(missing)

    monkeypatch.setattr(ort, "InferenceSession", FakeSession)
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(ort, "preload_dlls", preload)
    return requested


def test_warning_explains_fix_if_requested_cuda_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CPU])
    path = save(make_model(), tmp_path)
    classifier = Classifier(path, device="cuda")
    assert classifier.provider == CPU
    assert classifier(random_windows(1)).shape == (1, 10)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "this onnxruntime has no CUDA; install onnxruntime-gpu" in record.getMessage()


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_nothing_is_logged_if_cuda_is_missing_but_not_requested(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    device: Device,
) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CPU])
    caplog.set_level("DEBUG")
    classifier = Classifier(save(make_model(), tmp_path), device=device)
    assert (classifier.provider, classifier.fallback) == (CPU, "")
    assert not caplog.records


@pytest.mark.parametrize(("device", "level"), [("cuda", "WARNING"), ("auto", "INFO")])
@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("Failed to load libcublas.so: libcublas.so: no such file", "libcublas.so: no such"),
        ("", "does nvidia-smi show a GPU"),
    ],
)
def test_silent_fallback_of_onnxruntime_is_logged_with_reason(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    device: Device,
    level: str,
    missing: str,
    reason: str,
) -> None:
    caplog.set_level("INFO")
    requested = fake_cuda(monkeypatch, works=False, missing=missing)
    classifier = Classifier(save(make_model(), tmp_path), device=device)
    assert requested == [CUDA, CPU]
    assert classifier.provider == CPU
    (record,) = caplog.records
    assert record.levelname == level
    assert reason in classifier.fallback
    assert record.getMessage() == f"genre_model_on_cpu reason={classifier.fallback!r}"
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("device", ["cuda", "auto"])
def test_working_cuda_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: Device
) -> None:
    requested = fake_cuda(monkeypatch, works=True)
    classifier = Classifier(save(make_model(), tmp_path), device=device)
    assert requested == [CUDA]
    assert (classifier.provider, classifier.fallback) == (CUDA, "")


def test_cpu_is_used_if_requested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requested = fake_cuda(monkeypatch, works=True)
    Classifier(save(make_model(), tmp_path), device="cpu")
    assert requested == [CPU]


def test_cpu_is_used_if_cuda_fails_at_first_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_cuda(monkeypatch, works=True)
    fake_session = ort.InferenceSession

    class FailingSession(fake_session):  # type: ignore[misc, valid-type]
        def run(self, *arguments: Any) -> Any:
            if self.get_providers()[0] == CUDA:
                raise RuntimeError("no kernel image is available")
            return super().run(*arguments)

    monkeypatch.setattr(ort, "InferenceSession", FailingSession)
    classifier = Classifier(save(make_model(), tmp_path), device="cuda")
    assert classifier.provider == CPU
    assert "no kernel image is available" in classifier.fallback


def test_invalid_model_is_rejected_with_cuda(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_cuda(monkeypatch, works=True)
    with pytest.raises(ModelError, match="has a fixed batch size of 8"):
        Classifier(save(make_model(batch=8), tmp_path), device="cuda")


def test_model_with_metadata_that_is_not_text_is_rejected(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = save(make_model(), tmp_path)
    path.write_bytes(path.read_bytes().replace(b"Apache-2.0", b"Apache-\xff.0"))
    with pytest.raises(ModelError, match=r"model\.onnx: refused because .* is damaged"):
        Classifier(path)
    assert capfd.readouterr() == ("", "")


def test_model_with_invalid_operator_name_is_rejected_without_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = save(make_model(), tmp_path)
    path.write_bytes(path.read_bytes().replace(b"Softmax", b"Softm\xffx"))
    with pytest.raises(ModelError, match="not a model that onnxruntime can run"):
        Classifier(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("operation", ["Relu", "Log"])
def test_model_whose_outputs_are_not_probabilities_is_rejected(
    tmp_path: Path, operation: str
) -> None:
    model = make_model()
    (softmax,) = (node for node in model.graph.node if node.op_type == "Softmax")
    softmax.op_type = operation
    with pytest.raises(ModelError, match=r"model\.onnx: refused because .*are not probabilities"):
        Classifier(save(model, tmp_path))


@pytest.mark.parametrize("shape", [(60, 68), (1, 59, 68), (1, 60, 34)])
def test_windows_with_another_shape_are_rejected(tmp_path: Path, shape: tuple[int, ...]) -> None:
    classifier = Classifier(save(make_model(), tmp_path))
    with pytest.raises(ValueError, match=r"expected \(N, 60, 68\)"):
        classifier(np.zeros(shape, np.float32))


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_shipped_model_returns_probabilities_for_any_number_of_windows(count: int) -> None:
    classifier = Classifier(device="cpu")
    spec = classifier.contract.window
    windows = np.random.default_rng(2).normal(0, 1, (count, spec.length, spec.features))
    probabilities = classifier(windows.astype(np.float32))
    assert probabilities.shape == (count, len(classifier.contract.labels))
    assert (probabilities >= 0).all()
    sums = probabilities.sum(axis=1)
    assert (sums < 1 + 1e-5).all()
    assert classifier.contract.dancing or (sums > 1 - 1e-5).all()
    single = classifier(windows[:1].astype(np.float32))
    np.testing.assert_allclose(probabilities[:1], single, atol=1e-5)


def test_shipped_model_has_ten_genres_and_credits_its_data() -> None:
    contract = Classifier(device="cpu").contract
    assert contract.labels == CODES
    assert contract.view == "camera"
    assert "AIST++" in contract.credit
    assert contract.figures
