"""Quantisation of a model's weights, to reduce the size of its file."""

from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from dancetype.engine.errors import ModelError
from dancetype.engine.skeleton import Array
from dancetype.export.precision import Precision

_INT8_MAX: Final = 127


def quantize_weights(model: onnx.ModelProto, precision: Precision) -> None:
    """Quantise the weights in place, and add nodes that convert them back to float32.

    onnxruntime folds these nodes when it loads the model, so inference takes as long as before.
    Biases and norms are small and stay in float32.

    Raises:
        ModelError: The model has no float32 weights.
    """
    if precision is Precision.FP32:
        return
    graph = model.graph
    weights = [tensor for tensor in graph.initializer if _is_weight(tensor)]
    if not weights:
        raise ModelError("the model has no float32 weights; its precision was already reduced")
    conversions: list[onnx.NodeProto] = []
    for weight in weights:
        values, name = numpy_helper.to_array(weight), weight.name
        quantized = f"{name}.{precision}"
        graph.initializer.remove(weight)
        if precision is Precision.FP16:
            graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), quantized))
            conversions.append(_cast_to_float(quantized, name))
            continue
        integers, scales = _to_int8(values)
        # onnxruntime would execute DequantizeLinear for every window.
        graph.initializer.append(numpy_helper.from_array(integers, quantized))
        graph.initializer.append(numpy_helper.from_array(scales, f"{name}.scale"))
        conversions.append(_cast_to_float(quantized, f"{name}.float"))
        conversions.append(helper.make_node("Mul", [f"{name}.float", f"{name}.scale"], [name]))
    nodes = [*conversions, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _is_weight(tensor: onnx.TensorProto) -> bool:
    # A bias is stored as one row, and scales as one column.
    is_matrix = sum(size > 1 for size in tensor.dims) > 1
    return is_matrix and tensor.data_type == onnx.TensorProto.FLOAT


def _to_int8(values: Array) -> tuple[NDArray[np.int8], Array]:
    """Return quantised values, and the scale of each output channel."""
    channel_axis = next(axis for axis, size in enumerate(values.shape) if size > 1)
    other_axes = tuple(axis for axis in range(values.ndim) if axis != channel_axis)
    scales = np.abs(values).max(axis=other_axes, keepdims=True) / np.float32(_INT8_MAX)
    scales[scales == 0] = 1
    return np.round(values / scales).astype(np.int8), scales


def _cast_to_float(source: str, target: str) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], to=onnx.TensorProto.FLOAT)
