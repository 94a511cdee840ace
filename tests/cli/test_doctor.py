from importlib import metadata

import av
import pytest

from dancetype.cli import doctor
from dancetype.cli.doctor import Finding, Verdict
from dancetype.engine import classifier
from dancetype.stream.settings import load_settings


def fake_packages(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    """Make exactly these packages installed; names have underscores in place of hyphens."""

    def version(name: str) -> str:
        try:
            return versions[name.replace("-", "_")]
        except KeyError:
            raise metadata.PackageNotFoundError(name) from None

    monkeypatch.setattr(metadata, "version", version)


def finding_for(subject: str, **flags: str) -> Finding:
    settings = load_settings(flags, config=None)
    (finding,) = (finding for finding in doctor.run_checks(settings) if finding.subject == subject)
    return finding


@pytest.mark.parametrize("name", ["onnxruntime", "onnxruntime-gpu"])
def test_either_onnxruntime_package_is_ok(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    fake_packages(monkeypatch, **{name.replace("-", "_"): "1.30"})
    assert doctor.check_onnxruntime() == Finding("onnxruntime", Verdict.OK, f"{name} 1.30")


def test_missing_onnxruntime_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_packages(monkeypatch)
    assert doctor.check_onnxruntime().verdict is Verdict.FAIL


def test_two_onnxruntime_packages_are_a_warning_with_advice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_packages(monkeypatch, onnxruntime="1.32", onnxruntime_gpu="1.31")
    finding = doctor.check_onnxruntime()
    assert finding.verdict is Verdict.WARN
    assert finding.found == "two are installed: onnxruntime 1.32, onnxruntime-gpu 1.31"
    assert "pip uninstall" in finding.advice


def test_unusable_gpu_is_a_warning_with_the_reason_if_it_was_requested(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(classifier, "has_cuda", lambda: False)
    finding = finding_for("genre model", device="cuda")
    assert finding.verdict is Verdict.WARN
    assert finding.found.endswith("on CPU")
    assert "no CUDA" in finding.advice
    assert finding_for("genre model", device="auto").verdict is Verdict.OK


def test_missing_pose_runtime_is_a_failure_only_if_it_is_selected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_packages(monkeypatch, ai_edge_litert="2.1")
    assert finding_for("mediapipe", pose_runtime="mediapipe").verdict is Verdict.FAIL
    assert finding_for("mediapipe", pose_runtime="litert").verdict is Verdict.OK
    assert finding_for("ai-edge-litert", pose_runtime="litert").verdict is Verdict.OK


@pytest.mark.parametrize(
    ("version", "verdict"), [((60, 31, 102), Verdict.WARN), ((63, 1, 102), Verdict.OK)]
)
def test_ffmpeg_with_known_vulnerabilities_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...], verdict: Verdict
) -> None:
    monkeypatch.setattr(av, "library_versions", {"libavcodec": version})
    finding = finding_for("ffmpeg")
    assert finding.verdict is verdict
    assert ("CVE-2026-8461" in finding.found) is (verdict is Verdict.WARN)
