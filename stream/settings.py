"""Settings of a run, from flags, environment variables, credentials and a TOML file."""

import os
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, SettingsConfigDict

from dancetype.engine.defaults import DEFAULT_HOP, DEFAULT_RUNTIME, Device, PoseRuntime
from dancetype.engine.errors import SettingsError, SourceError, first_line
from dancetype.engine.media.transform import Crop, Flip, Transform
from dancetype.engine.text import read_text
from dancetype.stream.sources.listing import parse_sources
from dancetype.stream.sources.transform import by_source, parse_crop, parse_flip, parse_rotate
from dancetype.stream.sources.uri import SourceUri

# The event loop can wait for 512 sockets on Windows.
_MAX_CLIENTS: Final = 400 if sys.platform == "win32" else 10_000
# Fields of `Transform`.
_TRANSFORM_KEYS: Final = ("rotate", "flip", "crop")

Variant = Literal["lite", "full", "heavy"]
PoseFps = float | Literal["auto"]


@dataclass(frozen=True, slots=True)
class Flag:
    """Appearance of a setting on the command line; its help is the setting's docstring.

    Attributes:
        panel: Heading that the flag is listed under.
        commands: Commands that have the flag.
        metavar: Placeholder for the value in the help.
    """

    panel: str
    commands: frozenset[str]
    metavar: str | None = None


INPUT_PANEL: Final = "Sources and predictions"
SERVER_PANEL: Final = "Web server"
OUTPUT_PANEL: Final = "MQTT, OSC and files"
MODELS_PANEL: Final = "Models"

# Commands by the settings that they need.
_LOCAL: Final = frozenset({"run", "demo"})
_WITH_SINKS: Final = _LOCAL | {"replay"}
_LIVE: Final = _WITH_SINKS | {"fleet"}
_WITH_SERVER: Final = _LIVE | {"doctor"}
_WITH_SOURCES: Final = _LOCAL | {"fleet"}
_WITH_CLIPS: Final = frozenset({"classify", "label"})
_WITH_IMAGES: Final = _WITH_CLIPS | {"run", "fleet", "record"}
_WITH_CLASSIFIER: Final = _LIVE | _WITH_CLIPS | {"doctor"}
_BROWSER: Final = frozenset({"browser"})
_WITH_POSES: Final = _WITH_SOURCES | _WITH_CLIPS | {"record", "doctor"}


def _split_at_commas(value: Any) -> Any:
    """Split the text of an environment variable into items; return other values unchanged."""
    return (
        tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value
    )


def _check_pose_fps(value: Any) -> Any:
    try:
        valid = value == "auto" or 1 <= float(value) <= 240
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError(f"{value!r} is neither a number from 1 to 240 nor auto")
    return value


