"""Genre models on onnxruntime."""

import logging
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dancetype.engine.contract import Contract, contract_error
from dancetype.engine.defaults import Device
from dancetype.engine.errors import ModelError, first_line
from dancetype.engine.log_event import LogEvent
from dancetype.engine.onnx import CPU, CUDA, has_cuda, ort, preload_cuda
from dancetype.engine.skeleton import Array

Providers = list[str | tuple[str, dict[str, str]]]

SHIPPED: Final = files("dancetype.engine") / "models" / "live.onnx"
"""Genre model that is part of dancetype."""

_log = logging.getLogger(__name__)

_SUM_TOLERANCE: Final = 0.01
# TF32 rounds to 10 bits, and an exhaustive search for the fastest convolution is repeated for each
# new number of windows.
_CUDA_OPTIONS: Final = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
# Log levels of onnxruntime.
_WARNING: Final = 2
_ERROR: Final = 3
_FATAL: Final = 4


class Classifier:
    """Genre model that maps windows to calibrated probabilities of the genres.

    The probabilities of a window sum to 1 or, if the contract's `dancing` is set, to the
    probability that the person dances.

    If a GPU cannot be used, the model runs on the CPU, and a warning is logged if `device` is
    "cuda".

    Args:
        path: ONNX file with a contract; the shipped model if None.
        device: "cpu", "cuda", or "auto" for a GPU if onnxruntime can use one.

    Attributes:
        contract: Description of the model's input and output.
        fallback: Reason why the CPU is used instead of a GPU, or "".

    Raises:
        ModelError: The file cannot be read, or is not a model with a valid contract.
    """

    def __init__(self, path: Path | None = None, *, device: Device = "auto") -> None:
        use_cuda = device == "cuda" or (device == "auto" and has_cuda())
        with as_file(path or SHIPPED) as file:
            self.fallback = self._open_on_cuda(file) if use_cuda else ""
            if self.fallback or not use_cuda:
                self._open(file, [CPU])
        if self.fallback:
            level = logging.WARNING if device == "cuda" else logging.INFO
            _log.log(level, LogEvent("genre_model_on_cpu", reason=self.fallback))

    @property
    def provider(self) -> str:
        """Execution provider in use, such as "CPUExecutionProvider"."""
        return str(self._session.get_providers()[0])

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        """Return probabilities (N, K) for windows (N, L, F).

        Raises:
            ValueError: The shape of `windows` does not match the contract.
        """
        spec = self.contract.window
        if windows.ndim != 3 or windows.shape[1:] != (spec.length, spec.features):
            raise ValueError(
                f"windows have shape {windows.shape}, expected (N, {spec.length}, {spec.features})"
            )
        (probabilities,) = self._session.run(None, {self._input: windows})
        result: NDArray[np.float32] = probabilities
        return result

    def _open_on_cuda(self, file: Path) -> str:
        """Open the model on a GPU; return the reason if that fails, else ""."""
        if not has_cuda():
            return "this onnxruntime has no CUDA; install onnxruntime-gpu (docs/guides/gpu.md)"
        missing = preload_cuda()
        # onnxruntime would print a long message about a provider that does not start.
        ort.set_default_logger_severity(_FATAL)
        try:
            self._open(file, [(CUDA, _CUDA_OPTIONS), CPU])
        except ModelError as error:
            return f"CUDA does not start: {first_line(error.__cause__ or error)}"
        finally:
            ort.set_default_logger_severity(_WARNING)
        # If a provider does not start, onnxruntime silently uses the next one.
        if self.provider == CUDA:
            return ""
        if missing:
            return f"{missing}; install it (docs/guides/gpu.md)"
        return "CUDA does not start; does nvidia-smi show a GPU, and a driver that is new enough?"

    def _open(self, file: Path, providers: Providers) -> None:
        self._session = _open_session(file, providers)
        try:
            self.contract = _read_contract(self._session)
            self._input = self._session.get_inputs()[0].name
            self._check_output()
        except ModelError as error:
            raise ModelError(f"{file}: refused because {error}") from error

    def _check_output(self) -> None:
        """Run the model once: a damaged one may load, but then fail or not return probabilities."""
        spec = self.contract.window
        try:
            output = self(np.zeros((2, spec.length, spec.features), np.float32))
        except Exception as error:
            raise contract_error(f"it cannot be run: {first_line(error)}") from error
        expected = (2, len(self.contract.labels))
        if output.shape != expected or not self._are_probabilities(output):
            raise contract_error(
                "its outputs are not probabilities; end the network with a softmax"
            )

    def _are_probabilities(self, output: NDArray[np.float32]) -> bool:
        sums = output.sum(axis=1)
        # NaN compares false. On a GPU or at half precision, sums deviate slightly from 1.
        is_valid = sums < 1 + _SUM_TOLERANCE
        if not self.contract.dancing:
            is_valid &= sums > 1 - _SUM_TOLERANCE
        return bool((output >= 0).all() and is_valid.all())


def _open_session(file: Path, providers: Providers) -> ort.InferenceSession:
    options = ort.SessionOptions()
    # Classifying a window takes a millisecond. More threads, or threads that spin while they wait,
    # would only slow down the pose model.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _ERROR
    # By default onnxruntime reads external data from the current folder. The model file is not a
    # folder, so with this setting it finds none.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(file)
    )
    try:
        # With fallback enabled, onnxruntime would print that it falls back.
        return ort.InferenceSession(
            file.read_bytes(), options, providers=providers, enable_fallback=False
        )
    except OSError as error:
        raise ModelError(f"{file}: cannot be read: {error.strerror}") from error
    # The only common base of onnxruntime's exceptions is Exception.
    except Exception as error:
        reason = first_line(error)
        if "external" in reason.lower():
            reason = "its weights are in a separate file; export it as one file"
        raise ModelError(f"{file}: not a model that onnxruntime can run: {reason}") from error


def _read_contract(session: ort.InferenceSession) -> Contract:
    try:
        contract = Contract.parse(session.get_modelmeta().custom_metadata_map)
        _check_shapes(session, contract)
    except UnicodeDecodeError as error:
        raise contract_error(f"its metadata is damaged: {error}") from error
    return contract


def _check_shapes(session: ort.InferenceSession, contract: Contract) -> None:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise contract_error(
            f"it has {len(inputs)} inputs and {len(outputs)} outputs, not one each"
        )
    spec = contract.window
    for name, tensor, expected in (
        ("input", inputs[0], [spec.length, spec.features]),
        ("output", outputs[0], [len(contract.labels)]),
    ):
        shape = list(tensor.shape)
        if tensor.type != "tensor(float)" or shape[1:] != expected:
            raise contract_error(
                f"its {name} is {tensor.type} {shape}, but its contract requires floats of shape "
                f"(N, {', '.join(map(str, expected))})"
            )
        if isinstance(shape[0], int):
            raise contract_error(
                f"its {name} has a fixed batch size of {shape[0]}; export it with a dynamic one"
            )
