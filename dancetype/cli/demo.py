"""`dancetype demo`: classify a sample clip, over and over."""

from dancetype.cli.options import with_settings
from dancetype.stream.settings import Settings


@with_settings
def demo(settings: Settings) -> None:
    """Classify a sample clip live, without a camera."""
    from dancetype.app import run_sources
    from dancetype.engine.progress import print_status
    from dancetype.stream.assets import SAMPLE_CLIP, cache_folder, fetch
    from dancetype.stream.sources.uri import parse_uri

    clip = fetch(SAMPLE_CLIP, cache_folder(), say=print_status)
    run_sources(settings, {"demo": parse_uri(str(clip))}, loop=True)
