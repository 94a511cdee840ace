"""`dancetype doctor`: check the installation and the machine."""

import ctypes
import platform
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from importlib import metadata
from typing import Final

from rich.console import Console
from rich.text import Text

from dancetype.cli.options import with_settings
from dancetype.engine.errors import ExpectedError
from dancetype.stream.assets import POSE_MODELS, cache_folder, is_cached
from dancetype.stream.settings import Settings
from dancetype.stream.system import (
    MEDIAPIPE_LIBRARIES,
    SYSTEM_LIBRARIES,
    filter_native_stderr,
)

_REQUIRED: Final = ("numpy", "websockets", "aiomqtt", "pydantic")
_POSE_RUNTIMES: Final = {"mediapipe": "mediapipe", "litert": "ai-edge-litert"}
_ONNX_RUNTIMES: Final = ("onnxruntime", "onnxruntime-gpu")
_TRAINING_PACKAGES: Final = ("torch", "onnx", "onnxscript", "matplotlib")
_INSTALL: Final = "pip install dancetype"
_FOR_TRAINING: Final = 'needed for training: pip install "dancetype[train]"'
_SEE_ABOVE: Final = "fix the failed checks above first"


class Verdict(StrEnum):
    """Result of a check."""

    OK = "ok"
    WARN = "warn"
    """Only part of the program is affected."""
    FAIL = "fail"


_COLOURS: Final = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        subject: Package, file or device that was checked.
        verdict: Result of the check.
        found: State of the subject, such as a version.
        advice: Remedy, printed below the line unless the verdict is OK.
    """

    subject: str
    verdict: Verdict
    found: str
    advice: str = ""


@with_settings
def doctor(settings: Settings) -> None:
    """Check the installation and show how to fix problems.

    Checks packages, system libraries, models, webcams and the port. Nothing is downloaded or
    changed. The exit status is 1 if a check fails.
    """
    with filter_native_stderr():
        findings = list(run_checks(settings))
    console = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        verdict = (f"{finding.verdict:5}", _COLOURS[finding.verdict])
        console.print(Text.assemble(verdict, f"{finding.subject:20} {finding.found}"))
        if finding.advice and finding.verdict is not Verdict.OK:
            console.print(Text(f"{'':26}{finding.advice}", "bold"))
    if any(finding.verdict is Verdict.FAIL for finding in findings):
        sys.exit(1)


def run_checks(settings: Settings) -> Iterator[Finding]:
    """Run all checks, without downloading or changing anything."""
    system = f"Python {platform.python_version()}, {platform.platform()}"
    yield Finding("system", Verdict.OK, system)
    yield from map(_check_package, _REQUIRED)
    for name, package in _POSE_RUNTIMES.items():
        # MediaPipe has no wheel for Linux on aarch64, where LiteRT is used.
        is_used = name == settings.pose_runtime
        yield _check_package(
            package, optional="" if is_used else f"needed for --pose-runtime {name}"
        )
    yield check_onnxruntime()
    for package in _TRAINING_PACKAGES:
        yield _check_package(package, optional=_FOR_TRAINING)
    if sys.platform == "linux":
        runtime_libraries = MEDIAPIPE_LIBRARIES if settings.pose_runtime == "mediapipe" else {}
        for name, package in (SYSTEM_LIBRARIES | runtime_libraries).items():
            yield check_library(name, package)
    yield _run_check("ffmpeg", _check_ffmpeg, _SEE_ABOVE)
    yield _run_check("providers", _check_providers, "pip install onnxruntime")
    yield _run_check(
        "genre model",
        partial(_check_genre_model, settings),
        "reinstall dancetype, or check --model",
    )
    yield _run_check("pose model", partial(_check_pose_model, settings), _SEE_ABOVE)
    yield _run_check("webcams", _check_webcams, _SEE_ABOVE)
    yield _check_port(settings.host, settings.port)


def _run_check(subject: str, check: Callable[[], Finding], advice: str) -> Finding:
    """Run a check; convert an error that it raises to a finding."""
    try:
        return check()
    except (ExpectedError, ImportError, OSError) as error:
        return Finding(subject, Verdict.FAIL, str(error), advice)


def _check_package(name: str, *, optional: str = "") -> Finding:
    """Check that a package is installed; it may be missing if `optional` names its use."""
    version = _installed_version(name)
    if version is not None:
        return Finding(name, Verdict.OK, version)
    if optional:
        return Finding(name, Verdict.OK, f"not installed; {optional}")
    return Finding(name, Verdict.FAIL, "not installed", _INSTALL)


def _installed_version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def check_onnxruntime() -> Finding:
    """Check that exactly one onnxruntime is installed; two would overwrite each other's files."""
    versions = {name: version for name in _ONNX_RUNTIMES if (version := _installed_version(name))}
    text = ", ".join(f"{name} {version}" for name, version in versions.items())
    if not versions:
        return Finding("onnxruntime", Verdict.FAIL, "not installed", _INSTALL)
    if len(versions) > 1:
        advice = (
            "keep one: pip uninstall onnxruntime onnxruntime-gpu, then pip install --no-deps "
            "onnxruntime-gpu (docs/guides/gpu.md), or onnxruntime if there is no GPU"
        )
        return Finding("onnxruntime", Verdict.WARN, f"two are installed: {text}", advice)
    return Finding("onnxruntime", Verdict.OK, text)


