"""Routes of the server for a folder written by `dancetype browser`."""

import json
from functools import partial
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Final

from dancetype.engine.errors import SettingsError
from dancetype.stream.web.browser import CONTENT_POLICY, MANIFEST
from dancetype.stream.web.pages import Page, Route

ROOT: Final = "/try"
"""Path of the page."""

_MEDIA_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    # Otherwise a browser does not compile it while it is downloaded.
    ".wasm": "application/wasm",
}


def browser_routes(folder: Path) -> dict[str, Route]:
    """Return the routes of all files in a folder, for clients with and without a token.

    The pages contain no data of the run, like the other static pages. Files that were added to the
    folder later are not served.

    Raises:
        SettingsError: `dancetype browser` did not write the folder, or a file is missing.
    """
    files = {f"{ROOT}/{name}": folder / name for name in _read_manifest(folder)}
    files[f"{ROOT}/"] = files[f"{ROOT}/index.html"]
    # Links in the page are relative, also behind a proxy that adds a prefix to the path.
    location = {"Location": f"{ROOT.removeprefix('/')}/"}
    redirect = Page(HTTPStatus.MOVED_PERMANENTLY, "text/plain", b"", location)
    routes: dict[str, Route] = {path: partial(_page, file) for path, file in files.items()}
    return {**routes, ROOT: lambda authorised: redirect}


def _page(file: Path, authorised: bool) -> Page:
    del authorised
    status = file.stat()
    headers = {
        "Content-Security-Policy": CONTENT_POLICY,
        # The models are large. The browser asks whether they have changed.
        "Cache-Control": "no-cache",
        "ETag": f'"{status.st_mtime_ns:x}-{status.st_size:x}"',
    }
    media_type = _MEDIA_TYPES.get(file.suffix, "application/octet-stream")
    return Page(HTTPStatus.OK, media_type, b"", headers, file)


def _read_manifest(folder: Path) -> list[str]:
    """Return the path of each file."""
    advice = f"create it with: dancetype browser --out {folder}"
    try:
        names = list(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"browser_page: {folder} has no readable {MANIFEST}; {advice}"
        ) from error
    for name in ["index.html", *names]:
        path = PurePosixPath(name)
        if name not in names or path.is_absolute() or ".." in path.parts:
            raise SettingsError(f"browser_page: {folder / MANIFEST} is damaged; {advice}")
        if not (folder / name).is_file():
            raise SettingsError(f"browser_page: {folder / name} is missing; {advice}")
    return names
