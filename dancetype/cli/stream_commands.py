"""The verbs of this folder: their words, flags and help."""

from pathlib import Path
from typing import Annotated

import typer

from dancetype.cli.options import CLASSIFIER, FLEET, LIVE, POSE, REPLAY, settings, takes

# OpenCV, MediaPipe and onnxruntime take seconds to load, which `--help` need not wait for: each
# verb imports what it needs.


def register(app: typer.Typer) -> None:
    """Adds this folder's verbs to the command."""
    app.command("demo")(demo)
    app.command("run")(run)
    app.command("classify")(classify)
    app.command("label")(label)
    app.command("record")(record)
    app.command("replay")(replay)
    app.command("fleet")(fleet)
    models = typer.Typer(help="The pose model.", no_args_is_help=True)
    models.command("pull")(pull)
    # With one verb alone, typer would leave the verb's name out.
    models.callback()(lambda: None)
    app.add_typer(models, name="models")
    app.command("doctor")(doctor)


@takes(*LIVE)
def run(
    context: typer.Context,
    source: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]URI", help="0 (a webcam), rtsp://..., a file or test:; repeat for more."
        ),
    ] = None,
) -> None:
    """Tell live what is danced in front of one camera or several."""
    given = settings(context)
    from dancetype.cli import run as live

    live.run(given)


@takes(*LIVE)
def demo(context: typer.Context) -> None:
    """Show it all on a sample clip, without a camera."""
    given = settings(context)
    from dancetype.cli import run as live

    live.demo(given)


@takes("pose_fps", *CLASSIFIER)
def classify(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help='Videos; folders, of which all videos are meant; or patterns, "a/**/*.mp4".',
        ),
    ],
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Clips to look at at a time (default: one a core).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON text a line.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values.")] = False,
    video_out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.mp4|FOLDER/",
            help="Write the clip with the skeleton and what is said of it, moment by moment; of "
            "several clips into a folder, NAME.mp4 each.",
        ),
    ] = None,
    plot: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.png|FOLDER/",
            help="Plot how likely each genre is over time; of several clips into a folder.",
        ),
    ] = None,
) -> None:
    """Tell what is danced in whole video files."""
    given = settings(context)
    from dancetype.cli.classify import classify

    classify(
        files, given, jobs=jobs, as_json=as_json, as_csv=as_csv, video_out=video_out, plot=plot
    )


@takes("pose_fps", *CLASSIFIER)
def label(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder of videos, and of folders of them.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE.parquet", help="The table to write.")],
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ray://HOST:10001",
            help="A Ray cluster, where the folder has the same path on each machine (default: "
            "this machine alone).",
        ),
    ] = None,
    retry_errors: Annotated[
        bool, typer.Option("--retry-errors", help="Try again what ended in an error.")
    ] = False,
) -> None:
    """Tell what is danced in an archive of videos, in one table; started again, it goes on."""
    given = settings(context)
    from dancetype.cli.label import label

    label(folder, given, out=out, address=address, retry_errors=retry_errors)


@takes(*POSE)
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
) -> None:
    """Record landmark tracks of your own people, for `train --tracks`; no picture is kept."""
    given = settings(context)
    from dancetype.cli.record import record
    from dancetype.stream.recording_run import Label

    record(given, Label.parse(genre, dancer), out=out, start_delay=start_delay)


@takes(*REPLAY)
def replay(
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="TAKE...", help="Files of run --record, or folders of them."),
    ],
    speed: Annotated[
        float, typer.Option(min=0, help="So many times as fast; 0 is as fast as it goes.")
    ] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Start over at the end, for ever.")] = False,
) -> None:
    """Play what run --record has kept, as if somebody danced: to rehearse, or look into a fault.

    Dancers to follow and seconds between predictions are those of the run, where none are given.
    """
    given = settings(context)
    from dancetype.cli.replay import replay

    replay(files, given, speed=speed, loop=loop)


@takes(*FLEET)
def fleet(
    context: typer.Context,
    cameras: Annotated[
        Path, typer.Option(metavar="FILE", help="Cameras as a TOML file; edit it while they run.")
    ],
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ray://HOST:10001",
            help="Ray cluster to run them on (default: this machine alone).",
        ),
    ] = None,
) -> None:
    """Tell what is danced in front of many cameras, with all the machines of a cluster."""
    given = settings(context)
    from dancetype.cli.fleet import fleet

    fleet(given, cameras, address=address)


@takes("variant")
def pull(context: typer.Context) -> None:
    """Fetch the pose model into the cache, ahead of time."""
    given = settings(context)
    from dancetype.cli.models import pull

    pull(given.variant)


@takes("host", "port", *CLASSIFIER)
def doctor(context: typer.Context) -> None:
    """Say what works on this machine, and what to do about what does not."""
    given = settings(context)
    from dancetype.cli.doctor import doctor

    doctor(given)
