"""Access to the tables and vectors of a FlatBuffer, the format of TensorFlow Lite models.

Offsets are those of https://flatbuffers.dev/internals/: each is relative to its own position.
"""

import struct
from collections.abc import Sequence


def root_table(content: bytes | bytearray) -> int:
    """Return the offset of the root table."""
    return _uint(content, 0)


def table_end(content: bytes | bytearray, table: int) -> int:
    """Return the offset of the first byte after the table at offset `table`."""
    size: int = struct.unpack_from("<H", content, _vtable(content, table) + 2)[0]
    return table + size


def table_fields(content: bytes | bytearray, table: int) -> dict[int, int]:
    """Return the offset of each field of the table at offset `table`, by its place in the vtable.

    Fields that the table lacks are left out.
    """
    vtable = _vtable(content, table)
    (size,) = struct.unpack_from("<H", content, vtable)
    positions = struct.unpack_from(f"<{size // 2 - 2}H", content, vtable + 4)
    return {4 + 2 * index: table + place for index, place in enumerate(positions) if place}


def write_numbers(content: bytearray, start: int, numbers: Sequence[int]) -> None:
    """Write a vector of 32-bit numbers at offset `start`."""
    struct.pack_into(f"<I{len(numbers)}i", content, start, len(numbers), *numbers)


def write_tables(content: bytearray, start: int, tables: Sequence[int]) -> None:
    """Write a vector of tables, given by their offsets, at offset `start`."""
    first = start + 4
    numbers = [table - (first + 4 * index) for index, table in enumerate(tables)]
    write_numbers(content, start, numbers)


class Vector:
    """Vector in a field of the table at offset `table`, such as of 32-bit numbers.

    Raises:
        ValueError: The table lacks the field.
    """

    def __init__(self, content: bytes | bytearray, table: int, field: int) -> None:
        offset = table_fields(content, table).get(field)
        if offset is None:
            raise ValueError("a field is missing")
        self._content = content
        self.start = offset + _uint(content, offset)

    def numbers(self) -> tuple[int, ...]:
        """Return the elements as 32-bit numbers."""
        return struct.unpack_from(f"<{self._length()}i", self._content, self.start + 4)

    def tables(self) -> list[int]:
        """Return the elements as offsets of tables."""
        first = self.start + 4
        return [first + 4 * index + number for index, number in enumerate(self.numbers())]

    def content(self) -> bytes:
        """Return the elements as bytes."""
        return bytes(self._content[self.start + 4 : self.start + 4 + self._length()])

    def _length(self) -> int:
        return _uint(self._content, self.start)


def _vtable(content: bytes | bytearray, table: int) -> int:
    distance: int = struct.unpack_from("<i", content, table)[0]
    return table - distance


def _uint(content: bytes | bytearray, offset: int) -> int:
    number: int = struct.unpack_from("<I", content, offset)[0]
    return number
