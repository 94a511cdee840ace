"""Run `dancetype` and measure the CPU time of reading and of pose estimation.

Usage: python -m benchmarks.performance.meter FILE run --source ...

Twice a second a line of JSON with the CPU times so far is written to FILE. Calls are measured on
the threads that make them. Threads started by these calls are identified by name: they inherit the
name of their parent, or get one from FFmpeg or MediaPipe.
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
from dancetype.stream.sources.base import Frame

_TASKS: Final = Path("/proc/self/task")
_INTERVAL: Final = 0.5
_PREFIXES: Final = {"pose": ("pose", "mediapipe"), "read": ("read", "av:")}


class Meter:
    """CPU time of the parts `read`, `open` and `pose`."""

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(_PREFIXES, 0.0) | {"open": 0.0}
        self._calls = Counter[str]()
        self._callers: set[int] = set()
        self._lock = Lock()

    def name_thread(self, part: str) -> None:
        """Name the current thread, and thereby the threads it starts, after a part."""
        self._callers.add(get_native_id())
        (_TASKS / str(get_native_id()) / "comm").write_text(part)

    def measured(self, part: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function so that its CPU time is added to a part."""

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
        """Return CPU seconds and calls of each part, and CPU seconds of all threads except this."""
        with self._lock:
            seconds, calls = dict(self._seconds), dict(self._calls)
        for task in _TASKS.iterdir():
            # The thread may have ended in the meantime.
            with suppress(OSError):
                name = (task / "comm").read_text().strip()
                used = int((task / "schedstat").read_text().split()[0]) / 1e9
                for part, prefixes in _PREFIXES.items():
                    if name.startswith(prefixes) and int(task.name) not in self._callers:
                        seconds[part] += used
        counts = {f"{part}_calls": count for part, count in calls.items()}
        return {"all": time.process_time() - time.thread_time(), **seconds, **counts}

    def wrap(self, module: Any, function: str, thread: str, method: str) -> None:
        """Replace a function of a module so that a method of its result is measured.

        Args:
            module: Module of the function.
            function: Name of the function.
            thread: Name for the thread that calls the function, which is also the part.
            method: Name of the method of the result.
        """
        original = getattr(module, function)

        @wraps(original)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.name_thread(thread)
            call = self.measured("open", original) if thread == "read" else original
            result = call(*args, **kwargs)
            setattr(result, method, self.measured(thread, getattr(result, method)))
            return result

        # `dancetype run` imports the function only when it needs it, so it gets this one.
        setattr(module, function, wrapped)

    def write(self, file: Path) -> None:
        """Write snapshots to a file until the process ends."""
        with file.open("w", encoding="utf-8", buffering=1) as lines:
            while True:
                lines.write(json.dumps(self.snapshot()) + "\n")
                time.sleep(_INTERVAL)


if __name__ == "__main__":
    meter = Meter()
    meter.wrap(source_opening, "open_source", "read", "read")
    meter.wrap(pose_opening, "open_estimator", "pose", "people")
    # The pose thread converts the frames that it processes to images, which is a part of decoding.
    image = vars(Frame)["image"]
    image.func = meter.measured("read", image.func)
    Thread(target=meter.write, args=(Path(sys.argv.pop(1)),), daemon=True).start()
    main()
