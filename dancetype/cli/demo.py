"""`dancetype demo`: classify a clip in a loop."""

from typing import Annotated, Final, Literal

import typer

from dancetype.cli.options import with_settings
from dancetype.stream.settings import Settings

_DANCE_NOTE: Final = (
    "The model was trained on these dances: the demo shows how dancetype works, not how accurate "
    "it is. Motion: AIST++, CC BY 4.0."
)
_WALK_NOTE: Final = "This person does not dance: any genre is a mistake. Clip: Sports2D, BSD-3."


@with_settings
def demo(
    settings: Settings,
    clip: Annotated[
        Literal["dance", "walk"],
        typer.Option(
            metavar="dance|walk", help="Clip to play: five dances, or a person who does not dance."
        ),
    ] = "dance",
) -> None:
    """Classify a clip live, without a camera.

    A rendered person dances lock, ballet jazz, krump, waack and break, and stands still in between.
    The model was trained on these dances: the demo shows how dancetype works, not how accurate it
    is. `--clip walk` plays a real person who does not dance; that clip is downloaded on first use.

    The clip is played in a loop until Ctrl-C, and the dashboard shows its images. All outputs of
    `dancetype run` are available, so that receivers can be set up without a camera.
    """
    from dancetype.app import run_sources
    from dancetype.engine.progress import print_status
    from dancetype.stream.assets import DANCE_CLIP, SAMPLE_CLIP, cache_folder, fetch
    from dancetype.stream.sources.uri import parse_path

    if clip == "walk":
        path, note = fetch(SAMPLE_CLIP, cache_folder(), report=print_status), _WALK_NOTE
    else:
        path, note = DANCE_CLIP, _DANCE_NOTE
    source = parse_path(str(path))
    run_sources(_with_preview(settings), {"demo": source}, loop=True, note=note)


def _with_preview(settings: Settings) -> Settings:
    """Turn on the images, unless a setting turns them off or other machines need no token."""
    from dancetype.stream.web.access import is_loopback

    protected = settings.token is not None or is_loopback(settings.host)
    if "preview" in settings.model_fields_set or not settings.serve or not protected:
        return settings
    return settings.model_copy(update={"preview": True})
