"""`dancetype demo`: classify a sample clip in a loop."""

from dancetype.cli.options import with_settings
from dancetype.stream.settings import Settings


@with_settings
def demo(settings: Settings) -> None:
    """Classify a sample clip live, without a camera.

    The clip is downloaded on first use and played in a loop until Ctrl-C. All outputs of
    `dancetype run` are available, so that receivers can be set up without a camera.
    """
    from dancetype.app import run_sources
    from dancetype.engine.progress import print_status
    from dancetype.stream.assets import SAMPLE_CLIP, cache_folder, fetch
    from dancetype.stream.sources.uri import parse_uri

    clip = fetch(SAMPLE_CLIP, cache_folder(), report=print_status)
    run_sources(settings, {"demo": parse_uri(str(clip))}, loop=True)
