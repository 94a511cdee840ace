"""Replacement of the landmark network in a Pose Landmarker bundle, a `.task` file."""

import struct
import zipfile
from pathlib import Path
from typing import Final

from dancetype.engine.errors import ModelError
from dancetype.engine.pose.flatbuffer import (
    Vector,
    root_table,
    table_end,
    table_fields,
    write_tables,
)

DETECTOR: Final = "pose_detector.tflite"
LANDMARKER: Final = "pose_landmarks_detector.tflite"

# Offsets of fields in the vtables of TensorFlow Lite's schema (schema.fbs).
_VERSION: Final = 4
_BUFFERS: Final = 12
_METADATA: Final = 16
_METADATA_NAME: Final = 4
_METADATA_BUFFER: Final = 6
_BUFFER_DATA: Final = 4

_NAME: Final = b"TFLITE_METADATA"
_ALIGNMENT: Final = 16

_ZIP_HEADER: Final = 30  # bytes before the name of a member
# A zip record without meaning, which Android's zipalign adds for the same purpose.
_PADDING_ID: Final = 0xD935


def replace_landmarker(bundle: Path, network: bytes, target: Path) -> None:
    """Write a copy of a bundle with another landmark network; equal inputs give equal files.

    MediaPipe only opens networks with metadata, which describe the input. The network gets those of
    the one that it replaces.

    Args:
        bundle: Pose model.
        network: Content of a TensorFlow Lite file with the same inputs and outputs.
        target: File to write.

    Raises:
        ModelError: `bundle` is not a pose model, or `network` not a TensorFlow Lite file.
        OSError: `target` cannot be written.
    """
    try:
        with zipfile.ZipFile(bundle) as source, zipfile.ZipFile(target, "w") as archive:
            metadata = read_metadata(source.read(LANDMARKER))
            for member, content in (
                (DETECTOR, source.read(DETECTOR)),
                (LANDMARKER, add_metadata(network, metadata)),
            ):
                # Networks are aligned, since MediaPipe maps the file into memory.
                start = archive.start_dir + _ZIP_HEADER + len(member) + 4
                info = zipfile.ZipInfo(member, source.getinfo(member).date_time)
                info.create_system = 3  # the same on all systems
                padding = -start % _ALIGNMENT
                info.extra = struct.pack(f"<HH{padding}x", _PADDING_ID, padding)
                archive.writestr(info, content)
    except (zipfile.BadZipFile, LookupError, ValueError, struct.error) as error:
        raise ModelError(f"{bundle}: its landmark network cannot be replaced: {error}") from error


def read_metadata(model: bytes) -> bytes:
    """Return the metadata that MediaPipe reads in a TensorFlow Lite model.

    Raises:
        ValueError: The model has none.
    """
    root = root_table(model)
    for entry in Vector(model, root, _METADATA).tables():
        if Vector(model, entry, _METADATA_NAME).content() == _NAME:
            (index,) = struct.unpack_from("<I", model, table_fields(model, entry)[_METADATA_BUFFER])
            buffer = Vector(model, root, _BUFFERS).tables()[index]
            return Vector(model, buffer, _BUFFER_DATA).content()
    raise ValueError("the model has no metadata for MediaPipe")


def add_metadata(model: bytes, metadata: bytes) -> bytes:
    """Return a copy of a TensorFlow Lite model with metadata for MediaPipe.

    Everything new is inserted behind the root table, as the offsets in a FlatBuffer point forwards.

    Args:
        model: TensorFlow Lite file that starts with its root table and has other metadata.
        metadata: Content of the new buffer.

    Raises:
        ValueError: `model` has no other metadata.
    """
    root = root_table(model)
    start = table_end(model, root)
    buffers = Vector(model, root, _BUFFERS).tables()
    entries = Vector(model, root, _METADATA).tables()
    buffer_vector = start
    entry_vector = buffer_vector + 4 * (len(buffers) + 2)
    # Each table follows its vtable of 8 bytes.
    entry = entry_vector + 4 * (len(entries) + 2) + 8
    name = entry + 12
    buffer = name + 4 + len(_NAME) + 1 + 8
    data = _aligned(buffer + 8 + 4) - 4
    length = _aligned(data + 4 + len(metadata) - start)

    content = bytearray(model[:start] + bytes(length) + model[start:])
    new = {_BUFFERS: buffer_vector, _METADATA: entry_vector}
    for field, position in table_fields(model, root).items():
        if field != _VERSION:
            (distance,) = struct.unpack_from("<I", model, position)
            target = new.get(field, position + distance + length)
            struct.pack_into("<I", content, position, target - position)
    write_tables(content, buffer_vector, [*(old + length for old in buffers), buffer])
    write_tables(content, entry_vector, [*(old + length for old in entries), entry])
    # A vtable has its size, that of the table, and the fields' places; the table starts with the
    # distance from its vtable. A string ends with a zero byte.
    struct.pack_into("<4HiII", content, entry - 8, 8, 12, 4, 8, 8, name - (entry + 4), len(buffers))
    struct.pack_into(f"<I{len(_NAME)}s", content, name, len(_NAME), _NAME)
    struct.pack_into("<4HiI", content, buffer - 8, 6, 8, 4, 0, 8, data - (buffer + 4))
    struct.pack_into(f"<I{len(metadata)}s", content, data, len(metadata), metadata)
    return bytes(content)


def _aligned(offset: int) -> int:
    """Return the first aligned offset that is not before `offset`."""
    return -(-offset // _ALIGNMENT) * _ALIGNMENT
