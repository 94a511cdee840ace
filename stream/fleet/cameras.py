"""The cameras of a fleet, read from a TOML file."""

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from dancetype.engine.errors import SettingsError, SourceError
from dancetype.stream.settings import (
    INPUT_PANEL,
    MODELS_PANEL,
    OUTPUT_PANEL,
    Settings,
    describe_error,
    settings_of,
)
from dancetype.stream.sources.uri import SourceKind

_BROKER: Final = settings_of("fleet", OUTPUT_PANEL)
# A camera runs until the fleet ends.
_SETTINGS: Final = (
    "source",
    *(name for name in settings_of("fleet", INPUT_PANEL, MODELS_PANEL) if name != "seconds"),
)
# Frames per second of pose estimation on one core, and the share of a core that decodes 30 of them.
_POSES_PER_CORE: Final = 30
_DECODING: Final = 0.25
_STEP: Final = 0.25


class _Extras(BaseModel):
    """Keys of a camera that are not settings of a run."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    cpus: float | None = Field(None, gt=0, le=1024)
    gpus: float = Field(0.0, ge=0, le=64)
    loop: bool = False

    @field_validator("gpus")
    @classmethod
    def _check_share(cls, value: float) -> float:
        if value > 1 and not value.is_integer():
            raise ValueError("takes a share of one GPU, up to 1, or a whole number of them")
        return value


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera of a fleet.

    Attributes:
        name: Name of its source.
        settings: Settings of its run, with this source alone.
        cpus: Cores that it takes of a machine.
        gpus: GPUs that it takes of a machine.
        loop: Whether a file that has ended starts over.
    """

    name: str
    settings: Settings
    cpus: float
    gpus: float = 0.0
    loop: bool = False

    @property
    def shown(self) -> str:
        """Source of its frames, without credentials."""
        uri = self.settings.source[self.name]
        brief = uri.kind in (SourceKind.WEBCAM, SourceKind.TEST)
        return f"{uri.kind.value}:{uri}" if brief else str(uri)


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """One process of a camera; equal to no other one of the same camera.

    Attributes:
        camera: The camera.
        epoch: First epoch of its messages; later processes of the camera get greater ones.
        avoid: Ids of the machines to use only if no other one has room.
    """

    camera: Camera
    epoch: int
    avoid: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the camera."""
        return self.camera.name


def cores_for(pose_fps: float | None) -> float:
    """Return the cores for a camera with one dancer, in quarters; one thread estimates poses."""
    share = _DECODING + (pose_fps or math.inf) / _POSES_PER_CORE
    return math.ceil(min(share, 1.0) / _STEP) * _STEP


def parse_cameras(text: str, base: Settings) -> dict[str, Camera]:
    """Read the tables `[defaults]` and `[cameras.NAME]`.

    Args:
        text: TOML.
        base: Settings that apply if neither table has them.

    Raises:
        SettingsError: It is not TOML, or a key or value is invalid.
    """
    try:
        document = tomllib.loads(text)
    # tomllib also raises errors of other classes for long numbers and deeply nested tables.
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"not TOML: {error}") from error
    if unknown := sorted(document.keys() - {"defaults", "cameras"}):
        raise SettingsError(f"there is no table {unknown[0]!r}; there are defaults and cameras")
    defaults, tables = document.get("defaults", {}), document.get("cameras", {})
    if not isinstance(defaults, dict) or not isinstance(tables, dict):
        raise SettingsError("defaults and cameras are tables: write [defaults], [cameras.NAME]")
    if not tables:
        raise SettingsError('no camera: write [cameras.NAME] and source = "rtsp://..." below it')
    _check_keys("defaults", defaults, settings=_SETTINGS[1:])
    return {name: _camera(name, table, defaults, base) for name, table in tables.items()}


def _camera(name: str, table: Any, defaults: Mapping[str, Any], base: Settings) -> Camera:
    where = f"cameras.{name}"
    if not isinstance(table, dict) or "source" not in table:
        raise SettingsError(f'{where}: takes source = "...", in a table of its own')
    _check_keys(where, table, settings=_SETTINGS)
    own = {**defaults, **table}
    try:
        extras = _Extras(**{key: own.pop(key) for key in _Extras.model_fields if key in own})
        if extras.gpus:
            own.setdefault("device", "cuda")
        own["source"] = {name: own["source"]}
        # The cameras need no other settings, such as the token of the page.
        names = {*_SETTINGS[1:], *_BROKER} & base.model_fields_set
        settings = Settings(**{**{key: getattr(base, key) for key in names}, **own})
    except SourceError as error:
        raise SettingsError(f"{where}.source: {error}") from error
    except ValidationError as error:
        raise SettingsError(f"{where}.{describe_error(error)}") from error
    cpus = extras.cpus or cores_for(settings.pose_fps)
    return Camera(name, settings, cpus=cpus, gpus=extras.gpus, loop=extras.loop)


def _check_keys(where: str, table: Mapping[str, Any], *, settings: tuple[str, ...]) -> None:
    keys = (*settings, *_Extras.model_fields)
    if unknown := [key for key in table if key not in keys]:
        raise SettingsError(f"{where}: there is no {unknown[0]!r}; there are {', '.join(keys)}")


class CamerasFile:
    """A file of cameras that may be edited while they run.

    Args:
        base: Settings that apply if the file does not have them.

    Attributes:
        error: Why the file is invalid now; None if it is valid.
    """

    def __init__(
        self, path: Path, base: Settings, *, read: Callable[[Path], bytes] = Path.read_bytes
    ) -> None:
        self.error: str | None = None
        self._path = path
        self._base = base
        self._read = read
        self._latest: bytes | None = None
        self._accepted: bytes | None = None

    def load(self) -> dict[str, Camera]:
        """Return the current cameras.

        Raises:
            SettingsError: The file cannot be read, or is invalid.
        """
        self._latest = self._accepted = self._bytes()
        return self._parsed(self._latest)

    def look(self) -> dict[str, Camera] | None:
        """Return the cameras if they have changed, and set `error` if the change is invalid.

        A change counts once two calls find the same content: an editor may still be writing.
        """
        try:
            now = self._bytes()
            settled, self._latest = now == self._latest, now
            if not settled or now == self._accepted:
                return None
            self._accepted = now
            cameras = self._parsed(now)
        except SettingsError as error:
            self.error = str(error)
            return None
        self.error = None
        return cameras

    def _bytes(self) -> bytes:
        try:
            return self._read(self._path)
        except OSError as error:
            self._latest = self._accepted = None
            raise SettingsError(f"{self._path}: cannot be read: {error.strerror}") from error

    def _parsed(self, content: bytes) -> dict[str, Camera]:
        try:
            return parse_cameras(content.decode(), self._base)
        except UnicodeDecodeError as error:
            raise SettingsError(f"{self._path}: not UTF-8") from error
        except SettingsError as error:
            raise SettingsError(f"{self._path}: {error}") from error
