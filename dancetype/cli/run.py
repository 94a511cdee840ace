"""`dancetype run`: classify dance live."""

from dancetype.cli.options import with_settings
from dancetype.engine.errors import SettingsError
from dancetype.stream.settings import Settings


@with_settings
def run(settings: Settings) -> None:
    """Classify dance live from one or more cameras."""
    if not settings.source:
        raise SettingsError("no source: give --source 0 for a webcam, rtsp://..., a file or test:")
    from dancetype.app import run_sources

    run_sources(settings, settings.source)
