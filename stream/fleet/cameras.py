"""Configuration of the cameras of a fleet, read from a TOML file."""

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from dancetype.engine.errors import SettingsError, SourceError
from dancetype.engine.text import decode_text
from dancetype.stream.pose_schedule import MAX_POSE_FPS
from dancetype.stream.settings import (
    INPUT_PANEL,
    MODELS_PANEL,
    OUTPUT_PANEL,
    Settings,
    describe_error,
    settings_of,
)
from dancetype.stream.sources.uri import SourceKind

_BROKER_SETTINGS: Final = settings_of("fleet", OUTPUT_PANEL)
# Without `seconds`: a camera runs until the fleet ends.
_CAMERA_SETTINGS: Final = (
    "source",
    *(name for name in settings_of("fleet", INPUT_PANEL, MODELS_PANEL) if name != "seconds"),
)
# Frames per second of pose estimation on one core, and the share of a core for decoding 30 frames
# per second.
_POSES_PER_CORE: Final = 30
_DECODING_CORES: Final = 0.25
_CORES_STEP: Final = 0.25


class _Extras(BaseModel):
    """Keys of a camera's table that are not settings of a run."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    cpus: float | None = Field(None, gt=0, le=1024)
    gpus: float = Field(0.0, ge=0, le=64)
    loop: bool = False

    @field_validator("gpus")
    @classmethod
    def _check_gpus(cls, value: float) -> float:
        if value > 1 and not value.is_integer():
            raise ValueError("must be a share of one GPU, up to 1, or a whole number of GPUs")
        return value


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera of a fleet.

    Attributes:
        name: Name of the source.
        settings: Settings of the run, with this source only.
        cpus: Number of cores to reserve.
        gpus: Number of GPUs to reserve.
        loop: Whether a file starts again after its end.
    """

    name: str
    settings: Settings
    cpus: float
    gpus: float = 0.0
    loop: bool = False

    @property
    def source_text(self) -> str:
        """Source as text, without credentials."""
        uri = self.settings.source[self.name]
        needs_prefix = uri.kind in (SourceKind.TEST, SourceKind.NDI) or uri.address.isdecimal()
        return f"{uri.kind.value}:{uri}" if needs_prefix else str(uri)


@dataclass(frozen=True, slots=True, eq=False)
class Assignment:
    """One process of a camera. Assignments compare by identity.

    Attributes:
        camera: The camera.
        epoch: First epoch of the messages; later processes of the camera have higher ones.
        avoid: Ids of machines that are used only if no other has enough free resources.
    """

    camera: Camera
    epoch: int
    avoid: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the camera."""
        return self.camera.name


def cores_for(pose_fps: float | None) -> float:
    """Return the number of cores for a camera with one dancer, rounded up to quarters.

    Pose estimation has one thread, so the result is at most 1.
    """
    cores = _DECODING_CORES + (pose_fps or math.inf) / _POSES_PER_CORE
    return math.ceil(min(cores, 1.0) / _CORES_STEP) * _CORES_STEP


def parse_cameras(text: str, base: Settings) -> dict[str, Camera]:
    """Return the cameras in the tables `[defaults]` and `[cameras.NAME]`, by name.

    Args:
        text: TOML document.
        base: Settings to use if neither table contains them.

    Raises:
        SettingsError: `text` is not TOML, or a key or value is invalid.
    """
    try:
        document = tomllib.loads(text)
    # tomllib raises more than TOMLDecodeError, for long numbers and deeply nested tables.
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"not TOML: {error}") from error
    if unknown := sorted(document.keys() - {"defaults", "cameras"}):
        raise SettingsError(f"unknown table {unknown[0]!r}: use [defaults] and [cameras.NAME]")
    defaults, tables = document.get("defaults", {}), document.get("cameras", {})
    if not isinstance(defaults, dict) or not isinstance(tables, dict):
        raise SettingsError("defaults and cameras must be tables: [defaults], [cameras.NAME]")
    if not tables:
        raise SettingsError('no cameras: write [cameras.NAME] and source = "rtsp://..." below it')
    _check_keys("defaults", defaults, settings=_CAMERA_SETTINGS[1:])
    return {name: _camera(name, table, defaults, base) for name, table in tables.items()}


def _camera(name: str, table: Any, defaults: Mapping[str, Any], base: Settings) -> Camera:
    key_path = f"cameras.{name}"
    if not isinstance(table, dict) or "source" not in table:
        raise SettingsError(f'{key_path}: must be a table with source = "..."')
    _check_keys(key_path, table, settings=_CAMERA_SETTINGS)
    values = {**defaults, **table}
    try:
        extras = _Extras(**{key: values.pop(key) for key in _Extras.model_fields if key in values})
        if extras.gpus:
            values.setdefault("device", "cuda")
        values["source"] = {name: values["source"]}
        # Cameras do not get other settings, such as the token of the page.
        inherited = {*_CAMERA_SETTINGS[1:], *_BROKER_SETTINGS} & base.model_fields_set
        settings = Settings(**{**{key: getattr(base, key) for key in inherited}, **values})
    except SourceError as error:
        raise SettingsError(f"{key_path}.source: {error}") from error
    except ValidationError as error:
        raise SettingsError(f"{key_path}.{describe_error(error)}") from error
    pose_fps = settings.fixed_pose_fps or (None if settings.every_frame else MAX_POSE_FPS)
    cpus = extras.cpus or cores_for(pose_fps)
    return Camera(name, settings, cpus=cpus, gpus=extras.gpus, loop=extras.loop)


def _check_keys(key_path: str, table: Mapping[str, Any], *, settings: tuple[str, ...]) -> None:
    keys = (*settings, *_Extras.model_fields)
    if unknown := [key for key in table if key not in keys]:
        raise SettingsError(f"{key_path}: unknown key {unknown[0]!r}: use {', '.join(keys)}")


class CamerasFile:
    """Cameras file, which may be edited while the fleet runs.

    Args:
        path: Path of the file.
        base: Settings to use if the file does not contain them.
        read: Function that reads the file.

    Attributes:
        error: Reason why the file is currently invalid; None if it is valid.
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
        """Return the cameras in the file.

        Raises:
            SettingsError: The file cannot be read, or is invalid.
        """
        self._latest = self._accepted = self._read_bytes()
        return self._parse(self._latest)

    def reload(self) -> dict[str, Camera] | None:
        """Return the cameras if the file has changed, and set `error` if it has become invalid.

        A change takes effect when two consecutive calls read the same content, since an editor may
        still be writing.
        """
        try:
            content = self._read_bytes()
            is_complete, self._latest = content == self._latest, content
            if not is_complete or content == self._accepted:
                return None
            self._accepted = content
            cameras = self._parse(content)
        except SettingsError as error:
            self.error = str(error)
            return None
        self.error = None
        return cameras

    def _read_bytes(self) -> bytes:
        try:
            return self._read(self._path)
        except OSError as error:
            self._latest = self._accepted = None
            raise SettingsError(f"{self._path}: cannot be read: {error.strerror}") from error

    def _parse(self, content: bytes) -> dict[str, Camera]:
        try:
            return parse_cameras(decode_text(content), self._base)
        except (SettingsError, ValueError) as error:
            raise SettingsError(f"{self._path}: {error}") from error
