"""`dancetype` with a meter around reading and around pose estimation.

Usage: python -m benchmarks.performance.meter FILE run --source ...

Twice a second it adds a line of JSON to FILE: seconds of CPU time so far. The calls are measured on
the threads that make them. The threads that they start are found by name, which is that of the
thread that starts them, or one given by FFmpeg or MediaPipe.
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

import dancetype.engine.pose.opening as pose_opening
import dancetype.stream.sources.opening as source_opening
from dancetype.cli import main

_TASKS: Final = Path("/proc/self/task")
_TICK: Final = 0.5
_PREFIXES: Final = {"pose": ("pose", "mediapipe"), "read": ("read", "av:")}


class Meter:
    """CPU time by part."""

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(_PREFIXES, 0.0) | {"open": 0.0}
        self._calls = Counter[str]()
        self._callers: set[int] = set()
        self._lock = Lock()

    def name_thread(self, part: str) -> None:
        """Name this thread, and the threads that it will start, after a part."""
        self._callers.add(get_native_id())
        (_TASKS / str(get_native_id()) / "comm").write_text(part)

    def measured(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return `call`, whose CPU time is added to a part."""

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
        """Return seconds of all threads but this one and of each part, and numbers of calls."""
        with self._lock:
            seconds, calls = dict(self._seconds), dict(self._calls)
        for task in _TASKS.iterdir():
            # The thread may have ended by now.
            with suppress(OSError):
                name = (task / "comm").read_text().strip()
                used = int((task / "schedstat").read_text().split()[0]) / 1e9
                for part, prefixes in _PREFIXES.items():
                    if name.startswith(prefixes) and int(task.name) not in self._callers:
                        seconds[part] += used
        counts = {f"{part}_calls": number for part, number in calls.items()}
        return {"all": time.process_time() - time.thread_time(), **seconds, **counts}

    def wrap(self, module: Any, function: str, thread: str, method: str) -> None:
        """Measure `method` of what a module's function opens, on a thread that is named for it."""
        opened = getattr(module, function)

        @wraps(opened)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.name_thread(thread)
            call = self.measured("open", opened) if thread == "read" else opened
            found = call(*args, **kwargs)
            setattr(found, method, self.measured(thread, getattr(found, method)))
            return found

        # Imported where it is needed, so that a run finds this one.
        setattr(module, function, wrapped)

    def write(self, file: Path) -> None:
        """Write snapshots to a file without end."""
        with file.open("w", encoding="utf-8", buffering=1) as lines:
            while True:
                lines.write(json.dumps(self.snapshot()) + "\n")
                time.sleep(_TICK)


if __name__ == "__main__":
    meter = Meter()
    meter.wrap(source_opening, "open_source", "read", "read")
    meter.wrap(pose_opening, "open_estimator", "pose", "people")
    Thread(target=meter.write, args=(Path(sys.argv.pop(1)),), daemon=True).start()
    main()