class Settings(BaseSettings):
    """All settings of `dancetype run`; other commands have some of them."""

    model_config = SettingsConfigDict(
        env_prefix="DANCETYPE_",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    source: Annotated[
        dict[str, SourceUri],
        NoDecode,
        BeforeValidator(parse_sources),
        Field(repr=False),
        Flag(INPUT_PANEL, frozenset({"run"}), "[NAME=]URI"),
    ] = {}
    """Webcam number, webcam:NAME, URL (rtsp, http, rtmp, srt or udp), ndi:NAME, path of a video
    file, device or pipe, or test: for a test pattern. Repeatable."""
    host: Annotated[str, Flag(SERVER_PANEL, _WITH_SERVER, "ADDRESS")] = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535), Flag(SERVER_PANEL, _WITH_SERVER, "PORT")] = 8765
    """Port to listen on; 0 picks a free one."""
    serve: Annotated[bool, Flag(SERVER_PANEL, _LIVE)] = True
    """Serve the web pages and the WebSocket."""
    token: Annotated[SecretStr | None, Field(repr=False), Flag(SERVER_PANEL, _LIVE, "TOKEN")] = None
    """Token required from clients, at least 16 characters. Prefer the environment variable
    DANCETYPE_TOKEN: other users can see the command line."""
    insecure: Annotated[bool, Flag(SERVER_PANEL, _LIVE)] = False
    """Allow unauthenticated clients on a non-local --host."""
    allow_origin: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(_split_at_commas),
        Flag(SERVER_PANEL, _LIVE, "ORIGIN"),
    ] = ()
    """Origin of a website whose pages may connect, such as https://desk.example. Repeatable."""
    max_clients: Annotated[
        int, Field(ge=1, le=_MAX_CLIENTS), Flag(SERVER_PANEL, _WITH_SINKS, "N")
    ] = 256
    """Maximum number of WebSocket clients."""
    tls_cert: Annotated[Path | None, Flag(SERVER_PANEL, _LIVE, "PEM")] = None
    """Certificate chain file, to serve https and wss."""
    tls_key: Annotated[Path | None, Flag(SERVER_PANEL, _LIVE, "PEM")] = None
    """Private key file, unless --tls-cert contains the key."""
    preview: Annotated[bool, Flag(SERVER_PANEL, _LOCAL)] = False
    """Show small live images of the sources on the dashboard."""
    browser_page: Annotated[Path | None, Flag(SERVER_PANEL, _WITH_SINKS, "DIR")] = None
    """Folder written by `dancetype browser`, to be served at /try."""
    mqtt: Annotated[str | None, Field(repr=False), Flag(OUTPUT_PANEL, _LIVE, "URL")] = None
    """MQTT broker, such as mqtt://user:password@host."""
    mqtt_ca: Annotated[Path | None, Flag(OUTPUT_PANEL, _LIVE, "PEM")] = None
    """CA certificate file for mqtts:// (default: the system's certificates)."""
    mqtt_client_id: Annotated[
        str | None, Field(min_length=1, max_length=64), Flag(OUTPUT_PANEL, _LIVE, "NAME")
    ] = None
    """Prefix of the MQTT client IDs; the name of each source is appended."""
    homeassistant: Annotated[bool, Flag(OUTPUT_PANEL, _LIVE)] = False
    """Announce the sources to Home Assistant; requires --mqtt."""
    osc: Annotated[str | None, Flag(OUTPUT_PANEL, _WITH_SINKS, "HOST:PORT")] = None
    """Host and UDP port to send OSC messages to."""
    jsonl: Annotated[Path | None, Flag(OUTPUT_PANEL, _WITH_SINKS, "FILE")] = None
    """File to append messages to, one JSON object per line."""
    record: Annotated[Path | None, Flag(OUTPUT_PANEL, _LOCAL, "DIR")] = None
    """Folder for recordings of joints and predictions; images are never recorded."""
    people: Annotated[int, Field(ge=1, le=6), Flag(INPUT_PANEL, _LIVE, "N")] = 1
    """Maximum number of dancers to track in each source."""
    stall: Annotated[float, Field(ge=0.5, le=60), Flag(INPUT_PANEL, _WITH_SOURCES, "SECONDS")] = 2.0
    """Seconds without a frame after which a live source counts as stalled."""
    hop: Annotated[float, Field(ge=0.02, le=10), Flag(INPUT_PANEL, _LIVE, "SECONDS")] = DEFAULT_HOP
    """Seconds between predictions."""
    rotate: Annotated[
        dict[str, int],
        NoDecode,
        BeforeValidator(by_source(parse_rotate)),
        Flag(INPUT_PANEL, _WITH_IMAGES, "[NAME=]DEGREES"),
    ] = {}
    """Turn the image of a source clockwise by 0, 90, 180 or 270 degrees. Without NAME, the image of
    each source or clip. Repeatable."""
    flip: Annotated[
        dict[str, Flip | None],
        NoDecode,
        BeforeValidator(by_source(parse_flip)),
        Flag(INPUT_PANEL, _WITH_IMAGES, "[NAME=]horizontal|vertical"),
    ] = {}
    """Mirror the image of a source after --rotate; horizontal exchanges left and right. Without
    NAME, the image of each source or clip. Repeatable."""
    crop: Annotated[
        dict[str, Crop],
        NoDecode,
        BeforeValidator(by_source(parse_crop)),
        Flag(INPUT_PANEL, _WITH_IMAGES, "[NAME=]X,Y,WIDTH,HEIGHT"),
    ] = {}
    """Use only a part of the image of a source, in pixels after --rotate and --flip. Without NAME,
    of each source or clip. Repeatable."""
    model: Annotated[Path | None, Flag(MODELS_PANEL, _WITH_CLASSIFIER | _BROWSER, "FILE")] = None
    """Genre model, an ONNX file (default: the one in the package)."""
    device: Annotated[Device, Flag(MODELS_PANEL, _WITH_CLASSIFIER)] = "auto"
    """Device that runs the genre model."""
    variant: Annotated[Variant, Flag(MODELS_PANEL, _WITH_POSES | _BROWSER | {"pull"})] = "full"
    """Size of the pose model."""
    pose_runtime: Annotated[PoseRuntime, Flag(MODELS_PANEL, _WITH_POSES)] = DEFAULT_RUNTIME
    """Library that runs the pose model."""
    pose_fps: Annotated[
        PoseFps,
        BeforeValidator(_check_pose_fps),
        Flag(INPUT_PANEL, _WITH_SOURCES | _WITH_CLIPS, "FPS|auto"),
    ] = "auto"
    """Maximum frames per second to estimate poses in, from 1 to 240. With auto, live runs use 15,
    and down to 8 while the machine is short of time; `classify` and `label` use all frames."""
    every_frame: Annotated[bool, Flag(INPUT_PANEL, _WITH_SOURCES)] = False
    """Estimate poses in all frames, unless --pose-fps is a number, and wait for each frame of a
    file, even if its latency grows."""
    pose_model: Annotated[Path | None, Flag(MODELS_PANEL, _WITH_POSES | _BROWSER, "FILE")] = None
    """Custom pose model file, used instead of --variant."""
    seconds: Annotated[
        float | None, Field(gt=0), Flag(INPUT_PANEL, _LIVE | {"record"}, "SECONDS")
    ] = None
    """Duration in seconds (default: no limit)."""

    @property
    def fixed_pose_fps(self) -> float | None:
        """Value of `pose_fps` if it is a number; None if it is auto."""
        return None if self.pose_fps == "auto" else self.pose_fps

    def transform(self, source: str) -> Transform:
        """Return the changes to the images of a source."""
        settings = {key: getattr(self, key) for key in _TRANSFORM_KEYS}
        # "" stands for the sources without a value.
        values = {key: names.get(source, names.get("")) for key, names in settings.items()}
        return Transform(**{key: value for key, value in values.items() if value})

    @property
    def clip_transform(self) -> Transform:
        """Changes to the images of clips, which are those of all sources.

        Raises:
            SettingsError: The changes are for a source that is not in the settings either.
        """
        for key in _TRANSFORM_KEYS:
            if not self.source and (names := getattr(self, key).keys() - {""}):
                raise SettingsError(f"{key}: clips have no names; leave out '{min(names)}='")
        return self.transform("")


