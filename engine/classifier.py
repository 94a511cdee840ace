"""Runs a genre model on onnxruntime."""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from engine.contract import Contract, ContractError
from engine.errors import ExpectedError
from engine.onnx import ort
from engine.skeleton import Array

Device = Literal["auto", "cpu", "cuda"]

_SUM_TOLERANCE: Final = 0.01


class ModelError(ExpectedError):
    """A model file that cannot be used, or a device that is not there; the message says why."""


class Classifier:
    """Turns windows into calibrated probabilities of the genres.

    Args:
        path: an ONNX file with a contract; the shipped model where None.
        device: "cuda" insists on a GPU, "auto" takes one where onnxruntime has it.

    Raises:
        ModelError: no such file, no model, a contract that does not hold, or no such device.
    """

    def __init__(self, path: Path | None = None, *, device: Device = "auto") -> None:
        with as_file(path or files("engine") / "models" / "live.onnx") as file:
            self._session = _session(file, _providers(device))
            try:
                self.contract = _contract(self._session)
                self._input = self._session.get_inputs()[0].name
                self._check_answer()
            except ContractError as error:
                raise ModelError(f"{file}: refused, since {error}") from error

    @property
    def provider(self) -> str:
        """The execution provider in use, such as "CPUExecutionProvider"."""
        return str(self._session.get_providers()[0])

    def __call__(self, windows: Array) -> NDArray[np.float32]:
        """Probabilities (N, K) of windows (N, L, F).

        Raises:
            ValueError: windows of another shape than the contract's.
        """
        spec = self.contract.window
        if windows.ndim != 3 or windows.shape[1:] != (spec.length, spec.features):
            raise ValueError(
                f"windows have shape {windows.shape}, expected (N, {spec.length}, {spec.features})"
            )
        (probabilities,) = self._session.run(None, {self._input: windows})
        result: NDArray[np.float32] = probabilities
        return result

    def _check_answer(self) -> None:
        """A damaged model may load and yet not run, or answer with what are no probabilities."""
        spec = self.contract.window
        try:
            answer = self(np.zeros((2, spec.length, spec.features), np.float32))
        except Exception as error:
            raise ContractError(f"it cannot be run: {_first_line(error)}") from error
        expected = (2, len(self.contract.labels))
        # NaN compares false. On a GPU or in half the bits a sum of 1 is off by a little.
        if answer.shape != expected or not (
            (answer >= 0).all() and (abs(answer.sum(axis=1) - 1) < _SUM_TOLERANCE).all()
        ):
            raise ContractError("its answers are not probabilities")


def _providers(device: Device) -> list[str]:
    available = ort.get_available_providers()
    cuda = "CUDAExecutionProvider" in available
    if device == "cuda" and not cuda:
        raise ModelError(
            "CUDA was asked for, and this onnxruntime has none (it has "
            f"{', '.join(available)}); use --device cpu, or install onnxruntime-gpu in its place"
        )
    if cuda and device != "cpu":
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]
    return ["CPUExecutionProvider"]


def _session(file: Path, providers: list[str]) -> ort.InferenceSession:
    options = ort.SessionOptions()
    # A window is a millisecond's work: more threads, or threads that spin while they wait, only
    # take time from the pose model.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    # For external data onnxruntime would look into the folder the program happens to run in. There
    # is no folder of the model file's own name, so nothing is found.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(file)
    )
    try:
        return ort.InferenceSession(
            file.read_bytes(),
            options,
            providers=providers,
            # From the CPU there is nothing to fall back to, yet onnxruntime prints that it does.
            enable_fallback=len(providers) > 1,
        )
    except OSError as error:
        raise ModelError(f"{file}: cannot be read: {error.strerror}") from error
    # onnxruntime's own exceptions share no base but Exception.
    except Exception as error:
        reason = _first_line(error)
        if "external" in reason.lower():
            reason = "its weights lie in a file of their own; export it as one file"
        raise ModelError(f"{file}: not a model onnxruntime can run: {reason}") from error


def _contract(session: ort.InferenceSession) -> Contract:
    try:
        contract = Contract.parse(session.get_modelmeta().custom_metadata_map)
        _check_shapes(session, contract)
    except UnicodeDecodeError as error:
        raise ContractError(f"what it says of itself is damaged: {error}") from error
    return contract


def _check_shapes(session: ort.InferenceSession, contract: Contract) -> None:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise ContractError(f"it has {len(inputs)} inputs and {len(outputs)} outputs, not one each")
    spec = contract.window
    for what, value, expected in (
        ("input", inputs[0], [spec.length, spec.features]),
        ("output", outputs[0], [len(contract.labels)]),
    ):
        shape = list(value.shape)
        if value.type != "tensor(float)" or shape[1:] != expected:
            raise ContractError(
                f"its {what} is {value.type} {shape}, its contract says (N, {expected}) of float"
            )
        if isinstance(shape[0], int):
            raise ContractError(f"its {what} takes {shape[0]} windows at a time, not any number")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
