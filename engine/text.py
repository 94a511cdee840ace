"""Text files of users, in the encodings that editors write."""

import codecs
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

# UTF-32 first, since its little-endian mark begins with that of UTF-16.
_OTHER_MARKS: Final = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def decode_text(content: bytes) -> str:
    """Decode the content of a text file: UTF-8, with or without a byte-order mark.

    Line ends are converted to newlines.

    Raises:
        ValueError: The content is in another encoding; the text says which, if it is known.
    """
    for mark, encoding in _OTHER_MARKS.items():
        if content.startswith(mark):
            raise ValueError(f"the text is {encoding}: save the file as UTF-8")
    if b"\0" in content:
        raise ValueError("the text has null bytes, as UTF-16 does: save the file as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"byte {content[error.start]:#04x} in line {line} is not UTF-8: save the file as UTF-8"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_text(path: Path | Traversable) -> str:
    """Read a text file as `decode_text` does.

    Raises:
        OSError: The file cannot be read.
        ValueError: The file is not UTF-8.
    """
    return decode_text(path.read_bytes())