_SHOWABLE: Final = {name for name, field in Settings.model_fields.items() if field.repr}
"""Settings whose values cannot contain a password; the others are declared with `repr=False`."""

_CREDENTIALS: Final = Settings.model_fields.keys() - _SHOWABLE
"""Settings that can also be read from files of the service manager."""


def flag_of(field: FieldInfo) -> Flag:
    """Return the command-line flag of a setting."""
    return next(item for item in field.metadata if isinstance(item, Flag))


def settings_of(command: str, *panels: str) -> tuple[str, ...]:
    """Return the names of a command's settings, limited to `panels` if any are given."""
    flags = {name: flag_of(field) for name, field in Settings.model_fields.items()}
    return tuple(
        name
        for name, flag in flags.items()
        if command in flag.commands and (not panels or flag.panel in panels)
    )


def load_settings(flags: Mapping[str, Any], *, config: Path | None = None) -> Settings:
    """Merge flags, environment variables, credentials and a TOML file, in this order of precedence.

    Credentials are the files `dancetype_token`, `dancetype_mqtt` and `dancetype_source` in the
    folder `$CREDENTIALS_DIRECTORY`, which systemd creates.

    Args:
        flags: Values by setting. The value of an omitted flag is None, or an empty sequence if it
            is repeatable.
        config: Path of the TOML file; none is read if None.

    Raises:
        SettingsError: The file cannot be read, a key is unknown, or a value is invalid.
    """
    table = {} if config is None else _without_source_tables(_read(config))
    set_flags = {name: value for name, value in flags.items() if value not in (None, [], ())}
    try:
        environment = EnvSettingsSource(Settings)()
        settings = Settings(**{**table, **_read_credentials(), **environment, **set_flags})
    except SourceError as error:
        raise SettingsError(f"source: {error}") from error
    except ValidationError as error:
        raise SettingsError(describe_error(error, config)) from error
    for key in _TRANSFORM_KEYS:
        unknown = getattr(settings, key).keys() - {"", *settings.source}
        # The sources of a fleet are in another file.
        if settings.source and unknown:
            names = ", ".join(settings.source)
            raise SettingsError(f"{key}: no source has the name {min(unknown)!r}; use {names}")
    return settings


