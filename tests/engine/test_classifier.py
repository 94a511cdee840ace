from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from dancetype.engine.classifier import Classifier
from dancetype.engine.contract import Contract
from dancetype.engine.defaults import Device
from dancetype.engine.errors import ModelError
from dancetype.engine.genres import CODES
from dancetype.engine.onnx import CPU, CUDA, ort
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
) -> onnx.ModelProto:
    """A mean over the steps, a linear map and a softmax."""
    weights = np.random.default_rng(0).normal(0, 1, (features, genres)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["windows"], ["mean"], axes=[1], keepdims=0),
            helper.make_node("MatMul", ["mean", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"]),
        ],
        "model",
        [helper.make_tensor_value_info("windows", TensorProto.FLOAT, [batch, length, features])],
        [helper.make_tensor_value_info(o, TensorProto.FLOAT, [batch, genres]) for o in outputs],
        [numpy_helper.from_array(weights, "weights")],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    helper.set_model_props(model, CONTRACT.metadata())
    return model


def saved(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    onnx.save(model, path)
    return path


def windows(count: int) -> Array:
    return np.random.default_rng(1).normal(0, 1, (count, 60, 68)).astype(np.float32)


def test_a_model_whose_contract_holds_turns_windows_into_probabilities(tmp_path: Path) -> None:
    classifier = Classifier(saved(make_model(), tmp_path))
    probabilities = classifier(windows(5))
    assert classifier.contract == CONTRACT
    assert probabilities.shape == (5, 10)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 8])
def test_a_model_that_fixes_its_batch_is_refused(tmp_path: Path, batch: int) -> None:
    with pytest.raises(ModelError, match=f"takes {batch} windows at a time"):
        Classifier(saved(make_model(batch=batch), tmp_path))


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (make_model(length=30), "input"),
        (make_model(features=34), "input"),
        (make_model(genres=9), "output"),
    ],
)
def test_a_model_of_another_shape_than_its_contract_says_is_refused(
    tmp_path: Path, model: onnx.ModelProto, what: str
) -> None:
    with pytest.raises(
        ModelError, match=rf"model\.onnx: refused, since its {what} is .* its contr"
    ):
        Classifier(saved(model, tmp_path))


def test_a_model_with_two_outputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="1 inputs and 2 outputs"):
        Classifier(saved(make_model(outputs=("probabilities", "logits")), tmp_path))


def test_a_model_without_a_contract_is_refused(tmp_path: Path) -> None:
    model = make_model()
    del model.metadata_props[:]
    with pytest.raises(ModelError, match="no dancetype contract"):
        Classifier(saved(model, tmp_path))


def test_a_model_whose_contract_contradicts_itself_is_refused(tmp_path: Path) -> None:
    model = make_model()
    helper.set_model_props(model, CONTRACT.metadata() | {"features": '["x"]'})
    with pytest.raises(ModelError, match="contradict its window"):
        Classifier(saved(model, tmp_path))


@pytest.mark.parametrize("place", ["beside the model", "elsewhere"])
def test_a_model_with_external_data_is_refused_wherever_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(
        make_model(), path, save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    assert (tmp_path / "weights.bin").exists()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path if place == "beside the model" else tmp_path / place)
    with pytest.raises(ModelError, match="weights lie in a file of their own"):
        Classifier(path)


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08" * 50])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.onnx: (not a model|refused)"):
        Classifier(path)


def test_a_model_cut_short_is_refused(tmp_path: Path) -> None:
    path = saved(make_model(), tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match="not a model"):
        Classifier(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"absent\.onnx: cannot be read: No such file"):
        Classifier(tmp_path / "absent.onnx")


def pretend_cuda(monkeypatch: pytest.MonkeyPatch, *, works: bool, missing: str = "") -> list[str]:
    """Has onnxruntime say that it was built for CUDA; what it was asked for is in the result."""
    asked: list[str] = []
    real = ort.InferenceSession

    class Pretended(real):  # type: ignore[misc, valid-type]
        def __init__(self, model: bytes, options: Any, *, providers: Any, **rest: Any) -> None:
            names = [each if isinstance(each, str) else each[0] for each in providers]
            asked.append(names[0])
            super().__init__(model, options, providers=[CPU], **rest)
            self._pretended = names if works else [CPU]

        def get_providers(self) -> list[str]:
            return self._pretended

    def preload(*, directory: str) -> None:
        print(missing)

    monkeypatch.setattr(ort, "InferenceSession", Pretended)
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(ort, "preload_dlls", preload)
    return asked


