"""The verbs `run`, `demo`, `classify`, `record`, `models pull` and `doctor`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stream.settings import Settings

# OpenCV, MediaPipe and onnxruntime take seconds to load, which `--help` need not wait for: each
# verb imports what it needs. Flags are None where they are not given, so that the environment and
# the TOML file can speak; `stream.settings` holds the defaults.

Config = Annotated[Path | None, typer.Option(metavar="FILE", help="Settings as a TOML file.")]
Host = Annotated[str | None, typer.Option(help="Address to serve on (default: 127.0.0.1).")]
Port = Annotated[int | None, typer.Option(help="Port; 0 takes a free one (default: 8765).")]
Serve = Annotated[
    bool | None, typer.Option("--serve/--no-serve", help="Serve the page and WebSocket, or not.")
]
Mqtt = Annotated[str | None, typer.Option(metavar="URL", help="Broker: mqtt://user:pass@host.")]
Jsonl = Annotated[Path | None, typer.Option(metavar="FILE", help="Append messages to a file.")]
Hop = Annotated[float | None, typer.Option(help="Seconds between predictions (default: 0.25).")]
Model = Annotated[Path | None, typer.Option(metavar="FILE", help="Genre model, an ONNX file.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda (default: auto).")]
Variant = Annotated[str | None, typer.Option(help="Pose model: lite, full or heavy.")]
PoseModel = Annotated[Path | None, typer.Option(metavar="FILE", help="A pose model of your own.")]
Seconds = Annotated[float | None, typer.Option(help="Stop after so many seconds.")]


def register(app: typer.Typer) -> None:
    """Adds this folder's verbs to the command."""
    app.command("demo")(demo)
    app.command("run")(run)
    app.command("classify")(classify)
    app.command("record")(record)
    models = typer.Typer(help="The pose model.", no_args_is_help=True)
    models.command("pull")(pull)
    # With one verb alone, typer would leave the verb's name out.
    models.callback()(lambda: None)
    app.add_typer(models, name="models")
    app.command("doctor")(doctor)


def run(
    context: typer.Context,
    source: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]URI", help="0 (a webcam), rtsp://..., a file or test:; repeat for more."
        ),
    ] = None,
    config: Config = None,
    host: Host = None,
    port: Port = None,
    serve: Serve = None,
    mqtt: Mqtt = None,
    jsonl: Jsonl = None,
    hop: Hop = None,
    model: Model = None,
    device: Device = None,
    variant: Variant = None,
    pose_model: PoseModel = None,
    seconds: Seconds = None,
) -> None:
    """Tell live what is danced in front of one camera or several."""
    settings = _settings(context)
    from stream.verbs import live

    live.run(settings)


def demo(
    context: typer.Context,
    config: Config = None,
    host: Host = None,
    port: Port = None,
    serve: Serve = None,
    mqtt: Mqtt = None,
    jsonl: Jsonl = None,
    hop: Hop = None,
    model: Model = None,
    device: Device = None,
    variant: Variant = None,
    pose_model: PoseModel = None,
    seconds: Seconds = None,
) -> None:
    """Show it all on a sample clip, without a camera."""
    settings = _settings(context)
    from stream.verbs import live

    live.demo(settings)


def classify(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Videos.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON text a line.")] = False,
    config: Config = None,
    model: Model = None,
    device: Device = None,
    variant: Variant = None,
    pose_model: PoseModel = None,
) -> None:
    """Tell what is danced in whole video files."""
    settings = _settings(context)
    from stream.verbs.classify import classify

    classify(files, settings, as_json=as_json)


def record(
    context: typer.Context,
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]SOURCE", help="0 (a webcam), rtsp://..., video files or test:."
        ),
    ],
    genre: Annotated[
        str, typer.Option(help="What is danced, by code or name: BR, break, ...; or none.")
    ],
    dancer: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Who is seen, always spelt alike: a model is to be tried on dancers that it has "
            "not learned from, and the name tells them apart.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the tracks.")],
    seconds: Annotated[
        float | None, typer.Option(help="Record so many seconds (default: to the end, or Ctrl-C).")
    ] = None,
    start_delay: Annotated[
        float, typer.Option(min=0, help="Leave out so many seconds at the start.")
    ] = 0.0,
    config: Config = None,
    variant: Variant = None,
    pose_model: PoseModel = None,
) -> None:
    """Record landmark tracks of your own people, for `train --tracks`; no picture is kept."""
    settings = _settings(context)
    from stream.label import Label

    label = Label.parse(genre, dancer)
    from stream.verbs.record import record

    record(settings, label, out=out, start_delay=start_delay)


def pull(context: typer.Context, variant: Variant = None) -> None:
    """Fetch the pose model into the cache, ahead of time."""
    settings = _settings(context)
    from stream.verbs.models import pull

    pull(settings.variant)


def doctor(
    context: typer.Context,
    config: Config = None,
    host: Host = None,
    port: Port = None,
    model: Model = None,
    device: Device = None,
    variant: Variant = None,
    pose_model: PoseModel = None,
) -> None:
    """Say what works on this machine, and what to do about what does not."""
    settings = _settings(context)
    from stream.verbs.doctor import doctor

    doctor(settings)


def _settings(context: typer.Context) -> "Settings":
    """Settings out of a verb's flags, all of which bear the names of settings."""
    from stream.settings import Settings, load_settings

    flags = {name: context.params[name] for name in Settings.model_fields if name in context.params}
    return load_settings(flags, config=context.params.get("config"))