def check_library(name: str, package: str) -> Finding:
    """Check that a system library of a Debian package loads."""
    try:
        ctypes.CDLL(name)
    except OSError as error:
        advice = f"apt-get install {package} (Debian, Ubuntu)"
        return Finding(name, Verdict.FAIL, str(error), advice)
    return Finding(name, Verdict.OK, "loads")


def _check_providers() -> Finding:
    from dancetype.engine.onnx import ort

    names = (name.removesuffix("ExecutionProvider") for name in ort.get_available_providers())
    return Finding("providers", Verdict.OK, ", ".join(names))


def _check_genre_model(settings: Settings) -> Finding:
    from dancetype.engine.classifier import Classifier

    classifier = Classifier(settings.model, device=settings.device)
    contract = classifier.contract
    device = classifier.provider.removesuffix("ExecutionProvider")
    found = f"{contract.recipe}, {' '.join(contract.labels)}, on {device}"
    if classifier.fallback:
        advice = f"{classifier.fallback}; use --device cpu to run on the processor"
        return Finding("genre model", Verdict.WARN, found, advice)
    return Finding("genre model", Verdict.OK, found)


def _check_pose_model(settings: Settings) -> Finding:
    cache = cache_folder()
    cached = [variant for variant, asset in POSE_MODELS.items() if is_cached(asset, cache)]
    model = settings.pose_model or cache / POSE_MODELS[settings.variant].name
    if settings.pose_model is None and settings.variant not in cached:
        found = f"{model} is {'damaged' if model.exists() else 'not downloaded yet'}"
        advice = f"dancetype models pull --variant {settings.variant}"
        return Finding("pose model", Verdict.WARN, found, advice)
    from dancetype.engine.pose.opening import open_estimator

    open_estimator(model, runtime=settings.pose_runtime).close()
    found = f"{model}; downloaded variants: {', '.join(cached) or 'none'}"
    return Finding("pose model", Verdict.OK, found)


def _check_ffmpeg() -> Finding:
    from dancetype.engine.media.ffmpeg import known_vulnerabilities, libavcodec_versions

    # OpenCV's copy is not used: it only reads webcams.
    version = libavcodec_versions()["av"]
    found = f"libavcodec {'.'.join(map(str, version))} in av"
    if vulnerabilities := known_vulnerabilities(version):
        advice = "use Python 3.12 or newer, and pip install --upgrade av: SECURITY.md"
        return Finding("ffmpeg", Verdict.WARN, f"{found}: {', '.join(vulnerabilities)}", advice)
    return Finding("ffmpeg", Verdict.OK, found)


def _check_webcams() -> Finding:
    from dancetype.stream.sources.webcam import access_advice, list_webcams

    webcams = list_webcams()
    working = [webcam for webcam in webcams if webcam.delivers_frames()]
    if working:
        return Finding("webcams", Verdict.OK, ", ".join(f"--source {cam}" for cam in working))
    if webcams:
        found = f"no frames from {', '.join(map(str, webcams))}"
        return Finding("webcams", Verdict.WARN, found, access_advice())
    advice = "connect one, or use --source with rtsp://..., a file or test:"
    return Finding("webcams", Verdict.WARN, "no webcam is connected", advice)


def _check_port(host: str, port: int) -> Finding:
    address = f"{host}:{port}"
    try:
        with socket.create_server((host, port)):
            return Finding(address, Verdict.OK, "free")
    except OSError as error:
        found = error.strerror or str(error)
        return Finding(address, Verdict.WARN, found, "choose another --port, or another --host")
