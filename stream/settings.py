"""Settings of a run, read from flags, environment variables and a TOML file, in that order."""

import itertools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import from_json
from pydantic_settings import BaseSettings, EnvSettingsSource, NoDecode, SettingsConfigDict

from dancetype.engine.defaults import DEFAULT_HOP, DEFAULT_RUNTIME, Device, PoseRuntime
from dancetype.engine.errors import SettingsError, SourceError
from dancetype.stream.sources.uri import SourceUri, parse_uri

Variant = Literal["lite", "full", "heavy"]

# A name becomes a level of an MQTT topic, so it has no slash, plus or hash.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


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
SERVER_PANEL: Final = "Page and WebSocket"
OUTPUT_PANEL: Final = "MQTT, OSC and files"
MODELS_PANEL: Final = "Models"

_HERE: Final = frozenset({"run", "demo"})
_WITH_SINKS: Final = _HERE | {"replay"}
_LIVE: Final = _WITH_SINKS | {"fleet"}
_WITH_SOURCES: Final = _HERE | {"fleet"}
_FROM_FILES: Final = frozenset({"classify", "label"})
_WITH_CLASSIFIER: Final = _LIVE | _FROM_FILES | {"doctor"}
_WITH_POSES: Final = _WITH_SOURCES | _FROM_FILES | {"record", "doctor"}


def name_sources(value: Any) -> dict[str, SourceUri]:
    """Return the sources that a user listed, by name.

    Args:
        value: `name=URI` or a bare URI, several of them in a list or as a JSON list, or a table of
            names and URIs. A bare URI gets a name that describes it.

    Raises:
        ValueError: The value has another form, or two sources have the same name.
        SourceError: A URI is invalid.
    """
    pairs = _pairs(value)
    taken = {name for name, _ in pairs if name}
    if len(taken) < sum(name is not None for name, _ in pairs):
        raise ValueError("two sources have the same name")
    sources: dict[str, SourceUri] = {}
    for name, text in pairs:
        uri = parse_uri(text)
        short = uri.short_name
        candidates = itertools.chain([short], (f"{short}-{n}" for n in itertools.count(2)))
        free = name or next(each for each in candidates if each not in taken)
        taken.add(free)
        sources[free] = uri
    return sources


def _split_at_commas(value: Any) -> Any:
    """Return the items of an environment variable; other values stay as they are."""
    return (
        tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value
    )


class Settings(BaseSettings):
    """All settings of `dancetype run` and `demo`; other commands take some of them."""

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
        BeforeValidator(name_sources),
        Flag(INPUT_PANEL, frozenset({"run"}), "[NAME=]URI"),
    ] = {}
    """Source: 0 (a webcam), rtsp://..., a file or test:; repeat for more."""
    host: Annotated[str, Flag(SERVER_PANEL, _LIVE | {"doctor"})] = "127.0.0.1"
    """Address of the page and the WebSocket."""
    port: Annotated[int, Field(ge=0, le=65535), Flag(SERVER_PANEL, _LIVE | {"doctor"})] = 8765
    """Port of the page and the WebSocket; 0 picks a free one."""
    serve: Annotated[bool, Flag(SERVER_PANEL, _LIVE)] = True
    """Serve the page and the WebSocket, or not."""
    token: Annotated[SecretStr | None, Flag(SERVER_PANEL, _LIVE)] = None
    """Token that clients must send, at least 16 characters. Safer in the environment:
    DANCETYPE_TOKEN."""
    insecure: Annotated[bool, Flag(SERVER_PANEL, _LIVE)] = False
    """Allow unauthenticated clients on a non-local --host."""
    allow_origin: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(_split_at_commas),
        Flag(SERVER_PANEL, _LIVE, "http://HOST"),
    ] = ()
    """Origin of other web pages that may connect; repeat for more."""
    max_clients: Annotated[int, Field(ge=1, le=10_000), Flag(SERVER_PANEL, _WITH_SINKS)] = 256
    """Maximum number of WebSocket clients."""
    tls_cert: Annotated[Path | None, Flag(SERVER_PANEL, _LIVE, "PEM")] = None
    """Certificate chain of the page and the WebSocket."""
    tls_key: Annotated[Path | None, Flag(SERVER_PANEL, _LIVE, "PEM")] = None
    """Private key of --tls-cert, if it is in a file of its own."""
    preview: Annotated[bool, Flag(SERVER_PANEL, _HERE)] = False
    """Show small pictures of the sources on the page."""
    mqtt: Annotated[str | None, Field(repr=False), Flag(OUTPUT_PANEL, _LIVE, "URL")] = None
    """MQTT broker: mqtt://user:pass@host."""
    mqtt_ca: Annotated[Path | None, Flag(OUTPUT_PANEL, _LIVE, "PEM")] = None
    """CA certificate file for mqtts:// (default: the system's certificates)."""
    mqtt_client_id: Annotated[
        str | None, Field(min_length=1, max_length=64), Flag(OUTPUT_PANEL, _LIVE, "NAME")
    ] = None
    """MQTT client name; the name of each source is appended."""
    homeassistant: Annotated[bool, Flag(OUTPUT_PANEL, _LIVE)] = False
    """Announce the sources to Home Assistant over MQTT."""
    osc: Annotated[str | None, Flag(OUTPUT_PANEL, _WITH_SINKS, "HOST:PORT")] = None
    """Receiver of OSC messages."""
    jsonl: Annotated[Path | None, Flag(OUTPUT_PANEL, _WITH_SINKS, "FILE")] = None
    """File to append messages to."""
    record: Annotated[Path | None, Flag(OUTPUT_PANEL, _HERE, "DIR")] = None
    """Folder to record joints and predictions in, never images."""
    people: Annotated[int, Field(ge=1, le=6), Flag(INPUT_PANEL, _LIVE)] = 1
    """Number of dancers to follow in each source."""
    stall: Annotated[float, Field(ge=0.5, le=60), Flag(INPUT_PANEL, _WITH_SOURCES)] = 2.0
    """Seconds without a frame after which a live source counts as stalled."""
    hop: Annotated[float, Field(ge=0.02, le=10), Flag(INPUT_PANEL, _LIVE)] = DEFAULT_HOP
    """Seconds between predictions."""
    model: Annotated[Path | None, Flag(MODELS_PANEL, _WITH_CLASSIFIER, "FILE")] = None
    """Genre model, an ONNX file (default: the one in the package)."""
    device: Annotated[Device, Flag(MODELS_PANEL, _WITH_CLASSIFIER)] = "auto"
    """Processor of the genre model."""
    variant: Annotated[Variant, Flag(MODELS_PANEL, _WITH_POSES | {"pull"})] = "full"
    """Pose model."""
    pose_runtime: Annotated[PoseRuntime, Flag(MODELS_PANEL, _WITH_POSES)] = DEFAULT_RUNTIME
    """Library that runs the pose model."""
    pose_fps: Annotated[
        float | None, Field(ge=1, le=240), Flag(INPUT_PANEL, _WITH_SOURCES | _FROM_FILES)
    ] = None
    """Frames per second to find poses in (default: all)."""
    pose_model: Annotated[Path | None, Flag(MODELS_PANEL, _WITH_POSES, "FILE")] = None
    """File of another pose model, in place of --variant."""
    seconds: Annotated[float | None, Field(gt=0), Flag(INPUT_PANEL, _LIVE | {"record"})] = None
    """Seconds to run (default: no limit)."""


