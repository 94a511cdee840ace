from importlib import metadata

import pytest

from dancetype.cli import doctor
from dancetype.cli.doctor import Finding, Verdict
from dancetype.engine import classifier
from dancetype.stream.settings import load_settings


def installed(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    """Has these packages, by their names with underscores, be all that there are."""

    def version(name: str) -> str:
        try:
            return versions[name.replace("-", "_")]
        except KeyError:
            raise metadata.PackageNotFoundError(name) from None

    monkeypatch.setattr(metadata, "version", version)


def found(subject: str, **flags: str) -> Finding:
    settings = load_settings(flags, config=None)
    (finding,) = (each for each in doctor.examine(settings) if each.subject == subject)
    return finding


@pytest.mark.parametrize("name", ["onnxruntime", "onnxruntime-gpu"])
def test_either_onnxruntime_will_do(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    installed(monkeypatch, **{name.replace("-", "_"): "1.30"})
    assert doctor.onnx_runtime() == Finding("onnxruntime", Verdict.OK, f"{name} 1.30")


def test_without_any_onnxruntime_nothing_works(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch)
    assert doctor.onnx_runtime().verdict is Verdict.FAIL


def test_two_onnxruntimes_that_spoil_each_other_are_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed(monkeypatch, onnxruntime="1.32", onnxruntime_gpu="1.31")
    finding = doctor.onnx_runtime()
    assert finding.verdict is Verdict.WARN
    assert finding.found == "two of them: onnxruntime 1.32, onnxruntime-gpu 1.31"
    assert "pip uninstall" in finding.advice


def test_a_gpu_that_was_asked_for_and_cannot_be_used_is_a_warning_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(classifier, "has_cuda", lambda: False)
    finding = found("genre model", device="cuda")
    assert finding.verdict is Verdict.WARN
    assert finding.found.endswith("on CPU")
    assert "no CUDA" in finding.advice
    assert found("genre model", device="auto").verdict is Verdict.OK


def test_only_the_pose_runtime_that_is_chosen_has_to_be_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed(monkeypatch, ai_edge_litert="2.1")
    assert found("mediapipe", pose_runtime="mediapipe").verdict is Verdict.FAIL
    assert found("mediapipe", pose_runtime="litert").verdict is Verdict.OK
    assert found("ai-edge-litert", pose_runtime="litert").verdict is Verdict.OK
