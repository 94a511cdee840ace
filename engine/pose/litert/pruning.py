"""Removal of the operators of a TensorFlow Lite model that are needed only for unused outputs."""

import struct
from collections.abc import Sequence
from typing import Final

from dancetype.engine.pose.flatbuffer import Vector, root_table, write_numbers, write_tables

# Offsets of fields in the vtables of TensorFlow Lite's schema (schema.fbs).
_GRAPHS: Final = 8
_GRAPH_OUTPUTS: Final = 8
_GRAPH_OPERATORS: Final = 10
_OPERATOR_INPUTS: Final = 6
_OPERATOR_OUTPUTS: Final = 8


def prune(model: bytes, outputs: Sequence[int]) -> bytes:
    """Return a copy of `model` with only some outputs and the operators that they depend on.

    The vectors of outputs and operators are shortened in place. So this takes no longer than a
    copy, and the remaining operators are unchanged.

    Args:
        model: Content of a TensorFlow Lite file with one graph.
        outputs: Indices of the outputs to keep, in their new order.

    Raises:
        ValueError: `model` is not such a file, or lacks an output.
    """
    content = bytearray(model)
    try:
        (graph,) = Vector(content, root_table(content), _GRAPHS).tables()
        results = Vector(content, graph, _GRAPH_OUTPUTS)
        tensors = [results.numbers()[index] for index in outputs]
        write_numbers(content, results.start, tensors)
        operators = Vector(content, graph, _GRAPH_OPERATORS)
        needed = _needed_operators(content, operators.tables(), tensors)
        write_tables(content, operators.start, needed)
    except (struct.error, IndexError, ValueError) as error:
        raise ValueError(f"not a readable TensorFlow Lite model: {error}") from error
    return bytes(content)


def _needed_operators(
    content: bytearray, operators: Sequence[int], outputs: Sequence[int]
) -> list[int]:
    """Return the operators that `outputs` depend on, in their order of execution."""
    tensors = set(outputs)
    needed = []
    for operator in reversed(operators):
        if tensors.intersection(Vector(content, operator, _OPERATOR_OUTPUTS).numbers()):
            tensors.update(Vector(content, operator, _OPERATOR_INPUTS).numbers())
            needed.append(operator)
    return needed[::-1]
