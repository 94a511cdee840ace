"""`dancetype models pull`: fetches a pose model ahead of time."""

from dancetype.app import say
from dancetype.stream.assets import POSE_MODELS, cache_folder, fetch
from dancetype.stream.settings import Variant


def pull(variant: Variant) -> None:
    """Fetches a pose model into the cache, unless it is there, and prints its path.

    Raises:
        AssetError: it cannot be had.
    """
    print(fetch(POSE_MODELS[variant], cache_folder(), say=say))
