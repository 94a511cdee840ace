"""Run the examples: import them as modules, or start them and read their output."""

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


def load_example(name: str) -> ModuleType:
    """Import `examples/<name>.py`."""
    return load_module(EXAMPLES / f"{name}.py")


def load_module(path: Path) -> ModuleType:
    """Import a Python file that is not part of a package."""
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    # `dataclass` looks up the module of its class.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Script:
    """Script that runs in a process while this is entered.

    Args:
        file: File to run.
        arguments: Command-line arguments.
        interpreter: Program that runs it.
        environment: Environment variables, in addition to those of this process.
    """

    def __init__(
        self, file: Path, *arguments: str, interpreter: str = sys.executable, **environment: str
    ) -> None:
        self._command = [interpreter, str(file), *arguments]
        self._environment = {**os.environ, "PYTHONUNBUFFERED": "1", **environment}
        self._lines = Queue[str]()

    def __enter__(self) -> Self:
        self.popen = subprocess.Popen(
            self._command,
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
        """Return the next line that contains one of `parts`, and discard the lines before it."""
        deadline = time.monotonic() + within
        discarded = []
        while (remaining := deadline - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=remaining)
            except Empty:
                break
            if any(part in line for part in parts):
                return line
            discarded.append(line)
        raise AssertionError(f"no line with {parts} within {within:g} s, only {discarded}")

    def _read(self) -> None:
        assert self.popen.stdout
        with self.popen.stdout as stdout:
            for line in stdout:
                self._lines.put(line.rstrip("\n"))