def test_cuda_that_was_asked_for_and_is_absent_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CPU])
    path = saved(make_model(), tmp_path)
    classifier = Classifier(path, device="cuda")
    assert classifier.provider == CPU
    assert classifier(windows(1)).shape == (1, 10)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert "this onnxruntime has no CUDA; install onnxruntime-gpu" in record.getMessage()


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_where_there_is_no_cuda_and_none_was_asked_for_nothing_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    device: Device,
) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CPU])
    caplog.set_level("DEBUG")
    classifier = Classifier(saved(make_model(), tmp_path), device=device)
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
def test_cuda_that_onnxruntime_silently_goes_without_is_told_with_the_reason(
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
    asked = pretend_cuda(monkeypatch, works=False, missing=missing)
    classifier = Classifier(saved(make_model(), tmp_path), device=device)
    assert asked == [CUDA, CPU]
    assert classifier.provider == CPU
    (record,) = caplog.records
    assert record.levelname == level
    assert reason in classifier.fallback
    assert record.getMessage() == f"genre_model_on_cpu reason={classifier.fallback!r}"
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("device", ["cuda", "auto"])
def test_cuda_that_works_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: Device
) -> None:
    asked = pretend_cuda(monkeypatch, works=True)
    classifier = Classifier(saved(make_model(), tmp_path), device=device)
    assert asked == [CUDA]
    assert (classifier.provider, classifier.fallback) == (CUDA, "")


def test_the_cpu_is_used_where_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = pretend_cuda(monkeypatch, works=True)
    Classifier(saved(make_model(), tmp_path), device="cpu")
    assert asked == [CPU]


def test_cuda_that_fails_at_the_first_window_gives_way_to_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_cuda(monkeypatch, works=True)
    pretended = ort.InferenceSession

    class Failing(pretended):  # type: ignore[misc, valid-type]
        def run(self, *words: Any) -> Any:
            if self.get_providers()[0] == CUDA:
                raise RuntimeError("no kernel image is available")
            return super().run(*words)

    monkeypatch.setattr(ort, "InferenceSession", Failing)
    classifier = Classifier(saved(make_model(), tmp_path), device="cuda")
    assert classifier.provider == CPU
    assert "no kernel image is available" in classifier.fallback


def test_a_broken_model_is_refused_also_where_there_is_cuda(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_cuda(monkeypatch, works=True)
    with pytest.raises(ModelError, match="takes 8 windows at a time"):
        Classifier(saved(make_model(batch=8), tmp_path), device="cuda")


def test_a_model_whose_metadata_are_no_text_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = saved(make_model(), tmp_path)
    path.write_bytes(path.read_bytes().replace(b"Apache-2.0", b"Apache-\xff.0"))
    with pytest.raises(ModelError, match=r"model\.onnx: refused, since .* is damaged"):
        Classifier(path)
    assert capfd.readouterr() == ("", "")


def test_a_model_that_onnxruntime_cannot_even_name_is_refused_quietly(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = saved(make_model(), tmp_path)
    path.write_bytes(path.read_bytes().replace(b"Softmax", b"Softm\xffx"))
    with pytest.raises(ModelError, match="not a model onnxruntime can run"):
        Classifier(path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("operation", ["Relu", "Log"])
def test_a_model_that_does_not_answer_with_probabilities_is_refused(
    tmp_path: Path, operation: str
) -> None:
    model = make_model()
    model.graph.node[-1].op_type = operation
    with pytest.raises(ModelError, match=r"model\.onnx: refused, since .*are not probabilities"):
        Classifier(saved(model, tmp_path))


@pytest.mark.parametrize("shape", [(60, 68), (1, 59, 68), (1, 60, 34)])
def test_windows_of_another_shape_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    classifier = Classifier(saved(make_model(), tmp_path))
    with pytest.raises(ValueError, match=r"expected \(N, 60, 68\)"):
        classifier(np.zeros(shape, np.float32))


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_the_shipped_model_gives_probabilities_for_any_number_of_windows(count: int) -> None:
    classifier = Classifier(device="cpu")
    spec = classifier.contract.window
    shown = np.random.default_rng(2).normal(0, 1, (count, spec.length, spec.features))
    probabilities = classifier(shown.astype(np.float32))
    assert probabilities.shape == (count, len(classifier.contract.labels))
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    alone = classifier(shown[:1].astype(np.float32))
    np.testing.assert_allclose(probabilities[:1], alone, atol=1e-5)


def test_the_shipped_model_tells_all_ten_genres_apart_and_says_whose_data_it_has() -> None:
    contract = Classifier(device="cpu").contract
    assert contract.labels == CODES
    assert contract.view == "camera"
    assert "AIST++" in contract.credit
    assert contract.figures
