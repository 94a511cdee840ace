"""`dancetype` with a meter about reading and about pose estimation, from outside.

Usage: python -m benchmarks.performance.meter FILE run --source ...

Adds a line of JSON to FILE twice a second: seconds of CPU time so far. What reading and pose
estimation use on the threads that ask for them is measured about the calls themselves; what they
use on threads of their own, by the names of these: a thread takes the name of the one that started
it, or has one from FFmpeg or MediaPipe. All the rest counts as the rest.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from pathlib import Path
from threading import Lock, Thread, get_native_id
from typing import Any, Final

import dancetype.engine.pose.opening
import dancetype.stream.sources.opening
from dancetype.cli import main

_TASKS: Final = Path("/proc/self/task")
_TICK: Final = 0.5
_PREFIXES: Final = {"pose": ("pose", "mediapipe"), "read": ("read", "av:")}


class Meter:
    """CPU time by part."""

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(_PREFIXES, 0.0) | {"open": 0.0}
        self._calls = Counter[str]()
        self._ours: set[int] = set()
        self._lock = Lock()

    def name_thread(self, part: str) -> None:
        """Names this thread, and so those that it will start, after a part."""
        self._ours.add(get_native_id())
        (_TASKS / str(get_native_id()) / "comm").write_text(part)

    def measured(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """`call`, measured."""

        @wraps(call)
        def measured(*args: Any, **kwargs: Any) -> Any:
            start = time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                used = time.thread_time() - start
                with self._lock:
                    self._seconds[part] += used
                    self._calls[part] += 1

        return measured

    def snapshot(self) -> dict[str, float]:
        """Seconds of all but the thread that asks, of each part; and how often it was called."""
        with self._lock:
            seconds, calls = dict(self._seconds), dict(self._calls)
        for task in _TASKS.iterdir():
            # It may have ended by now.
            with suppress(OSError):
                name = (task / "comm").read_text().strip()
                used = int((task / "schedstat").read_text().split()[0]) / 1e9
                for part, prefixes in _PREFIXES.items():
                    if name.startswith(prefixes) and int(task.name) not in self._ours:
                        seconds[part] += used
        counts = {f"{part}_calls": number for part, number in calls.items()}
        return {"all": time.process_time() - time.thread_time(), **seconds, **counts}


def meter(file: Path) -> None:
    """Measures whatever this process runs from now on."""
    meter = Meter()
    open_source = dancetype.stream.sources.opening.open_source
    open_estimator = dancetype.engine.pose.opening.open_estimator

    @wraps(open_source)
    def metered_source(*args: Any, **kwargs: Any) -> Any:
        meter.name_thread("read")
        source: Any = meter.measured("open", open_source)(*args, **kwargs)
        source.read = meter.measured("read", source.read)
        return source

    @wraps(open_estimator)
    def metered_estimator(*args: Any, **kwargs: Any) -> Any:
        meter.name_thread("pose")
        estimator: Any = open_estimator(*args, **kwargs)
        estimator.people = meter.measured("pose", estimator.people)
        return estimator

    # Both are imported where they are needed, so that a run finds these.
    dancetype.stream.sources.opening.open_source = metered_source
    dancetype.engine.pose.opening.open_estimator = metered_estimator

    def write() -> None:
        with file.open("w", encoding="utf-8", buffering=1) as lines:
            while True:
                lines.write(json.dumps(meter.snapshot()) + "\n")
                time.sleep(_TICK)

    Thread(target=write, daemon=True).start()


if __name__ == "__main__":
    meter(Path(sys.argv.pop(1)))
    main()
