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
from tests.messages import changed

FULL_DISK = Path("/dev/full")


@contextmanager
def room_for(size_bytes: int) -> Iterator[None]:
    """Lets no file of this process grow beyond a size, as a disk that fills up does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_each_message_is_a_line_that_is_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    async with SinkFanOut([JsonlSink(path)]) as outlets:
        for seq in range(3):
            await outlets.send(changed(seq=seq))
            lines = path.read_text().splitlines()
            assert [parse_message(line).seq for line in lines] == list(range(seq + 1))


async def test_a_file_that_is_there_is_added_to(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    for seq in range(2):
        async with SinkFanOut([JsonlSink(path)]) as outlets:
            await outlets.send(changed(seq=seq))
    assert [parse_message(line).seq for line in path.read_text().splitlines()] == [0, 1]


async def test_a_folder_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"nowhere.*No such file.*--jsonl"):
        async with JsonlSink(tmp_path / "nowhere" / "out.jsonl"):
            pytest.fail("entered")


async def test_a_full_disk_is_told_once_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "out.jsonl"
    with caplog.at_level(logging.WARNING):
        async with SinkFanOut([JsonlSink(FULL_DISK), JsonlSink(path)]) as outlets:
            for seq in range(3):
                await outlets.send(changed(seq=seq))
    assert len(path.read_text().splitlines()) == 3
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "No space left" in caplog.text


async def test_a_line_cut_off_by_a_full_disk_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    one_line = len(changed(seq=0).model_dump_json()) + 1
    async with SinkFanOut([JsonlSink(path)]) as outlets:
        with room_for(one_line + 10):
            for seq in range(3):
                await outlets.send(changed(seq=seq))
        await outlets.send(changed(seq=3))
    first, torn, last = path.read_text().splitlines()
    with pytest.raises(json.JSONDecodeError):
        json.loads(torn)
    assert (parse_message(first).seq, parse_message(last).seq) == (0, 3)
