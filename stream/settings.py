"""What a user can set, and the order in which it counts: flags, environment, TOML file."""

import json
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from dancetype.engine.errors import SettingsError, SourceError
from dancetype.engine.pose.base import DEFAULT_RUNTIME, PoseRuntime
from dancetype.stream.sources.uri import SourceUri, parse_uri

Device = Literal["auto", "cpu", "cuda"]
Variant = Literal["lite", "full", "heavy"]

# As a name goes into MQTT topics, it has no slash, plus or hash.
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def name_sources(value: Any) -> dict[str, SourceUri]:
    """Understands what a user wrote of sources.

    Args:
        value: `name=URI` or a bare URI, several of them in a list or as a JSON list, or a table of
            names and URIs. A bare URI is named after what it is.

    Raises:
        ValueError: it is none of these, or two sources have one name.
        SourceError: a URI is none.
    """
    pairs = _pairs(value)
    taken = {name for name, _ in pairs if name}
    if len(taken) < sum(name is not None for name, _ in pairs):
        raise ValueError("two sources have the same name")
    sources: dict[str, SourceUri] = {}
    for name, text in pairs:
        uri = parse_uri(text)
        free = name or _free(uri.short_name, taken)
        taken.add(free)
        sources[free] = uri
    return sources


def _listed(value: Any) -> Any:
    """A text, as a variable holds it, as the texts between its commas."""
    return (
        tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value
    )


class Settings(BaseSettings):
    """All settings of `dancetype run` and `demo`; other verbs take some of them."""

    model_config = SettingsConfigDict(
        env_prefix="DANCETYPE_",
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    source: Annotated[dict[str, SourceUri], NoDecode, BeforeValidator(name_sources)] = {}
    """Sources by name."""
    host: str = "127.0.0.1"
    """Address the page and the WebSocket listen on."""
    port: int = Field(8765, ge=0, le=65535)
    """Port they listen on; 0 picks a free one."""
    serve: bool = True
    """Whether there are a page and a WebSocket at all."""
    token: SecretStr | None = None
    """What clients have to know, at least 16 characters."""
    insecure: bool = False
    """Whether to listen on other than loopback addresses without a token."""
    allow_origin: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)] = ()
    """Origins of web pages that may connect, besides this machine's own."""
    max_clients: int = Field(256, ge=1, le=10_000)
    """How many WebSocket clients there may be at a time."""
    tls_cert: Path | None = None
    """Certificate chain (PEM) to serve the page and the WebSocket with."""
    tls_key: Path | None = None
    """Its private key (PEM), where it is not in the same file."""
    preview: bool = False
    """Whether the dashboard may show small pictures of the sources."""
    mqtt: str | None = Field(None, repr=False)
    """URL of an MQTT broker to send to."""
    mqtt_ca: Path | None = None
    """Certificate (PEM) of who vouches for the broker; those the system trusts where None."""
    mqtt_client_id: str | None = Field(None, min_length=1, max_length=64)
    """Our name at the broker, followed by each source's."""
    homeassistant: bool = False
    """Whether to tell Home Assistant, over MQTT, what there is."""
    osc: str | None = None
    """Where to send OSC messages: `host:port`."""
    jsonl: Path | None = None
    """File that messages are appended to."""
    record: Path | None = None
    """Folder that takes are kept in."""
    people: int = Field(1, ge=1, le=6)
    """How many dancers of a source to follow."""
    stall: float = Field(2.0, ge=0.5, le=60)
    """Seconds without a frame after which a live source counts as stalled."""
    hop: float = Field(0.25, ge=0.02, le=10)
    """Seconds between predictions."""
    model: Path | None = None
    """Genre model; the shipped one where None."""
    device: Device = "auto"
    """What the genre model runs on."""
    variant: Variant = "full"
    """Pose model."""
    pose_runtime: PoseRuntime = DEFAULT_RUNTIME
    """What runs the pose model."""
    pose_fps: float | None = Field(None, ge=1, le=240)
    """Frames a second to look for poses in; every frame where None."""
    pose_model: Path | None = None
    """File of a pose model, in place of a variant."""
    seconds: float | None = Field(None, gt=0)
    """How long to run; without end where None."""


def load_settings(flags: Mapping[str, Any], *, config: Path | None = None) -> Settings:
    """Brings flags, environment and TOML file together.

    Args:
        flags: by the name of the setting. None is a flag that was not given, and so is an empty
            sequence, which is what typer makes of a flag that may be repeated.
        config: the TOML file, if there is one.

    Raises:
        SettingsError: a key is unknown, or a value is none that it takes.
    """
    table = {} if config is None else _read(config)

    class Configured(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            """First come, first served: flags, environment, TOML file."""
            return init_settings, env_settings, InitSettingsSource(settings_cls, table)

    given = {name: value for name, value in flags.items() if value not in (None, [], ())}
    try:
        return Configured(**given)
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
    # Besides its own error, tomllib lets through those of long numbers and of tables in tables.
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{config}: not TOML: {error}") from error


def explained(error: ValidationError, config: Path | None = None) -> str:
    """Says what is wrong first; the values stay untold, since passwords may be among them.

    Args:
        error: of settings.
        config: the TOML file they may be from.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return (
            f"{config}: there is no setting {key!r}; there are {', '.join(Settings.model_fields)}"
        )
    return f"{key}: {first['msg'].removeprefix('Value error, ')}"


def _pairs(value: Any) -> list[tuple[str | None, str]]:
    """Names, where given, and URIs."""
    if isinstance(value, Mapping):
        for name in value:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name: letters, digits, '_', '.' and '-' make one")
        pairs: list[tuple[str | None, Any]] = list(value.items())
    elif isinstance(value, str):
        # A variable holds one text, which may be a JSON list of several.
        listed = value.lstrip().startswith("[")
        return _pairs(_json(value)) if listed else [_split(value)]
    elif isinstance(value, list | tuple):
        pairs = [_split(text) if isinstance(text, str) else (None, text) for text in value]
    else:
        pairs = [(None, value)]
    if not all(isinstance(uri, str) for _, uri in pairs):
        raise ValueError("takes name=URI, a list of such texts, or a table of names and URIs")
    return pairs


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("takes a list of texts, not lists in lists") from None


def _split(text: str) -> tuple[str | None, str]:
    name, equals, uri = text.partition("=")
    return (name, uri) if equals and _NAME.fullmatch(name) else (None, text)


def _free(name: str, taken: Collection[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
