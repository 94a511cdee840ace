"""`dancetype models`: the pose model files."""

import typer

from dancetype.cli.options import with_settings
from dancetype.stream.settings import Settings

models = typer.Typer(
    name="models", help="Manage the pose models.", no_args_is_help=True, add_completion=False
)
# A Typer with a single command and no callback would drop the name of the command.
models.callback()(lambda: None)


@models.command()
@with_settings
def pull(settings: Settings) -> None:
    """Download the pose model into the cache, and print its path."""
    from dancetype.engine.progress import print_status
    from dancetype.stream.assets import POSE_MODELS, cache_folder, fetch

    print(fetch(POSE_MODELS[settings.variant], cache_folder(), say=print_status))
