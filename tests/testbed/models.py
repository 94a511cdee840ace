"""Changed copies of the shipped genre model."""

from dataclasses import replace
from importlib.resources import as_file
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from dancetype.engine.classifier import SHIPPED
from dancetype.engine.contract import Contract
from dancetype.engine.genres import CODES


def biased_model(genre: str, file: Path) -> Path:
    """Write a copy of the live model that always predicts `genre`; return its path."""
    model = _load()
    # One for each of the networks whose mean is the model.
    for bias in (each for each in model.graph.initializer if each.name.endswith("head.bias")):
        values = numpy_helper.to_array(bias).copy()
        values[CODES.index(genre)] += 10
        bias.CopyFrom(numpy_helper.from_array(values, bias.name))
    onnx.save(model, file)
    return file


def scaled_model(file: Path, *, factor: float = 1.0, **changes: Any) -> Path:
    """Write a copy of the live model with scaled probabilities; return its path.

    Args:
        file: File to write.
        factor: Factor of the probabilities.
        changes: Changed attributes of the contract.
    """
    model = _load()
    (output,) = model.graph.output
    model.graph.node[-1].output[0] = "unscaled"
    model.graph.initializer.append(numpy_helper.from_array(np.array(factor, np.float32), "factor"))
    model.graph.node.append(helper.make_node("Mul", ["unscaled", "factor"], [output.name]))
    contract = Contract.parse({prop.key: prop.value for prop in model.metadata_props})
    del model.metadata_props[:]
    helper.set_model_props(model, replace(contract, **changes).metadata())
    onnx.save(model, file)
    return file


def _load() -> onnx.ModelProto:
    with as_file(SHIPPED) as file:
        return onnx.load(file)
