"""Removal of operators from a TensorFlow Lite model that its used outputs do not need."""

import struct
from collections.abc import Sequence
from typing import Final

# Offsets in the vtables of fields of TensorFlow Lite's schema (schema.fbs).
_GRAPHS: Final = 8
_GRAPH_OUTPUTS: Final = 8
_GRAPH_OPERATORS: Final = 10
_OPERATOR_INPUTS: Final = 6
_OPERATOR_OUTPUTS: Final = 8


def pruned(model: bytes, outputs: Sequence[int]) -> bytes:
    """Return `model` with some of its outputs, and only the operators that these need.

    The vectors of outputs and operators are shortened in place. So this takes no longer than a
    copy, and the remaining operators are unchanged.

    Args:
        model: Content of a TensorFlow Lite file with one graph.
        outputs: Indices of the outputs to keep, in their new order.

    Raises:
        ValueError: `model` is no such file, or lacks an output.
    """
    content = bytearray(model)
    try:
        (graph,) = _Vector(content, _uint(content, 0), _GRAPHS).tables()
        results = _Vector(content, graph, _GRAPH_OUTPUTS)
        kept = [results.numbers()[index] for index in outputs]
        results.write(kept)
        operators = _Vector(content, graph, _GRAPH_OPERATORS)
        operators.write_tables(_needed(content, operators.tables(), kept))
    except (struct.error, IndexError, ValueError) as error:
        raise ValueError(f"no TensorFlow Lite model that can be read: {error}") from error
    return bytes(content)


def _needed(content: bytearray, operators: Sequence[int], outputs: Sequence[int]) -> list[int]:
    """Return those of the operators, in the order in which they run, that `outputs` depend on."""
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
        size, place = (struct.unpack_from("<H", content, vtable + at)[0] for at in (0, field))
        if field >= size or not place:
            raise ValueError("a field is missing")
        self._content = content
        self._start = table + place + _uint(content, table + place)

    def numbers(self) -> tuple[int, ...]:
        """Return its numbers."""
        length = _uint(self._content, self._start)
        return struct.unpack_from(f"<{length}i", self._content, self._start + 4)

    def tables(self) -> list[int]:
        """Return the offsets of its tables; each number is relative to its own place."""
        numbers = self.numbers()
        return [place + number for place, number in zip(self._places(), numbers, strict=False)]

    def write(self, numbers: Sequence[int]) -> None:
        """Replace its numbers, by no more than there are."""
        struct.pack_into(f"<I{len(numbers)}i", self._content, self._start, len(numbers), *numbers)

    def write_tables(self, tables: Sequence[int]) -> None:
        """Replace its tables, by no more than there are."""
        self.write([table - place for place, table in zip(self._places(), tables, strict=False)])

    def _places(self) -> range:
        return range(self._start + 4, len(self._content), 4)


def _uint(content: bytearray, place: int) -> int:
    number: int = struct.unpack_from("<I", content, place)[0]
    return number
