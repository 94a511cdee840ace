"""Examples as modules, and as processes that are read along."""

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from types import ModuleType
from typing import Final, Self

EXAMPLES: Final = Path(__file__).parents[2] / "examples"


def load(name: str) -> ModuleType:
    """The module of `examples/<name>.py`, which is in no package."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Script:
    """A Python file that runs while this is entered.

    Args:
        file: to run.
        words: after its name.
        environment: variables, besides those of this process.
    """

    def __init__(self, file: Path, *words: str, **environment: str) -> None:
        self._line = [sys.executable, str(file), *words]
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
        self._lines = Queue[str]()

    def __enter__(self) -> Self:
        self.popen = subprocess.Popen(
            self._line,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            text=True,
        )
        self._reader = Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.popen.kill()
        self.popen.wait(10)
        self._reader.join(10)

    def line(self, *parts: str, within: float) -> str:
        """The next line that holds one of `parts`; those before it are left out."""
        deadline = time.monotonic() + within
        passed = []
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=left)
            except Empty:
                break
            if any(part in line for part in parts):
                return line
            passed.append(line)
        raise AssertionError(f"none of {parts} within {within:g} s, but {passed}")

    def _read(self) -> None:
        assert self.popen.stdout
        with self.popen.stdout as stdout:
            for line in stdout:
                self._lines.put(line.rstrip("\n"))
