import json
import logging
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dancetype.engine.errors import SinkError
from dancetype.stream.messages import parse_message
from dancetype.stream.sink import SinkFanOut
from dancetype.stream.sinks.jsonl import JsonlSink
from tests.messages import make_source_message

FULL_DISK = Path("/dev/full")


@contextmanager
def file_size_limit(size_bytes: int) -> Iterator[None]:
    """Limit the size of files that this process writes, to simulate a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_each_message_is_written_immediately_as_a_line(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    async with SinkFanOut([JsonlSink(path)]) as sinks:
        for seq in range(3):
            await sinks.send(make_source_message(seq=seq))
            lines = path.read_text().splitlines()
            assert [parse_message(line).seq for line in lines] == list(range(seq + 1))


async def test_existing_file_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    for seq in range(2):
        async with SinkFanOut([JsonlSink(path)]) as sinks:
            await sinks.send(make_source_message(seq=seq))
    assert [parse_message(line).seq for line in path.read_text().splitlines()] == [0, 1]


async def test_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"nowhere.*No such file.*--jsonl"):
        async with JsonlSink(tmp_path / "nowhere" / "out.jsonl"):
            pytest.fail("entered")


async def test_full_disk_is_reported_once_and_does_not_affect_other_sinks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "out.jsonl"
    with caplog.at_level(logging.WARNING):
        async with SinkFanOut([JsonlSink(FULL_DISK), JsonlSink(path)]) as sinks:
            for seq in range(3):
                await sinks.send(make_source_message(seq=seq))
    assert len(path.read_text().splitlines()) == 3
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "No space left" in caplog.text


async def test_line_cut_off_by_a_full_disk_does_not_corrupt_the_next(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    line_length = len(make_source_message(seq=0).model_dump_json()) + 1
    async with SinkFanOut([JsonlSink(path)]) as sinks:
        with file_size_limit(line_length + 10):
            for seq in range(3):
                await sinks.send(make_source_message(seq=seq))
        await sinks.send(make_source_message(seq=3))
    first, partial, last = path.read_text().splitlines()
    with pytest.raises(json.JSONDecodeError):
        json.loads(partial)
    assert (parse_message(first).seq, parse_message(last).seq) == (0, 3)
