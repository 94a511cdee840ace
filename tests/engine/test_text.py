from pathlib import Path

import pytest

from dancetype.engine.text import decode_text, read_text


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_text_is_read_with_and_without_byte_order_mark(
    tmp_path: Path, encoding: str, ends: str
) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(f"# Bühne{ends}x = 1{ends}".encode(encoding))
    assert read_text(path) == "# Bühne\nx = 1\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a = 1".encode("utf-16"), "the text is UTF-16: save the file as UTF-8"),
        ("\ufeffa = 1".encode("utf-16-be"), "the text is UTF-16: save"),
        ("a = 1".encode("utf-32"), "the text is UTF-32: save"),
        ("a = 1".encode("utf-16-le"), "null bytes, as UTF-16 does"),
        ("# ok\n# Bühne\n".encode("latin-1"), "byte 0xfc in line 2 is not UTF-8"),
    ],
)
def test_text_in_another_encoding_raises_error_with_remedy(content: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        decode_text(content)
