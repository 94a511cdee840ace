"""What looks at whole clips, as the settings have it: in this process or in another."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from dancetype.engine.classifier import Classifier
from dancetype.engine.workers import Work
from dancetype.loading import estimator_maker
from dancetype.stream.settings import Settings

_LOOKED_AT: Final = ("model", "device", "variant", "pose_model", "pose_runtime", "pose_fps", "hop")


def portable(settings: Settings) -> Settings:
    """What of the settings a clip is looked at by, as it can go to other processes: no secrets."""
    given = {name: getattr(settings, name) for name in _LOOKED_AT}
    # The other process may have another working folder.
    paths = {name: each.absolute() for name, each in given.items() if isinstance(each, Path)}
    return Settings.model_construct(**{**given, **paths})


@contextmanager
def clip_worker(settings: Settings, *, threads: int) -> Iterator[Work]:
    """Loads the models and gives a `ClipJob`; closes them.

    Args:
        settings: say the models and the hop.
        threads: that a film is written with; as many as there are cores where 0.

    Raises:
        ExpectedError: a model cannot be had or used.
    """
    # Seconds to load.
    from dancetype.stream.offline.clip_job import ClipJob

    classifier = Classifier(settings.model, device=settings.device)
    with estimator_maker(settings)() as estimator:
        yield ClipJob(
            classifier,
            estimator,
            hop=settings.hop,
            fps=settings.pose_fps,
            clock=time.monotonic,
            threads=threads,
        )
