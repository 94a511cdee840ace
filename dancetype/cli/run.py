"""`dancetype run` and `dancetype demo`: classify sources live."""

from dancetype.app import run_sources, say
from dancetype.engine.errors import SettingsError
from dancetype.stream.assets import SAMPLE_CLIP, cache_folder, fetch
from dancetype.stream.settings import Settings
from dancetype.stream.sources.uri import parse_uri


def run(settings: Settings) -> None:
    """Classify the sources until all have ended or the run is stopped.

    Raises:
        ExpectedError: The run cannot start.
        SystemExit: A source failed.
    """
    if not settings.source:
        raise SettingsError("no source: give --source 0 for a webcam, rtsp://..., a file or test:")
    run_sources(settings, settings.source)


def demo(settings: Settings) -> None:
    """Classify the sample clip, over and over.

    Raises:
        ExpectedError: The run cannot start.
        SystemExit: The clip cannot be read.
    """
    clip = fetch(SAMPLE_CLIP, cache_folder(), say=say)
    run_sources(settings, {"demo": parse_uri(str(clip))}, loop=True)
