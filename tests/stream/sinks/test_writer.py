import errno
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event, Thread

import pytest

from dancetype.engine.media.recording import Recording, read_recording
from dancetype.stream.sinks.writer import MAX_WAITING, RecordingWriter
from tests.engine.recordings import STARTED, header, walk


def starting(seconds: float, source: str = "stage") -> Callable[[], Recording]:
    take = walk(header(source, started=STARTED + seconds), seconds=0.5)
    return lambda: take


def kept(folder: Path) -> list[float]:
    """When the takes in a folder start, by name."""
    return [read_recording(path).header.started - STARTED for path in sorted(folder.iterdir())]


class Disk:
    """Is full for the first so many takes, and tells when it was asked."""

    def __init__(self, *, refuses: int) -> None:
        self._refuses = refuses
        self.asked: list[float] = []
        self.came = Event()

    def save(self, take: Recording, path: Path) -> None:
        self.asked.append(take.header.started - STARTED)
        try:
            if len(self.asked) <= self._refuses:
                raise OSError(errno.ENOSPC, "No space left on device")
            take.save(path)
        finally:
            self.came.set()


def keep(folder: Path, disk: Disk, seconds: Sequence[float]) -> None:
    """Puts takes one after the other, each once the disk was asked for the one before."""
    writer = RecordingWriter(folder, save=disk.save)
    writer.start()
    for each in seconds:
        disk.came.clear()
        writer.put(starting(each))
        assert disk.came.wait(10)
    writer.close(10)


def test_names_sort_by_time_and_say_the_source_and_none_is_taken_twice(tmp_path: Path) -> None:
    for _ in range(2):
        writer = RecordingWriter(tmp_path)
        writer.start()
        for seconds, source in ((0, "stage"), (0, "left"), (300, "left")):
            writer.put(starting(seconds, source))
        writer.close(10)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "20251124-160000-left-001.npz",
        "20251124-160000-left-002.npz",
        "20251124-160000-stage-001.npz",
        "20251124-160000-stage-002.npz",
        "20251124-160500-left-001.npz",
        "20251124-160500-left-002.npz",
    ]


def test_a_full_disk_is_told_once_and_what_waited_is_written_when_it_has_room(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Disk(refuses=2)
    with caplog.at_level(logging.INFO, "dancetype.stream"):
        keep(tmp_path, disk, [0, 300, 600])
    assert disk.asked == [0, 0, 0, 300, 600]
    assert kept(tmp_path) == [0, 300, 600]
    first, *rest = (record.getMessage() for record in caplog.records)
    assert (
        first == f"recording_write_failed folder={str(tmp_path)!r} error='No space left on device'"
    )
    assert rest == [f"recording_written path={str(path)!r}" for path in sorted(tmp_path.iterdir())]


def test_a_folder_that_comes_back_gets_what_it_missed(tmp_path: Path) -> None:
    folder, disk = tmp_path / "stick", Disk(refuses=0)
    writer = RecordingWriter(folder, save=disk.save)
    writer.start()
    writer.put(starting(0))
    assert disk.came.wait(10)
    folder.mkdir()
    writer.close(10)
    assert kept(folder) == [0]


def test_of_too_many_that_wait_the_oldest_is_dropped_and_that_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = Disk(refuses=10**6)
    with caplog.at_level(logging.ERROR):
        keep(tmp_path, disk, range(MAX_WAITING + 2))
    told = [record.getMessage() for record in caplog.records]
    assert sum("recording_dropped" in each for each in told) == 2
    assert told[-1] == f"recordings_lost folder={str(tmp_path)!r} count={MAX_WAITING}"
    assert disk.asked[-1] == 2
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_hangs_holds_up_neither_who_puts_nor_the_end(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked, let_go = Event(), Event()

    def hang(take: Recording, path: Path) -> None:
        asked.set()
        let_go.wait(10)

    writer = RecordingWriter(tmp_path, save=hang)
    writer.start()
    writer.put(starting(0))
    assert asked.wait(10)
    writer.put(starting(300))
    with caplog.at_level(logging.ERROR):
        closing = Thread(target=writer.close, args=(0.01,))
        closing.start()
        closing.join(5)
        assert not closing.is_alive()
    assert "count=2" in caplog.text
    let_go.set()


def test_a_take_that_cannot_be_made_is_logged_and_takes_no_other_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def crash() -> Recording:
        raise RuntimeError("a bug")

    writer = RecordingWriter(tmp_path)
    writer.start()
    with caplog.at_level(logging.ERROR):
        writer.put(crash)
        writer.put(starting(0))
        writer.close(10)
    assert "a bug" in caplog.text
    assert kept(tmp_path) == [0]
