import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dancetype.stream.output import OutputError, StandardError, StandardOutput

SET_UP = "import sys; from dancetype.stream.output import set_up_standard_streams as s; s(); "


def release(stream: io.TextIOWrapper) -> None:
    """Close a stream; what it could not write is written to the null device."""
    with Path(os.devnull).open("wb") as null:
        os.dup2(null.fileno(), stream.fileno())
    stream.close()


def full(stream_type: type[io.TextIOWrapper]) -> io.TextIOWrapper:
    return stream_type(Path("/dev/full").open("wb"), encoding="utf-8")


def test_error_of_standard_output_says_what_happened() -> None:
    output = full(StandardOutput)
    output.write("text")
    with pytest.raises(OutputError, match="standard output cannot be written: No space left"):
        output.flush()
    with pytest.raises(OutputError, match="No space left"):
        output.write("x" * 1_000_000)
    release(output)


def test_closed_pipe_is_an_output_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    output = StandardOutput(os.fdopen(writing, "wb"), encoding="utf-8", line_buffering=True)
    with pytest.raises(OutputError, match="Broken pipe"):
        output.write("text\n")
    release(output)


def test_text_that_standard_error_cannot_write_is_dropped() -> None:
    error = full(StandardError)
    assert error.write("text\n") == 5
    assert error.write("x" * 1_000_000) == 1_000_000
    error.flush()
    release(error)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1:strict", "utf-16"])
def test_streams_are_utf8_in_any_environment(stream: str, encoding: str) -> None:
    script = f"{SET_UP} print('Bühne 日本 \\udcff', file=sys.{stream})"
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment)
    output: bytes = getattr(result, stream)
    assert output.decode() == f"Bühne 日本 \\udcff{os.linesep}"
    assert result.returncode == 0


def test_other_file_does_not_get_the_descriptor_of_a_missing_standard_output() -> None:
    script = f"{SET_UP} import os; sys.exit(os.open(os.devnull, os.O_RDONLY))"
    result = subprocess.run(["sh", "-c", 'exec "$0" -c "$1" >&-', sys.executable, script])
    assert result.returncode > 2


def test_captured_streams_are_not_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    script = (
        f"import io, sys; sys.stdout = text = io.StringIO(); {SET_UP} assert sys.stdout is text"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
