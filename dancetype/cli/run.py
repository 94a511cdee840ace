"""`dancetype run`: classify dance live."""

from dancetype.cli.options import with_settings
from dancetype.engine.errors import SettingsError
from dancetype.stream.settings import Settings


@with_settings
def run(settings: Settings) -> None:
    r"""Classify dance live from one or more cameras.

    Predictions are printed in the terminal, shown on a dashboard, and sent over a WebSocket; MQTT,
    OSC and files are optional. Each option below except --config can also be set as an environment
    variable (--pose-fps as DANCETYPE_POSE_FPS) or in the TOML file of --config (pose_fps).

    Examples:
        # First webcam; the dashboard is at http://127.0.0.1:8765
        dancetype run --source 0
        # Two named cameras, with messages to an MQTT broker
        dancetype run --source left=rtsp://10.0.0.11/1 \
            --source right=rtsp://10.0.0.12/1 --mqtt mqtt://user:pass@10.0.0.5
        # Up to three dancers, with OSC to a lighting desk
        dancetype run --source 0 --people 3 --osc 10.0.0.7:9000
        # All settings from a file
        dancetype run --config stage.toml
    """
    if not settings.source:
        raise SettingsError("no source: give --source 0 (a webcam), rtsp://..., a file or test:")
    from dancetype.app import run_sources

    run_sources(settings, settings.source)