def flag_of(field: FieldInfo) -> Flag:
    """Return how a setting appears on the command line."""
    return next(each for each in field.metadata if isinstance(each, Flag))


def settings_of(command: str, *panels: str) -> tuple[str, ...]:
    """Return the names of a command's settings; those of the given panels only, if any."""
    flags = {name: flag_of(field) for name, field in Settings.model_fields.items()}
    return tuple(
        name
        for name, flag in flags.items()
        if command in flag.commands and (not panels or flag.panel in panels)
    )


def load_settings(flags: Mapping[str, Any], *, config: Path | None = None) -> Settings:
    """Merge flags, environment variables and a TOML file; the first that has a setting counts.

    Args:
        flags: Values by setting. A flag that was not given is None, or an empty sequence if it may
            be repeated.
        config: TOML file, if there is one.

    Raises:
        SettingsError: A key is unknown, or a value is invalid.
    """
    table = {} if config is None else _read(config)
    given = {name: value for name, value in flags.items() if value not in (None, [], ())}
    try:
        return Settings(**{**table, **EnvSettingsSource(Settings)(), **given})
    except SourceError as error:
        raise SettingsError(f"source: {error}") from error
    except ValidationError as error:
        raise SettingsError(explained(error, config)) from error


def _read(config: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(config.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{config}: no such file") from None
    except OSError as error:
        raise SettingsError(f"{config}: cannot be read: {error.strerror}") from error
    # tomllib also raises errors of its own making for long numbers and deeply nested tables.
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{config}: not TOML: {error}") from error


def explained(error: ValidationError, config: Path | None = None) -> str:
    """Return the first problem in one line, without values, which may be passwords."""
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return (
            f"{config}: there is no setting {key!r}; there are {', '.join(Settings.model_fields)}"
        )
    return f"{key}: {first['msg'].removeprefix('Value error, ')}"


def _pairs(value: Any) -> list[tuple[str | None, str]]:
    """Return pairs of a name, or None, and a URI."""
    if isinstance(value, Mapping):
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name: letters, digits, '_', '.' and '-' make one")
        pairs: list[tuple[str | None, Any]] = list(value.items())
    elif isinstance(value, str):
        # An environment variable holds one source, or several as a JSON list.
        is_list = value.lstrip().startswith("[")
        return _pairs(from_json(value)) if is_list else [_split(value)]
    elif isinstance(value, list | tuple):
        pairs = [_split(text) if isinstance(text, str) else (None, text) for text in value]
    else:
        pairs = [(None, value)]
    if not all(isinstance(uri, str) for _, uri in pairs):
        raise ValueError("takes name=URI, a list of such texts, or a table of names and URIs")
    return pairs


def _split(text: str) -> tuple[str | None, str]:
    name, equals, uri = text.partition("=")
    return (name, uri) if equals and _NAME.fullmatch(name) else (None, text)
