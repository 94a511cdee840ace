"""Removal of the operators of a TensorFlow Lite model that are needed only for unused outputs."""

import struct
from collections.abc import Sequence
from typing import Final

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
        (graph,) = _Vector(content, _uint(content, 0), _GRAPHS).tables()
        results = _Vector(content, graph, _GRAPH_OUTPUTS)
        tensors = [results.numbers()[index] for index in outputs]
        results.write(tensors)
        operators = _Vector(content, graph, _GRAPH_OPERATORS)
        operators.write_tables(_needed_operators(content, operators.tables(), tensors))
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
        if tensors.intersection(_Vector(content, operator, _OPERATOR_OUTPUTS).numbers()):
            tensors.update(_Vector(content, operator, _OPERATOR_INPUTS).numbers())
            needed.append(operator)
    return needed[::-1]


class _Vector:
    """Vector of 32-bit numbers in a FlatBuffer: a field of the table at offset `table`."""

    def __init__(self, content: bytearray, table: int, field: int) -> None:
        vtable = table - struct.unpack_from("<i", content, table)[0]
        size, position = (
            struct.unpack_from("<H", content, vtable + offset)[0] for offset in (0, field)
        )
        if field >= size or not position:
            raise ValueError("a field is missing")
        self._content = content
        self._start = table + position + _uint(content, table + position)

    def numbers(self) -> tuple[int, ...]:
        """Return the numbers."""
        length = _uint(self._content, self._start)
        return struct.unpack_from(f"<{length}i", self._content, self._start + 4)

    def tables(self) -> list[int]:
        """Return the offsets of the tables; each number is relative to its own offset."""
        numbers = self.numbers()
        return [offset + number for offset, number in zip(self._offsets(), numbers, strict=False)]

    def write(self, numbers: Sequence[int]) -> None:
        """Replace the numbers; there may be fewer than before, but not more."""
        struct.pack_into(f"<I{len(numbers)}i", self._content, self._start, len(numbers), *numbers)

    def write_tables(self, tables: Sequence[int]) -> None:
        """Replace the tables; there may be fewer than before, but not more."""
        self.write([table - offset for offset, table in zip(self._offsets(), tables, strict=False)])

    def _offsets(self) -> range:
        return range(self._start + 4, len(self._content), 4)


def _uint(content: bytearray, offset: int) -> int:
    number: int = struct.unpack_from("<I", content, offset)[0]
    return number
