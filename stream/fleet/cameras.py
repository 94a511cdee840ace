"""What a fleet is to look at, as its file says it."""

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from dancetype.engine.errors import SettingsError, SourceError
from dancetype.stream.settings import Settings, explained
from dancetype.stream.sources.uri import SourceKind

_LOOK: Final = (
    "source",
    "people",
    "hop",
    "stall",
    "model",
    "device",
    "variant",
    "pose_model",
    "pose_runtime",
    "pose_fps",
)
_BROKER: Final = ("mqtt", "mqtt_ca", "mqtt_client_id", "homeassistant")
# Frames a second that a core poses, and the share of one that decodes 30 a second.
_POSED_BY_A_CORE: Final = 30
_DECODING: Final = 0.25
_STEP: Final = 0.25


class _Place(BaseModel):
    """What a camera takes of a machine, and what else is no setting of a run."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    cpus: float | None = Field(None, gt=0, le=1024)
    gpus: float = Field(0.0, ge=0, le=64)
    loop: bool = False

    @field_validator("gpus")
    @classmethod
    def _is_a_share_or_whole(cls, value: float) -> float:
        if value > 1 and not value.is_integer():
            raise ValueError("takes a share of one GPU, up to 1, or a whole number of them")
        return value


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera of a fleet.

    Attributes:
        name: its source's.
        settings: of its run, with `source` being itself alone.
        cpus: cores that it takes of a machine.
        gpus: of these.
        loop: whether a file that has ended starts over.
    """

    name: str
    settings: Settings
    cpus: float
    gpus: float = 0.0
    loop: bool = False

    @property
    def shown(self) -> str:
        """Where its frames come from, without credentials."""
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
    """Cores to reckon with for a camera with one dancer, in quarters.

    Poses are found on one thread, so that one core is the most.
    """
    share = _DECODING + (pose_fps or math.inf) / _POSED_BY_A_CORE
    return math.ceil(min(share, 1.0) / _STEP) * _STEP


def parse_cameras(text: str, base: Settings) -> dict[str, Camera]:
    """Reads the tables `[defaults]` and `[cameras.NAME]`.

    Args:
        text: TOML.
        base: what holds for a camera where neither table says anything.

    Raises:
        SettingsError: it is not TOML, or a table holds what it cannot.
    """
    try:
        document = tomllib.loads(text)
    # Besides its own error, tomllib lets through those of long numbers and of tables in tables.
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"not TOML: {error}") from error
    if unknown := sorted(document.keys() - {"defaults", "cameras"}):
        raise SettingsError(f"there is no table {unknown[0]!r}; there are defaults and cameras")
    defaults, tables = document.get("defaults", {}), document.get("cameras", {})
    if not isinstance(defaults, dict) or not isinstance(tables, dict):
        raise SettingsError("defaults and cameras are tables: write [defaults], [cameras.NAME]")
    if not tables:
        raise SettingsError('no camera: write [cameras.NAME] and source = "rtsp://..." below it')
    _check_keys("defaults", defaults, taken=_LOOK[1:])
    return {name: _camera(name, table, defaults, base) for name, table in tables.items()}


def _camera(name: str, table: Any, defaults: Mapping[str, Any], base: Settings) -> Camera:
    where = f"cameras.{name}"
    if not isinstance(table, dict) or "source" not in table:
        raise SettingsError(f'{where}: takes source = "...", in a table of its own')
    _check_keys(where, table, taken=_LOOK)
    own = {**defaults, **table}
    try:
        place = _Place(**{key: own.pop(key) for key in _Place.model_fields if key in own})
        if place.gpus:
            own.setdefault("device", "cuda")
        own["source"] = {name: own["source"]}
        settings = Settings(**{**_given(base), **own})
    except SourceError as error:
        raise SettingsError(f"{where}.source: {error}") from error
    except ValidationError as error:
        raise SettingsError(f"{where}.{explained(error)}") from error
    cpus = place.cpus or cores_for(settings.pose_fps)
    return Camera(name, settings, cpus=cpus, gpus=place.gpus, loop=place.loop)


def _check_keys(where: str, table: Mapping[str, Any], *, taken: tuple[str, ...]) -> None:
    keys = (*taken, *_Place.model_fields)
    if unknown := [key for key in table if key not in keys]:
        raise SettingsError(f"{where}: there is no {unknown[0]!r}; there are {', '.join(keys)}")


def _given(base: Settings) -> dict[str, Any]:
    """What is set for all cameras; of the page's token and the like they need not know."""
    names = {*_LOOK[1:], *_BROKER} & base.model_fields_set
    return {name: getattr(base, name) for name in names}


class CamerasFile:
    """A file of cameras that may be edited while they run.

    Args:
        path: of the file.
        base: as `parse_cameras` takes it.
        read: gives what stands in a file.

    Attributes:
        error: what is wrong with it now; None where nothing is.
    """

    def __init__(
        self, path: Path, base: Settings, *, read: Callable[[Path], bytes] = Path.read_bytes
    ) -> None:
        self.error: str | None = None
        self._path = path
        self._base = base
        self._read = read
        self._seen: bytes | None = None
        self._taken: bytes | None = None

    def load(self) -> dict[str, Camera]:
        """The cameras as they are now.

        Raises:
            SettingsError: it cannot be read, or makes no sense.
        """
        self._seen = self._taken = self._bytes()
        return self._parsed(self._seen)

    def look(self) -> dict[str, Camera] | None:
        """The cameras where they have changed, and `error` where the change makes no sense.

        A change counts once a second look finds the same: an editor may still be writing.
        """
        try:
            now = self._bytes()
            settled, self._seen = now == self._seen, now
            if not settled or now == self._taken:
                return None
            self._taken = now
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
            self._seen = self._taken = None
            raise SettingsError(f"{self._path}: cannot be read: {error.strerror}") from error

    def _parsed(self, content: bytes) -> dict[str, Camera]:
        try:
            return parse_cameras(content.decode(), self._base)
        except UnicodeDecodeError as error:
            raise SettingsError(f"{self._path}: not UTF-8") from error
        except SettingsError as error:
            raise SettingsError(f"{self._path}: {error}") from error
