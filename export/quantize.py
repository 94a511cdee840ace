"""Reduction of a model's size: its weights are stored in fewer bits."""

from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from dancetype.engine.errors import ModelError
from dancetype.engine.skeleton import Array
from dancetype.export.precision import Precision

_LARGEST: Final = 127


def pack(model: onnx.ModelProto, precision: Precision) -> None:
    """Store the weights in fewer bits in place, with nodes that unpack them.

    The unpacked weights are constant, so onnxruntime unpacks them once, when it loads the model: a
    window takes as long as before. Biases and norms are small and stay in float32.

    Raises:
        ModelError: The model has no weights in float32.
    """
    if precision is Precision.FP32:
        return
    graph = model.graph
    weights = [tensor for tensor in graph.initializer if _is_weight(tensor)]
    if not weights:
        raise ModelError("it holds no weights in float32: it was made smaller before")
    unpacking: list[onnx.NodeProto] = []
    for weight in weights:
        values, name = numpy_helper.to_array(weight), weight.name
        packed = f"{name}.{precision}"
        graph.initializer.remove(weight)
        if precision is Precision.FP16:
            graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), packed))
            unpacking.append(_cast(packed, name))
            continue
        integers, scales = _integers(values)
        # Not DequantizeLinear: onnxruntime would execute it for each window.
        graph.initializer.append(numpy_helper.from_array(integers, packed))
        graph.initializer.append(numpy_helper.from_array(scales, f"{name}.scale"))
        unpacking.append(_cast(packed, f"{name}.float"))
        unpacking.append(helper.make_node("Mul", [f"{name}.float", f"{name}.scale"], [name]))
    nodes = [*unpacking, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _is_weight(tensor: onnx.TensorProto) -> bool:
    # Neither a bias, which the exporter stores as one row, nor a column of scales.
    matrix = sum(size > 1 for size in tensor.dims) > 1
    return matrix and tensor.data_type == onnx.TensorProto.FLOAT


def _integers(values: Array) -> tuple[NDArray[np.int8], Array]:
    """Return `values` as integers, and a scale for each output to multiply them by."""
    outputs = next(axis for axis, size in enumerate(values.shape) if size > 1)
    others = tuple(axis for axis in range(values.ndim) if axis != outputs)
    scales = np.abs(values).max(axis=others, keepdims=True) / np.float32(_LARGEST)
    scales[scales == 0] = 1
    return np.round(values / scales).astype(np.int8), scales


def _cast(given: str, name: str) -> onnx.NodeProto:
    return helper.make_node("Cast", [given], [name], to=onnx.TensorProto.FLOAT)