def _without_source_tables(table: dict[str, Any]) -> dict[str, Any]:
    """Move the keys of tables such as `[source.stage]` to the settings of the same name."""
    sources = table.get("source")
    if not isinstance(sources, dict):
        return table
    uris: dict[str, Any] = {}
    moved: dict[str, dict[str, Any]] = {key: {} for key in _TRANSFORM_KEYS}
    for name, value in sources.items():
        options = dict(value) if isinstance(value, dict) else {"uri": value}
        uris[name] = options.pop("uri", None)
        for key, option in options.items():
            if key not in moved:
                raise SettingsError(
                    f"source.{name}: unknown key {key!r}; use uri, {', '.join(_TRANSFORM_KEYS)}"
                )
            moved[key][name] = option
    used = {key: values for key, values in moved.items() if values}
    if both := sorted(used.keys() & table.keys()):
        raise SettingsError(f"{both[0]}: given for a source and separately; use one of the two")
    return {**table, "source": uris, **used}


def _read_credentials() -> dict[str, str]:
    """Return the settings in the files of the service manager.

    Raises:
        SettingsError: A file cannot be read.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if not folder:
        return {}
    values = {}
    for name in _CREDENTIALS:
        file = Path(folder, f"dancetype_{name}")
        try:
            values[name] = read_text(file).strip()
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise SettingsError(f"{file}: cannot be read: {first_line(error)}") from error
    return values


def _read(config: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_text(config))
    except FileNotFoundError:
        raise SettingsError(f"{config}: no such file") from None
    except OSError as error:
        raise SettingsError(f"{config}: cannot be read: {error.strerror}") from error
    # For long numbers and deeply nested tables, tomllib raises more than TOMLDecodeError.
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{config}: not TOML: {error}") from error


def describe_error(error: ValidationError, config: Path | None = None) -> str:
    """Describe the first problem in one line; values that may contain a password are left out."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    # Only a file can have an unknown key.
    if first["type"] == "extra_forbidden":
        return (
            f"{config}: unknown setting {key!r}; known settings: {', '.join(Settings.model_fields)}"
        )
    if first["type"] == "value_error" or key not in _SHOWABLE:
        return f"{key}: {first['msg'].removeprefix('Value error, ')}"
    return f"{key}: {first['msg']}, not {first['input']!r}"
