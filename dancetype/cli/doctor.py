"""`dancetype doctor`: what is installed, what works, and what to do about what does not."""

import ctypes
import platform
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from typing import Final

from rich.console import Console
from rich.text import Text

from dancetype.engine.errors import ExpectedError
from dancetype.engine.pose.base import PoseRuntime
from dancetype.stream.assets import POSE_MODELS, cache_folder, is_cached
from dancetype.stream.settings import Settings
from dancetype.stream.system import (
    MEDIAPIPE_LIBRARIES,
    SYSTEM_LIBRARIES,
    filter_native_stderr,
)

_NEEDED: Final = ("numpy", "websockets", "aiomqtt", "pydantic")
_POSE_RUNTIMES: Final = {"mediapipe": "mediapipe", "litert": "ai-edge-litert"}
_RUNTIMES: Final = ("onnxruntime", "onnxruntime-gpu")
_FOR_TRAINING: Final = ("torch", "onnx", "onnxscript", "matplotlib")


class Verdict(StrEnum):
    """What a check came to."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report.

    Attributes:
        what: was looked at.
        verdict: ok, a warning where only part of the work suffers, or a failure.
        found: what there is.
        advice: what to do about it.
    """

    what: str
    verdict: Verdict
    found: str
    advice: str = ""


def doctor(settings: Settings) -> None:
    """Prints all findings.

    Raises:
        SystemExit: one of them is a failure.
    """
    with filter_native_stderr():
        findings = list(examine(settings))
    console = Console(highlight=False, soft_wrap=True)
    colours = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}
    for finding in findings:
        mark = (f"{finding.verdict:5}", colours[finding.verdict])
        console.print(Text.assemble(mark, f"{finding.what:20} {finding.found}"))
        if finding.advice and finding.verdict is not Verdict.OK:
            console.print(Text(f"{'':26}{finding.advice}", "bold"))
    if any(finding.verdict is Verdict.FAIL for finding in findings):
        sys.exit(1)


def examine(settings: Settings) -> Iterator[Finding]:
    """Looks at all there is to look at; nothing is fetched and nothing changed."""
    yield Finding(
        "system", Verdict.OK, f"Python {platform.python_version()}, {platform.platform()}"
    )
    yield from _packages(_NEEDED, Verdict.FAIL, "pip install dancetype")
    for name, package in _POSE_RUNTIMES.items():
        # MediaPipe has no wheel for Linux on aarch64, where LiteRT serves.
        missing = Verdict.FAIL if name == settings.pose_runtime else Verdict.OK
        yield from _packages((package,), missing, "pip install dancetype")
    yield runtime()
    yield from _packages(
        _FOR_TRAINING, Verdict.OK, "only for training: pip install dancetype[train]"
    )
    if sys.platform == "linux":
        for name, package in _libraries(settings.pose_runtime).items():
            yield library(name, package)
    yield _providers()
    yield _genre_model(settings)
    yield _pose_model(settings)
    yield _cameras()
    yield _port(settings.host, settings.port)


def _packages(names: Iterable[str], missing: Verdict, advice: str) -> Iterator[Finding]:
    for name in names:
        version = _version(name)
        if version is None:
            yield Finding(name, missing, "not installed", advice)
        else:
            yield Finding(name, Verdict.OK, version)


def runtime() -> Finding:
    """Which onnxruntime there is; two of them lie in one folder, and each spoils the other."""
    found = {name: version for name in _RUNTIMES if (version := _version(name))}
    text = ", ".join(f"{name} {version}" for name, version in found.items())
    if not found:
        return Finding("onnxruntime", Verdict.FAIL, "not installed", "pip install dancetype")
    if len(found) > 1:
        advice = (
            "keep one: pip uninstall onnxruntime onnxruntime-gpu, then pip install --no-deps "
            "onnxruntime-gpu (docs/gpu.md), or onnxruntime where there is no GPU"
        )
        return Finding("onnxruntime", Verdict.WARN, f"two of them: {text}", advice)
    return Finding("onnxruntime", Verdict.OK, text)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _libraries(runtime: PoseRuntime) -> Mapping[str, str]:
    if runtime == "mediapipe":
        return SYSTEM_LIBRARIES | MEDIAPIPE_LIBRARIES
    return SYSTEM_LIBRARIES


def library(name: str, package: str) -> Finding:
    """Whether a library of the system loads; a Debian package has it."""
    try:
        ctypes.CDLL(name)
    except OSError as error:
        advice = f"apt-get install {package} (Debian, Ubuntu)"
        return Finding(name, Verdict.FAIL, str(error), advice)
    return Finding(name, Verdict.OK, "loads")


def _providers() -> Finding:
    try:
        from dancetype.engine.onnx import ort
    except ImportError as error:
        return Finding("providers", Verdict.FAIL, str(error), "pip install onnxruntime")
    found = ", ".join(
        name.removesuffix("ExecutionProvider") for name in ort.get_available_providers()
    )
    return Finding("providers", Verdict.OK, found)


def _genre_model(settings: Settings) -> Finding:
    from dancetype.engine.classifier import Classifier

    try:
        classifier = Classifier(settings.model, device=settings.device)
    except ExpectedError as error:
        return Finding("genre model", Verdict.FAIL, str(error), "install dancetype again")
    contract = classifier.contract
    device = classifier.provider.removesuffix("ExecutionProvider")
    found = f"{contract.recipe}, {' '.join(contract.labels)}, on {device}"
    if classifier.fallback:
        advice = f"{classifier.fallback}; --device cpu if the processor is to do it"
        return Finding("genre model", Verdict.WARN, found, advice)
    return Finding("genre model", Verdict.OK, found)


def _pose_model(settings: Settings) -> Finding:
    model = settings.pose_model
    if model is None:
        asset = POSE_MODELS[settings.variant]
        model = cache_folder() / asset.name
        if not is_cached(asset, cache_folder()):
            found = f"{model} is {'damaged' if model.exists() else 'not there yet'}"
            return Finding("pose model", Verdict.WARN, found, "dancetype models pull")
    try:
        from dancetype.engine.pose.opening import open_estimator

        open_estimator(model, runtime=settings.pose_runtime).close()
    except (ExpectedError, ImportError, OSError) as error:
        return Finding("pose model", Verdict.FAIL, str(error), "see the lines above")
    return Finding("pose model", Verdict.OK, str(model))


def _cameras() -> Finding:
    try:
        from dancetype.stream.sources.webcam import list_webcams
    except ImportError as error:
        return Finding("webcams", Verdict.FAIL, str(error), "see the lines above")
    found = list_webcams()
    if not found:
        advice = "plug one in, or use rtsp://, a file or test:"
        return Finding("webcams", Verdict.WARN, "none that gives a picture", advice)
    return Finding("webcams", Verdict.OK, ", ".join(f"--source {number}" for number in found))


def _port(host: str, port: int) -> Finding:
    what = f"{host}:{port}"
    try:
        with socket.create_server((host, port)):
            return Finding(what, Verdict.OK, "free")
    except OSError as error:
        return Finding(what, Verdict.WARN, error.strerror or str(error), "choose another --port")
