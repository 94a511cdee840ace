"""Folder for downloaded files."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder for downloads: $DANCETYPE_CACHE, or `dancetype` in the user's cache."""
    if configured := os.environ.get("DANCETYPE_CACHE"):
        return Path(configured).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "dancetype"
