"""Folder for downloaded files."""

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Return the folder for downloads: $DANCETYPE_CACHE, or `dancetype` in the user's cache.

    The user's cache is `~/.cache` or $XDG_CACHE_HOME on Linux, `~/Library/Caches` on macOS and
    `%LOCALAPPDATA%` on Windows.
    """
    if configured := os.environ.get("DANCETYPE_CACHE"):
        return Path(configured).expanduser()
    return platformdirs.user_cache_path("dancetype", appauthor=False)
