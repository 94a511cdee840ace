import errno
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event, Thread

import pytest

from dancetype.engine.media.recording import Recording, read_recording
from dancetype.stream.sinks.writer import MAX_QUEUED, RecordingWriter
from tests.engine.recordings import STARTED, header, record_walk


def recording(start: float, source: str = "stage") -> Callable[[], Recording]:
    result = record_walk(header(source, started=STARTED + start), seconds=0.5)
    return lambda: result


def start_times(folder: Path) -> list[float]:
    """Return the start times of the recordings in a folder, sorted by file name."""
    return [read_recording(path).header.started - STARTED for path in sorted(folder.iterdir())]


class FakeDisk:
    """A disk that is full for the first attempts to save.

    Args:
        failures: Number of attempts that fail.

    Attributes:
        attempts: Start time of the recording of each attempt.
        attempted: Set at each attempt.
    """

    def __init__(self, *, failures: int) -> None:
        self._failures = failures
        self.attempts: list[float] = []
        self.attempted = Event()

    def save(self, recording: Recording, path: Path) -> None:
        self.attempts.append(recording.header.started - STARTED)
        try:
            if len(self.attempts) <= self._failures:
                raise OSError(errno.ENOSPC, "No space left on device")
            recording.save(path)
        finally:
            self.attempted.set()


def write_one_by_one(folder: Path, disk: FakeDisk, starts: Sequence[float]) -> None:
    """Write recordings, each after an attempt to save the one before."""
    writer = RecordingWriter(folder, save=disk.save)
    writer.start()
    for start in starts:
        disk.attempted.clear()
        writer.put(recording(start))
        assert disk.attempted.wait(10)
    writer.close(10)


def test_file_names_sort_by_time_contain_the_source_and_are_unique(tmp_path: Path) -> None:
    for _ in range(2):
        writer = RecordingWriter(tmp_path)
        writer.start()
        for start, source in ((0, "stage"), (0, "left"), (300, "left")):
            writer.put(recording(start, source))
        writer.close(10)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "20251124-160000-left-001.npz",
        "20251124-160000-left-002.npz",
        "20251124-160000-stage-001.npz",
        "20251124-160000-stage-002.npz",
        "20251124-160500-left-001.npz",
        "20251124-160500-left-002.npz",
    ]


def test_full_disk_is_logged_once_and_queued_recordings_are_written_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = FakeDisk(failures=2)
    with caplog.at_level(logging.INFO, "dancetype.stream"):
        write_one_by_one(tmp_path, disk, [0, 300, 600])
    assert disk.attempts == [0, 0, 0, 300, 600]
    assert start_times(tmp_path) == [0, 300, 600]
    first, *others = (record.getMessage() for record in caplog.records)
    assert (
        first == f"recording_write_failed folder={str(tmp_path)!r} error='No space left on device'"
    )
    assert others == [
        f"recording_written path={str(path)!r}" for path in sorted(tmp_path.iterdir())
    ]


def test_queued_recording_is_written_once_the_folder_exists(tmp_path: Path) -> None:
    folder, disk = tmp_path / "usb", FakeDisk(failures=0)
    writer = RecordingWriter(folder, save=disk.save)
    writer.start()
    writer.put(recording(0))
    assert disk.attempted.wait(10)
    folder.mkdir()
    writer.close(10)
    assert start_times(folder) == [0]


def test_oldest_recording_is_dropped_and_logged_if_the_queue_is_full(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk = FakeDisk(failures=10**6)
    with caplog.at_level(logging.ERROR):
        write_one_by_one(tmp_path, disk, range(MAX_QUEUED + 2))
    logged = [record.getMessage() for record in caplog.records]
    assert sum("recording_dropped" in text for text in logged) == 2
    assert logged[-1] == f"recordings_lost folder={str(tmp_path)!r} count={MAX_QUEUED}"
    assert disk.attempts[-1] == 2
    assert list(tmp_path.iterdir()) == []


def test_hanging_disk_blocks_neither_put_nor_close(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saving, release = Event(), Event()

    def hang(recording: Recording, path: Path) -> None:
        saving.set()
        release.wait(10)

    writer = RecordingWriter(tmp_path, save=hang)
    writer.start()
    writer.put(recording(0))
    assert saving.wait(10)
    writer.put(recording(300))
    with caplog.at_level(logging.ERROR):
        closing = Thread(target=writer.close, args=(0.01,))
        closing.start()
        closing.join(5)
        assert not closing.is_alive()
    assert f"recordings_lost folder={str(tmp_path)!r} count=2" in caplog.text
    release.set()


def test_failed_recording_is_logged_and_does_not_affect_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def crash() -> Recording:
        raise RuntimeError("a bug")

    writer = RecordingWriter(tmp_path)
    writer.start()
    with caplog.at_level(logging.ERROR):
        writer.put(crash)
        writer.put(recording(0))
        writer.close(10)
    assert "a bug" in caplog.text
    assert start_times(tmp_path) == [0]
